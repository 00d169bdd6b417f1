import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Conditions that no caller notices at first: a clock that is wrong, and a store whose file has gone.
@Suite("A wrong clock and a lost store are named", .needsTools, .timeLimit(.minutes(5)))
struct WrongClockTests {
    private func page(_ path: String, of folder: Tools.Folder) async throws -> CurlResponse {
        var request = CurlRequest("http://localhost\(path)")
        request.unixSocket = "\(folder.path)/admin.sock"
        return try await CurlClient().perform(request)
    }

    @Test func `a clock that is not that of Access`() async throws {
        let folder = try Tools.Folder()
        let certs = try await CertsServer.start(folder, [TestIssuer().key])
        try folder.write("-610", to: "certs.json.off")
        let yaml = """
            version: 1
            listen: unix:\(folder.path)/proxy.sock
            admin: unix:\(folder.path)/admin.sock
            access: { issuer: "\(TestIssuer.defaultIssuer)", certs_url: "\(certs.url)" }
            stores: { live: { kind: env } }
            audit: { spool: \(folder.path)/spool, sink: { kind: sqlite, path: \(folder.path)/audit.db } }
            routes:
              - { name: coda, host: coda.example, audience: ["\(TestIssuer.defaultAudience)"], upstream: "http://127.0.0.1:1" }

            """
        try folder.write(yaml, to: "gatehouse.yaml")
        let process = try ChildProcess(
            Tools.gatehouse,
            ["serve", "--config", "\(folder.path)/gatehouse.yaml"],
            environment: ["LC_ALL": "C.UTF-8"]
        )
        func isNamed(_ text: String) -> Bool {
            text.contains("s ahead of the certs server") && text.contains("set the clock by NTP")
        }
        try await process.eventually { isNamed(process.errors.text) }
        try await process.eventually { isNamed((try? await page("/readyz", of: folder))?.body.text ?? "") }
        for path in ["/", "/status.txt"] { #expect(isNamed(try await page(path, of: folder).body.text), "\(path)") }
        let readiness = try await page("/readyz", of: folder)
        #expect(readiness.status == 200 && readiness.body.text.contains(#""ready":"degraded""#))
        let metrics = try await page("/metrics", of: folder).body.text
        let line = try #require(metrics.firstMatch(of: #/gatehouse_clock_skew_seconds{source="certs"} ([0-9.]+)/#))
        let skew = try #require(Double(line.1))
        #expect((605...640).contains(skew))
    }

    @Test func `a token store whose file is taken away, and comes back`() async throws {
        let gateway = try await Instance.start(.sqlite, try await MCPServer.start(.one))
        let tokens = "\(gateway.folder.path)/gatehouse.db"
        // What is said of the tokens: the deny entries stand in the same file, and are read at times of their own.
        func says(_ words: String) async throws -> Bool {
            try JSON(parsing: try await page("/readyz", of: gateway.folder).body.text)["findings"].elements
                .contains { $0["probe"].text == "store" && $0["detail"].text?.contains(words) == true }
        }
        func call() async throws -> Int {
            try await gateway.request("/one/mcp", assertion: gateway.assertion()).status
        }
        let before = try await call()
        #expect(before != 503)
        try FileManager.default.moveItem(atPath: tokens, toPath: "\(tokens).away")
        try await gateway.eventually { try await says("was removed or renamed while it was in use") }
        // The last good tokens serve, and nothing was put in the place of the file.
        #expect(try await call() == before)
        #expect(!FileManager.default.fileExists(atPath: tokens))
        try FileManager.default.moveItem(atPath: "\(tokens).away", toPath: tokens)
        try await gateway.eventually { try await says("was replaced while it was in use") }
        #expect(try await call() == before)
    }
}
