import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

extension OneAtATime {
    /// An MCP server that gives back the header fields that it gets, behind the binary as it ships, asked by the official SDK and by plain HTTP.
    @Suite("Secrets that come back, through Gatehouse", .needsTools, .timeLimit(.minutes(4)))
    struct ReflectionTests {
        private static let environment = [
            "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore",
        ]
        private static let forms = [
            "json", "json in json", "escaped", "percent", "every byte percent", "html", "base64", "base64 shifted",
            "base64 shifted twice", "mime", "hex", "HEX",
        ]
        private static let token = Instance.token

        private func start(_ more: String = "") async throws -> (Instance, ChildProcess) {
            let server = try ChildProcess(
                try #require(Tools.python2),
                [Tools.script("reflecting_server.py")],
                environment: Self.environment
            )
            let port = try #require(try JSON(parsing: try await server.firstLine())["port"].number)
            let routes = """
                  - name: tools
                    host: "*"
                    path: /tools
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: http://127.0.0.1:\(port)/mcp
                    inject: { X-Coda-Api-Key: "{token:two}" }
                \(more)
                  - name: pages
                    host: "*"
                    path: /pages
                    protocol: http
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: http://127.0.0.1:\(port)
                    inject: { X-Coda-Api-Key: "{token:two}" }
                \(more)

                """
            return (try await Instance.start(.environment, routes: routes), server)
        }

        /// Whether a text, or what it decodes to, tells the token.
        private func tells(_ text: String) -> Bool {
            let hex = Self.token.utf8.map { String(format: "%02x", $0) }.joined()
            if text.contains(Self.token) || text.lowercased().contains(hex) { return true }
            if text.removingPercentEncoding?.contains(Self.token) == true { return true }
            let symbols = text.replacing("\n", with: "").replacing("-", with: "+").replacing("_", with: "/")
            for start in 0..<min(4, symbols.count) {
                var rest = String(symbols.dropFirst(start))
                rest = String(rest.prefix(while: { $0.isLetter || $0.isNumber || $0 == "+" || $0 == "/" }))
                rest = String(rest.prefix(rest.count / 4 * 4))
                if Data(base64Encoded: rest)?.range(of: Data(Self.token.utf8)) != nil { return true }
            }
            return false
        }

        @Test func `the SDK is told the token in no form`() async throws {
            let (gateway, server) = try await start()
            var environment = Self.environment
            environment["ASSERTION"] = gateway.assertion()
            let client = try ChildProcess(
                try #require(Tools.python2),
                [Tools.script("reflecting_client.py"), "\(gateway.url)/tools"] + Self.forms,
                environment: environment
            )
            guard await client.exit() == .code(0) else {
                throw ChildProcess.Failure(description: await client.errors.whole)
            }
            let answers = try JSON(parsing: await client.output.whole)
            for form in Self.forms {
                for part in ["text", "progress"] {
                    let text = try #require(answers[form][part].text)
                    #expect(text.contains("[redacted]"), "\(form), \(part): \(text)")
                    #expect(!tells(text), "\(form), \(part): \(text)")
                }
                #expect(answers[form]["is_error"] == .bool(false))
            }
            let status = try await gateway.command("status", "--json")
            #expect(!status.contains(Self.token))
            let guards = try JSON(parsing: status)["routes"].elements.map(\.["guard"])
            #expect(guards.map(\.["reflection"].text) == ["redact", "redact"])
            #expect(guards.map(\.["websockets"].text) == ["refuse", "pass"])
            // The rows say which call it was.
            var rows: [JSON] = []
            try await gateway.eventually {
                let text = try await gateway.command(
                    "audit",
                    "query",
                    "--reason",
                    "secret_reflected",
                    "--route",
                    "tools",
                    "--json"
                )
                rows = try JSON(parsing: text).elements
                return rows.count >= Self.forms.count
            }
            #expect(Set(rows.map(\.["target"].text)) == ["fields"] && rows.count == Self.forms.count)
            #expect(rows.allSatisfy { $0["rpc_method"].text == "tools/call" && $0["decision"].text == "allow" })
            #expect(!(gateway.process.output.text + gateway.process.errors.text).contains(Self.token))
            withExtendedLifetime(server) {}
        }

        @Test func `pages, error pages and single bytes do not tell it either`() async throws {
            let (gateway, server) = try await start()
            let assertion = gateway.assertion()
            for form in Self.forms {
                let query = form.replacing(" ", with: "%20")
                for path in [
                    "/pages/page?form=\(query)", "/pages/page?status=500&form=\(query)", "/pages/parts?form=\(query)",
                ] {
                    let answer = try await gateway.request(path, assertion: assertion)
                    #expect(answer.status == (path.contains("500") ? 500 : 200))
                    #expect(answer.body.text.contains("[redacted]"), "\(path)")
                    #expect(
                        !tells(answer.body.text.replacing("<pre>", with: "").replacing("</pre>", with: "")),
                        "\(path)"
                    )
                    #expect(!answer.headers.contains { $0.value.contains(Self.token) }, "\(path)")
                }
            }
            let answer = try await gateway.request("/pages/page?form=json", assertion: assertion)
            let id = try #require(answer.headers.first { $0.name.lowercased() == "x-request-id" }?.value)
            let rows = try await gateway.auditRows(of: id, count: 2)
            #expect(rows.contains { $0["reason"].text == "secret_reflected" })
            #expect(rows.contains { $0["kind"].text == "decision" && $0["path"].text == "/pages/page" })
            withExtendedLifetime(server) {}
        }

        @Test func `block refuses what would tell it, and nothing else`() async throws {
            let (gateway, server) = try await start("    guard: { reflection: block }")
            let assertion = gateway.assertion()
            let refused = try await gateway.request("/pages/page?form=base64", assertion: assertion)
            #expect(refused.status == 502)
            #expect(refused.body.text.contains("upstream_failed"))
            let clean = try await gateway.request("/pages/clean", assertion: assertion)
            #expect(clean.status == 200)
            withExtendedLifetime(server) {}
        }

        @Test func `off lets it through`() async throws {
            let (gateway, server) = try await start("    guard: { reflection: off }")
            let answer = try await gateway.request("/pages/page?form=json", assertion: gateway.assertion())
            #expect(answer.body.text.contains(Self.token))
            withExtendedLifetime(server) {}
        }
    }
}
