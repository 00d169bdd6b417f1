import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// The database of audit and tokens is there and says nothing any more: its processes are stopped, its connections stand.
@Suite("A frozen database", .needsPostgres, .timeLimit(.minutes(4)))
struct FrozenDatabaseTests {
    /// The time that the audit's sink may take of the shutdown, and the time that ending takes a busy machine.
    private static let bound: Duration = .seconds(5) + .seconds(3)

    private func start(_ upstream: RawListener, _ server: PostgresServer) async throws -> Instance {
        let gateway = try await Instance.start(.sqlite, routes: Instance.slowRoute(to: upstream.url))
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        let folder = gateway.folder.path
        try gateway.folder.write(
            yaml.replacing("kind: sqlite, path: \(folder)/gatehouse.db", with: "kind: postgres, url: \"\(server.url)\"")
                .replacing("kind: sqlite, path: \(folder)/audit.db", with: "kind: postgres, url: \"\(server.url)\""),
            to: "gatehouse.yaml"
        )
        gateway.process.send(signal: SIGHUP)
        try await gateway.eventually { gateway.process.errors.text.contains("another store is live") }
        return gateway
    }

    private func request(_ path: String, _ gateway: Instance) -> String {
        "GET \(path) HTTP/1.1\r\nHost: a\r\nCf-Access-Jwt-Assertion: \(gateway.assertion())\r\n\r\n"
    }

    private func metrics(_ gateway: Instance) async throws -> String {
        var request = CurlRequest("http://localhost/metrics")
        request.unixSocket = "\(gateway.folder.path)/admin.sock"
        return try await CurlClient().perform(request).body.text
    }

    /// One call that ends before the database freezes, so that the sink has a connection, and one that is in flight when it does.
    @Test func `holds up neither a call in flight nor the end of the process`() async throws {
        let server = try await PostgresServer.start()
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let upstream = try RawListener()
            let gateway = try await start(upstream, server)
            let address = RawSocket.Address.tcp(port: gateway.port)
            let first = try RawSocket(connectingTo: address)
            try first.send(request("/slow/first", gateway))
            let answered = try upstream.accept()
            _ = try answered.receive(through: "\r\n\r\n")
            try answered.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            #expect(try first.receiveAnswer().text == "hi")
            try await gateway.eventually {
                // Until the drain has made the tables, there is nothing to read.
                (try? await gateway.command("audit", "tail", "--json"))?.contains("/slow/first") ?? false
            }

            // While it answers, its clock is held against this one, for both.
            let metrics = try await metrics(gateway)
            for source in ["audit", "store"] {
                #expect(metrics.contains("gatehouse_clock_skew_seconds{source=\"\(source)\"} "), "\(source)")
            }

            let caller = try RawSocket(connectingTo: address)
            try caller.send(request("/slow/call", gateway))
            let call = try upstream.accept()
            _ = try call.receive(through: "\r\n\r\n")
            try server.freeze()
            gateway.process.send(signal: SIGTERM)
            try await gateway.eventually { gateway.process.errors.text.contains("draining") }
            try call.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ncall")
            #expect(try caller.receiveAnswer().text == "call")
            let began = ContinuousClock.now
            #expect(await gateway.process.exit() == .code(0))
            #expect(ContinuousClock.now - began < Self.bound, "\(ContinuousClock.now - began)")

            // Nothing is lost: the next instance brings what the spool has.
            try server.thaw()
            let second = try await gateway.next()
            try await second.eventually { try await gateway.command("audit", "tail", "--json").contains("/slow/call") }
            #expect(try await gateway.command("audit", "verify").contains("ok"))
        }
    }

    /// A query of each kind is under way when the signal comes.
    @Test func `does not hold up the end of an instance that waits for it`() async throws {
        let server = try await PostgresServer.start()
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let upstream = try RawListener()
            let gateway = try await start(upstream, server)
            try server.freeze()
            let caller = try RawSocket(connectingTo: .tcp(port: gateway.port))
            try caller.send(request("/slow/call", gateway))
            let call = try upstream.accept()
            _ = try call.receive(through: "\r\n\r\n")
            try call.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ncall")
            #expect(try caller.receiveAnswer().text == "call")
            try await gateway.eventually {
                try await metrics(gateway).contains(#/gatehouse_audit_spool_events [1-9]/#)
            }
            gateway.process.send(signal: SIGTERM)
            let began = ContinuousClock.now
            #expect(await gateway.process.exit() == .code(0))
            #expect(ContinuousClock.now - began < Self.bound, "\(ContinuousClock.now - began)")
        }
    }
}
