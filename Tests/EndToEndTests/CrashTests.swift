import CurlClient
import Foundation
import GatehouseTestSupport
import Synchronization
import Testing
import Threads

/// `gatehouse serve` killed with SIGKILL in the middle of a load, again and again, on one spool and sink.
///
/// GATEHOUSE_TEST_CRASH_ROUNDS says how often; the acceptance is a hundred.
@Suite("An audit across kill -9", .needsTools, .timeLimit(.minutes(20)))
struct CrashTests {
    private static let rounds =
        ProcessInfo.processInfo.environment["GATEHOUSE_TEST_CRASH_ROUNDS"].flatMap { Int($0) } ?? 3
    private static let clients = 4

    @Test(arguments: ["process", "disk"])
    func `no event of a forwarded request is lost and none is there twice`(durability: String) async throws {
        let folder = try Tools.Folder()
        let issuer = TestIssuer()
        let certs = try await CertsServer.start(folder, [issuer.key])
        let upstream = try CountingUpstream()
        defer { upstream.stop() }
        try folder.write(Self.yaml(folder.path, certs.url, upstream.url, durability), to: "gatehouse.yaml")
        let now = Int64(Date.now.timeIntervalSince1970)
        let assertion = issuer.user(Instance.user, now: now, lasting: 36_000)

        for _ in 0..<Self.rounds {
            let process = try await Self.start(folder)
            let load = Load(socket: "\(folder.path)/proxy.sock", assertion: assertion, clients: Self.clients)
            // Killed at any moment; where in its work that meets the process is the point of the test.
            let target = upstream.count + Int.random(in: 1...400)
            try await Polling.until("requests") { upstream.count >= target || load.hasEnded }
            process.kill()
            #expect(await process.exit() == .signal(SIGKILL))
            await load.ended()
        }

        let process = try await Self.start(folder)
        try await process.eventually { try await Self.waiting(folder) == 0 }
        process.send(signal: SIGTERM)
        #expect(await process.exit() == .code(0))
        let lines = try await Self.command(["audit", "export", "--events"], folder).split(separator: "\n")
        var decisions: [String: Int] = [:]
        var ids = Set<String>()
        var sequences = Set<Int>()
        for line in lines {
            let event = try JSON(parsing: String(line))
            #expect(ids.insert(try #require(event["event_id"].text)).inserted, "an event is there twice")
            sequences.insert(try #require(event["seq"].number))
            if event["kind"].text == "decision" { decisions[event["request_id"].text ?? "", default: 0] += 1 }
        }
        let forwarded = upstream.requests
        #expect(forwarded.count >= Self.rounds)
        #expect(forwarded.filter { decisions[$0] != 1 } == [], "of \(forwarded.count) forwarded")
        #expect(sequences == Set(1...max(1, lines.count)))
        let report = try JSON(parsing: try await Self.command(["audit", "verify", "--json"], folder))
        #expect(report["ok"] == .bool(true) && report["chains"].elements.first?["events"].number == lines.count)
    }

    private static func start(_ folder: Tools.Folder) async throws -> ChildProcess {
        let arguments = ["serve", "--config", "\(folder.path)/gatehouse.yaml"]
        let process = try ChildProcess(Tools.gatehouse, arguments, environment: Instance.environment)
        guard await Instance.isReady(process, socket: "\(folder.path)/admin.sock") else {
            throw ChildProcess.Failure(description: "gatehouse does not become ready: \(await process.errors.whole)")
        }
        return process
    }

    /// Events that the sink has not taken.
    private static func waiting(_ folder: Tools.Folder) async throws -> Int {
        var request = CurlRequest("http://localhost/metrics")
        request.unixSocket = "\(folder.path)/admin.sock"
        let text = try await CurlClient().perform(request).body.text
        let line = text.split(separator: "\n").first { $0.hasPrefix("gatehouse_audit_spool_events ") }
        return try #require(line?.split(separator: " ").last.flatMap { Int($0) })
    }

    private static func command(_ words: [String], _ folder: Tools.Folder) async throws -> String {
        let arguments = words + ["--config", "\(folder.path)/gatehouse.yaml"]
        let process = try ChildProcess(Tools.gatehouse, arguments, environment: Instance.environment)
        process.closeInput()
        let text = await process.output.whole
        let errors = await process.errors.whole
        #expect(await process.exit() == .code(0), "\(errors) \(text)")
        return text
    }

    private static func yaml(_ folder: String, _ certs: String, _ upstream: String, _ durability: String) -> String {
        """
        version: 1
        listen: unix:\(folder)/proxy.sock
        admin: unix:\(folder)/admin.sock
        access: { issuer: \(TestIssuer.defaultIssuer), certs_url: \(certs) }
        stores: { environment: { kind: env } }
        audit: { spool: \(folder)/spool, durability: \(durability), sink: { kind: sqlite, path: \(folder)/audit.db } }
        routes:
          - name: one
            host: "*"
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: \(upstream)
            protocol: http
            inject: { X-Coda-Api-Key: "{token}" }

        """
    }
}

/// An upstream that answers at once and knows which requests it got.
final class CountingUpstream: Sendable {
    private let listener: RawListener
    private let seen = Mutex<[String]>([])
    private let isStopped = Atomic<Bool>(false)

    var url: String { listener.url }
    var requests: [String] { seen.withLock { $0 } }
    var count: Int { seen.withLock(\.count) }

    init() throws {
        listener = try RawListener()
        try OwnedThread.detach(named: "upstream") { [self] in
            while !isStopped.load(ordering: .relaxed) {
                guard let connection = try? listener.accept(within: 0.5) else { continue }
                nonisolated(unsafe) let one = connection
                try! OwnedThread.detach(named: "upstream") { self.serve(one) }
            }
        }
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    private func serve(_ connection: RawSocket) {
        while let head = try? connection.receive(through: "\r\n\r\n") {
            guard let line = head.split(separator: "\r\n").first(where: { $0.lowercased().hasPrefix("x-request-id:") })
            else { return }
            let id = line.dropFirst("x-request-id:".count).drop { $0 == " " }
            seen.withLock { $0.append(String(id)) }
            guard (try? connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) != nil else { return }
        }
    }
}

/// Clients that ask without a pause until their connection breaks.
private final class Load: Sendable {
    private let left: Atomic<Int>
    private let done = Signalled<Void>()

    var hasEnded: Bool { left.load(ordering: .relaxed) == 0 }

    init(socket: String, assertion: String, clients: Int) {
        left = Atomic(clients)
        let request = "GET /x HTTP/1.1\r\nHost: one\r\nCf-Access-Jwt-Assertion: \(assertion)\r\n\r\n"
        for _ in 0..<clients {
            try! OwnedThread.detach(named: "client") { [self] in
                if let connection = try? RawSocket(connectingTo: .unix(path: socket)) {
                    while (try? connection.send(request)) != nil, (try? connection.receiveAnswer()) != nil {}
                }
                if left.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue == 0 { done.signal(()) }
            }
        }
    }

    func ended() async { await done.value }
}
