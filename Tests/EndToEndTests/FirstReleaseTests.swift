import CurlClient
import Foundation
import GatehouseTestSupport
import Synchronization
import Testing

/// A deployment of release 0.1.0 with a shared token: its file, its database and its spool, which that release made, are started by this one as they are.
@Suite("A deployment of the first release", .timeLimit(.minutes(3)))
struct FirstReleaseTests {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("GatehouseTokensTests/Fixtures/0.1.0")

    /// Every key here was one of 0.1.0; tokens, bearers and audit stand in one file.
    private static func yaml(_ folder: String, _ upstream: String, _ certs: String) -> String {
        """
        version: 1
        listen: unix:\(folder)/gateway.sock
        admin: unix:\(folder)/admin.sock
        threads: 1
        access: { issuer: \(TestIssuer.defaultIssuer), certs_url: "\(certs)" }
        stores:
          local: { kind: sqlite, path: \(folder)/gatehouse.db, master_keys: [{ file: \(folder)/master-key }] }
        store: local
        store_refresh: 1s
        audit:
          spool: \(folder)/spool
          sink: { kind: sqlite, path: \(folder)/gatehouse.db }
        routes:
          - name: coda
            host: coda.example.com
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: \(upstream)
            inject: { X-Wiki-Api-Key: "{token}" }
            authenticate: [access, bearer]
            allow: [{ users: ["*@example.com"], tools: ["list_*"] }]

        """
    }

    /// A folder with the database and the master key.
    private static func folder() throws -> Tools.Folder {
        let folder = try Tools.Folder()
        for name in ["gatehouse.db", "master-key"] { try copy(name, to: "\(folder.path)/\(name)") }
        chmod("\(folder.path)/master-key", 0o600)
        return folder
    }

    private static func copy(_ name: String, to path: String) throws {
        try FileManager.default.copyItem(at: fixtures.appendingPathComponent(name), to: URL(fileURLWithPath: path))
    }

    /// Runs a command with the file in the folder. Warnings of newer releases are no errors: the file goes on working.
    private static func command(_ folder: Tools.Folder, _ arguments: [String], input: String? = nil) async throws
        -> String
    {
        let process = try ChildProcess(Tools.gatehouse, arguments + ["--config", "\(folder.path)/gatehouse.yaml"])
        if let input { try process.write(input) }
        process.closeInput()
        let exit = await process.exit()
        let (output, errors) = (await process.output.whole, await process.errors.whole)
        #expect(exit == .code(0) && !errors.contains("error: "), "\(arguments): \(output)\(errors)")
        return output
    }

