import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// The audit's database fails over to another address, which an operator writes into the configuration.
@Suite("Another audit database", .needsPostgres, .timeLimit(.minutes(4)))
struct SinkReloadTests {
    private func page(_ path: String, of gateway: Instance) async throws -> String {
        var request = CurlRequest("http://localhost\(path)")
        request.unixSocket = "\(gateway.folder.path)/admin.sock"
        return try await CurlClient().perform(request).body.text
    }

    private func write(_ yaml: String, _ from: String, _ to: String, _ gateway: Instance) throws {
        try gateway.folder.write(yaml.replacing(from, with: to), to: "gatehouse.yaml")
        gateway.process.send(signal: SIGHUP)
    }

    @Test func `is in force with the reload, and gets what it lacks`() async throws {
        let upstream = try await LoopbackHTTP.start { _ in .init(200, "hi") }
        let (first, standby) = (try await PostgresServer.start(), try await PostgresServer.start())
        let gateway = try await Instance.start(.environment, routes: Instance.slowRoute(to: upstream.url))
        func call(_ name: String) async throws -> Int {
            try await gateway.request("/slow/\(name)", assertion: gateway.assertion()).status
        }
        /// Whether the database that the file names has them.
        func isStored(_ names: String...) async -> Bool {
            let rows = try? await gateway.command("audit", "tail", "--lines", "100", "--json")
            return names.allSatisfy { rows?.contains("/slow/\($0)\"") ?? false }
        }
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        let file = "kind: sqlite, path: \(gateway.folder.path)/audit.db"
        try write(yaml, file, "kind: postgres, url: \"\(first.url)\"", gateway)
        #expect(try await call("before") == 200)
        try await gateway.eventually { await isStored("before") }

        try await first.crash()
        #expect(try await call("while") == 200)
        try await gateway.eventually { try await page("/readyz", of: gateway).contains("sink_down") }
        try write(yaml, file, "kind: postgres, url: \"\(standby.url)\"", gateway)
        // The standby has nothing yet: also what the first had taken is sent from the spool.
        try await gateway.eventually { await isStored("before", "while") }
        #expect(try await call("after") == 200)
        try await gateway.eventually { await isStored("before", "while", "after") }
        #expect(try await gateway.command("audit", "verify").contains("ok"))
        let readiness = try await page("/readyz", of: gateway)
        #expect(readiness.contains("sink_replaced") && !readiness.contains("restart"), "\(readiness)")
        // The clock of the database is held against this one.
        let metrics = try await page("/metrics", of: gateway)
        let lead = try #require(metrics.firstMatch(of: #/gatehouse_clock_skew_seconds{source="audit"} (-?[0-9.]+)/#))
        #expect(abs(try #require(Double(lead.1))) < 10)
    }
}
