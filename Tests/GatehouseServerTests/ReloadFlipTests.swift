import Foundation
import GatehouseConfig
import GatehouseTestSupport
import Logging
import Synchronization
import Testing

@testable import GatehouseServer

/// An instance in this process, with an issuer and an upstream beside it, whose file is read again and again.
@Suite("A reload is one step", .timeLimit(.minutes(5)))
struct ReloadFlipTests {
    private static let flips = 1500
    /// A busy machine, or a sanitizer, makes fewer in this time.
    private static let patience: Duration = .seconds(60)

    /// The clients' observations, and whether they go on.
    private final class Load: Sendable {
        let goesOn = Atomic(true)
        let statuses = Mutex<[String: Set<Int>]>([:])
        let words = Mutex<Set<String>>([])
    }

    private static let denied = "xaver@example.com"
    private static let allowed = "yvonne@example.com"

    /// In neither of the files may the denied one use the route: one has no grant for him, the other a deny list.
    private static func yaml(_ folder: String, _ certs: String, _ upstream: String, deny: String, allow: String)
        -> String
    {
        """
        version: 1
        listen: unix:\(folder)/gateway.sock
        admin: unix:\(folder)/admin.sock
        threads: 2
        access:
          issuer: \(TestIssuer.defaultIssuer)
          certs_url: \(certs)
          deny: { users: [\(deny)] }
        stores: { environment: { kind: env } }
        audit: { spool: \(folder)/spool, sink: { kind: sqlite, path: \(folder)/audit.db } }
        routes:
          - name: flip
            host: "*"
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: \(upstream)
            protocol: http
            allow: [ { users: [\(allow)] } ]

        """
    }

    /// An instance that serves the first of the files, and the folder of all.
    private final class Fixture: Sendable {
        let gatehouse: Gatehouse
        let folder: String
        let files: [String]
        let serving: Task<Void, any Error>
        private let servers: [LoopbackHTTP]

        /// - Parameter texts: makes the files' texts of the folder and the addresses of the keys and the upstream.
        init(_ issuer: TestIssuer, _ texts: (_ folder: String, _ certs: String, _ upstream: String) -> [String])
            async throws
        {
            var template = Array("/tmp/gatehouse-flip.XXXXXX".utf8CString)
            folder = String(cString: try #require(mkdtemp(&template)))
            let keys = issuer.jwkSet
            let certs = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(200, keys) }
            let upstream = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(200, "{}") }
            servers = [certs, upstream]
            var files: [String] = []
            for (index, text) in texts(folder, certs.url, upstream.url).enumerated() {
                files.append("\(folder)/\(index).yaml")
                try Data(text.utf8).write(to: URL(fileURLWithPath: files[index]))
            }
            self.files = files
            let (ready, announce) = AsyncStream.makeStream(of: Void.self)
            let gatehouse = try await Gatehouse(
                try Configuration.read(path: files[0]),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            ) { _, _ in announce.finish() }
            self.gatehouse = gatehouse
            serving = Task { try await gatehouse.run() }
            for await _ in ready {}
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        /// Reads the files in turns.
        func flip() async {
            let end = ContinuousClock.now + ReloadFlipTests.patience
            for flip in 1...ReloadFlipTests.flips where ContinuousClock.now < end {
                let outcome = await gatehouse.reload(path: files[flip % 2], isConfirmed: true)
                guard outcome.result == .taken else {
                    Issue.record("flip \(flip): \(outcome)")
                    return
                }
            }
        }

        func stop() async throws {
            gatehouse.stop()
            try await serving.value
        }
    }

    @Test func `nobody is judged by the routes of one file and the deny list of another`() async throws {
        let issuer = TestIssuer()
        let fixture = try await Fixture(issuer) { folder, certs, upstream in
            [
                Self.yaml(folder, certs, upstream, deny: "", allow: "\"\(Self.allowed)\""),
                Self.yaml(folder, certs, upstream, deny: "\"\(Self.denied)\"", allow: "\"*\""),
            ]
        }
        let folder = fixture.folder
        let load = Load()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for user in [Self.denied, Self.allowed, Self.denied] {
                let assertion = issuer.user(user, now: Int64(Date.now.timeIntervalSince1970))
                group.addTask(executorPreference: BlockingExecutor.shared) {
                    var client = try RawSocket(connectingTo: .unix(path: "\(folder)/gateway.sock"))
                    let request = "GET / HTTP/1.1\r\nHost: flip\r\nCf-Access-Jwt-Assertion: \(assertion)\r\n\r\n"
                    var seen: Set<Int> = []
                    while load.goesOn.load(ordering: .relaxed) {
                        do {
                            try client.send(request)
                            seen.insert(try client.receiveAnswer().status)
                        } catch {
                            // Closed, as is every connection that is refused more than a hundred times a second.
                            client = try RawSocket(connectingTo: .unix(path: "\(folder)/gateway.sock"))
                        }
                    }
                    load.statuses.withLock { $0[user, default: []].formUnion(seen) }
                }
            }
            await fixture.flip()
            load.goesOn.store(false, ordering: .relaxed)
            try await group.waitForAll()
        }
        #expect(load.statuses.withLock { $0[Self.allowed] } == [200])
        // 403 by the one file, 401 by the other.
        #expect(load.statuses.withLock { $0[Self.denied] } == [401, 403])
        try await fixture.stop()
    }

    @Test func `no finding is made of the routes of one file and the store of another`() async throws {
        let fixture = try await Fixture(TestIssuer()) { folder, certs, upstream in
            let without = Self.yaml(folder, certs, upstream, deny: "", allow: "\"*\"")
            let route = """
                  - name: lacking
                    host: lacking
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: \(upstream)
                    protocol: http
                    inject: { Authorization: "{token:lacking}" }

                """
            return [without, without + route]
        }
        let gatehouse = fixture.gatehouse
        let load = Load()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let traffic = await gatehouse.traffic().snapshot
                while load.goesOn.load(ordering: .relaxed) {
                    let findings = await gatehouse.facts(traffic).findings.filter { $0.probe == .token }
                    load.words.withLock { $0.formUnion(findings.map(\.detail)) }
                }
            }
            await fixture.flip()
            load.goesOn.store(false, ordering: .relaxed)
        }
        #expect(
            load.words.withLock { $0 } == ["the environment variable LACKING_API_TOKEN is not set; needed by lacking"]
        )
        try await fixture.stop()
    }
}
