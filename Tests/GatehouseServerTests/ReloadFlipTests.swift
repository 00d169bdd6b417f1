import Foundation
import GatehouseConfig
import GatehouseTestSupport
import Logging
import Synchronization
import Testing

@testable import GatehouseServer

/// An instance in this process, with an issuer and an upstream beside it, whose file is read again and again.
@Suite("A reload is one step", .timeLimit(.minutes(3)))
struct ReloadFlipTests {
    private static let flips = 1500

    /// The clients' observations, and whether they go on.
    private final class Load: Sendable {
        let goesOn = Atomic(true)
        let statuses = Mutex<[String: Set<Int>]>([:])
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

    @Test func `nobody is judged by the routes of one file and the deny list of another`() async throws {
        var template = Array("/tmp/gatehouse-flip.XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let issuer = TestIssuer()
        let keys = issuer.jwkSet
        let certs = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(200, keys) }
        let upstream = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(200, "{}") }
        let files = ["\(folder)/a.yaml", "\(folder)/b.yaml"]
        let texts = [
            Self.yaml(folder, certs.url, upstream.url, deny: "", allow: "\"\(Self.allowed)\""),
            Self.yaml(folder, certs.url, upstream.url, deny: "\"\(Self.denied)\"", allow: "\"*\""),
        ]
        for (file, text) in zip(files, texts) { try Data(text.utf8).write(to: URL(fileURLWithPath: file)) }
        let (ready, announce) = AsyncStream.makeStream(of: Void.self)
        let gatehouse = try await Gatehouse(
            try Configuration.read(path: files[0]),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        ) { _, _ in announce.finish() }
        let serving = Task { try await gatehouse.run() }
        for await _ in ready {}

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
            for flip in 1...Self.flips {
                let outcome = await gatehouse.reload(path: files[flip % 2], isConfirmed: true)
                if outcome.result != .taken { Issue.record("flip \(flip): \(outcome)") }
            }
            load.goesOn.store(false, ordering: .relaxed)
            try await group.waitForAll()
        }
        #expect(load.statuses.withLock { $0[Self.allowed] } == [200])
        // 403 by the one file, 401 by the other.
        #expect(load.statuses.withLock { $0[Self.denied] } == [401, 403])
        gatehouse.stop()
        try await serving.value
    }
}
