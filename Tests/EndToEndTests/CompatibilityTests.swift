import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

extension OneAtATime {
    /// The table of docs/MCP_COMPATIBILITY.md is what the clients do. With `GATEHOUSE_TEST_RECORD=1` it is written anew, to be read before it is
    /// committed.
    @Suite("What clients do when they are refused", .needsTools, .timeLimit(.minutes(6)))
    struct CompatibilityTests {
        private static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/MCP_COMPATIBILITY.md").standardizedFileURL
        private static let begin = "<!-- refusals.py -->\n"
        private static let end = "<!-- end -->"

        private func run(_ arguments: [String]) async throws -> String {
            let process = try ChildProcess(
                try Tools.python(.two),
                [Tools.script("refusals.py")] + arguments,
                environment: ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]
            )
            guard await process.exit() == .code(0) else {
                throw ChildProcess.Failure(description: "refusals.py failed: \(await process.errors.whole)")
            }
            return await process.output.whole
        }

        @Test func `the table is what the clients do`() async throws {
            let table = try await run([try Tools.python(.one), try Tools.python(.two)])
            let page = try String(contentsOf: Self.page, encoding: .utf8)
            let parts = page.components(separatedBy: Self.begin)
            let rest = try #require(parts.count == 2 ? parts[1].components(separatedBy: Self.end) : nil)
            if ProcessInfo.processInfo.environment["GATEHOUSE_TEST_RECORD"] != nil {
                let new = parts[0] + Self.begin + table + Self.end + rest.dropFirst().joined(separator: Self.end)
                try Data(new.utf8).write(to: Self.page)
            }
            #expect(rest[0] == table)
        }

        /// The clients are refused by a shim, so that every answer can be given at every moment. It says what the binary says.
        @Test func `the shim answers as Gatehouse does`() async throws {
            let server = try await MCPServer.start(.two)
            let options = ["protocol: http", "limits: { rate: 1/d, body: 1KiB }"]
            let dead = """
                  - name: dead
                    host: "*"
                    path: /dead
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: http://127.0.0.1:1
                  - name: tokenless
                    host: "*"
                    path: /tokenless
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: http://127.0.0.1:1
                    inject: { X-Key: "{token}" }

                """
            let gateway = try await Instance.start(.environment, server, options: options, routes: dead)
            let shim = try JSON(parsing: try await run(["--answers"]))
            let david = gateway.assertion()
            _ = try await gateway.request("/two", assertion: david)
            let large = String(repeating: "x", count: 2000)
            let answers = [
                try await gateway.request("/two"),
                try await gateway.request("/two", assertion: gateway.assertion(of: "eve@example.com")),
                try await gateway.request("/nowhere", assertion: david),
                try await gateway.request("/two", method: "POST", assertion: david, body: large),
                try await gateway.request("/two", assertion: david),
                try await gateway.request("/dead", assertion: david),
                try await gateway.request("/tokenless", assertion: david),
            ]
            #expect(answers.map(\.status) == [401, 403, 404, 413, 429, 502, 503])
            for answer in answers {
                let body = try JSON(parsing: answer.body.text)
                let expected = shim["\(answer.status)"]
                #expect(
                    body["error"] == expected["error"] && body["message"] == expected["message"],
                    "\(answer.status)"
                )
                #expect(body["request_id"].text?.utf8.count == 32)
                #expect(
                    (answer.header("www-authenticate") == #"Bearer error="invalid_token""#) == (answer.status == 401)
                )
                #expect((answer.header("retry-after") != nil) == (answer.status == 429))
            }
        }
    }
}