    @Test func `starts unchanged on its old database, serves a call and goes on with its audit`() async throws {
        let folder = try Self.folder()
        let issuer = TestIssuer()
        let certs = try await CertsServer.start(folder, [issuer.key])
        let sent = Mutex<[String]>([])
        let upstream = try await LoopbackHTTP.start { request in
            sent.withLock { $0.append(request.header("x-wiki-api-key") ?? "") }
            return LoopbackHTTP.Answer(200, #"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#)
        }
        try folder.write(Self.yaml(folder.path, upstream.url, certs.url), to: "gatehouse.yaml")

        func command(_ arguments: String..., input: String? = nil) async throws -> String {
            try await Self.command(folder, arguments, input: input)
        }
        func call() async throws -> CurlResponse {
            var request = CurlRequest("http://coda.example.com/mcp", method: "POST")
            request.unixSocket = "\(folder.path)/gateway.sock"
            request.body = CurlBody(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_docs"}}"#)
            let assertion = issuer.user("ada@example.com", now: Int64(Date.now.timeIntervalSince1970))
            request.headers = [
                CurlHeader("Cf-Access-Jwt-Assertion", assertion), CurlHeader("Content-Type", "application/json"),
                CurlHeader("Accept", "application/json, text/event-stream"),
            ]
            return try await CurlClient().perform(request)
        }

        #expect(try await command("check").isEmpty)
        let process = try ChildProcess(Tools.gatehouse, ["serve", "--config", "\(folder.path)/gatehouse.yaml"])
        try await process.eventually {
            var request = CurlRequest("http://localhost/readyz")
            request.unixSocket = "\(folder.path)/admin.sock"
            return (try? await CurlClient().perform(request))?.status == 200
        }
        #expect(try await call().status == 200)
        #expect(sent.withLock { $0 } == ["fixture-token-2"])
        #expect(
            try await JSON(parsing: command("token", "list", "--json")).elements.map { $0["version"].number } == [2]
        )
        #expect(try await command("bearer", "list", "--all").contains("oncall"))

        // What the token's operator does next works as before, and is an event of the audit now.
        _ = try await command("token", "rotate", "coda", "--no-probe", input: "a-newer-token")
        try await process.eventually {
            _ = try await call()
            return sent.withLock { $0.last } == "a-newer-token"
        }
        process.send(signal: SIGTERM)
        #expect(await process.exit() == .code(0))
        let rows = try JSON.rows(try await command("audit", "export", "--format", "jsonl"))
        #expect(rows.count { $0["kind"].text == "decision" } >= 7)
        #expect(rows.contains { $0["change"].text == "token_rotate" && $0["token_version"].number == 3 })
        #expect(rows.contains { $0["target"].text == "list_docs" && $0["decision"].text == "allow" })
        await upstream.close()
    }

    /// Its sink could not be made, so that all it recorded stood in its spool: the first four calls and, where it was killed, twelve more, of which the last
    /// eight stood in the ring alone, because the disk was full.
    @Test(arguments: [("spool-stopped", 4), ("spool-killed", 8)])
    func `what it left in segments reaches the sink, and a ring is kept and named`(spool: String, calls: Int)
        async throws
    {
        let folder = try Self.folder()
        try Self.copy(spool, to: "\(folder.path)/spool")
        chmod("\(folder.path)/spool", 0o700)
        let ring = "\(folder.path)/spool/lane-0.ring"
        let wasKilled = FileManager.default.fileExists(atPath: ring)
        // The fixture is without the zeros at its end.
        if wasKilled { truncate(ring, 64 << 10 + 1 << 20) }
        let left = FileManager.default.contents(atPath: ring)
        let writer = try String(contentsOfFile: "\(folder.path)/spool/writer", encoding: .utf8)
            .trimmingCharacters(in: .newlines)
        let certs = try await CertsServer.start(folder, [TestIssuer().key])
        let yaml = Self.yaml(folder.path, "http://127.0.0.1:1", certs.url)
        try folder.write(
            yaml.replacing(
                "sink: { kind: sqlite, path: \(folder.path)/gatehouse.db }",
                with: "sink: { kind: sqlite, path: \(folder.path)/audit.db }"
            ),
            to: "gatehouse.yaml"
        )
        let process = try ChildProcess(Tools.gatehouse, ["serve", "--config", "\(folder.path)/gatehouse.yaml"])

        var targets: [String] = []
        try await process.eventually {
            guard FileManager.default.fileExists(atPath: "\(folder.path)/audit.db") else { return false }
            let export = try await Self.command(folder, ["audit", "export", "--format", "jsonl"])
            targets = try JSON.rows(export).filter { $0["writer"].text == writer }.compactMap { $0["target"].text }
            return targets.count >= calls
        }
        let first = ["list_docs", "list_pages", "delete_doc", "list_rows"]
        #expect(targets == first + (0..<calls - 4).map { "list_late_\($0)" })
        #expect(try await Self.command(folder, ["audit", "verify"]).contains("ok"))
        #expect(FileManager.default.contents(atPath: "\(ring).damaged") == left)
        #expect(process.errors.text.contains("lane-0.ring.damaged") == wasKilled)
        process.send(signal: SIGTERM)
        #expect(await process.exit() == .code(0))
    }
}
