import CurlClient
import Foundation
import Testing

extension OneAtATime {
    @Suite("Break-glass credentials and rates of the binary", .needsTools, .timeLimit(.minutes(6)))
    struct BreakGlassTests {
        private static func bearer(_ text: String) -> [CurlHeader] { [CurlHeader("Authorization", "Bearer \(text)")] }

        @Test(arguments: [Instance.Store.environment, .sqlite])
        func `one that is issued opens a running instance, and closes it when it is revoked`(store: Instance.Store)
            async throws
        {
            let server = try await MCPServer.start(.two)
            let gateway = try await Instance.start(store, server, options: ["authenticate: [access, bearer]"])
            #expect(try await gateway.request("/two").status == 401)
            let text = try await gateway.command("bearer", "issue", "night", "--routes", "two", "--for", "1h")
                .trimmingCharacters(in: .newlines)
            #expect(text.hasPrefix("gh_"))
            var response = try await gateway.request("/two", headers: Self.bearer(text))
            try await gateway.eventually {
                response = try await gateway.request("/two", headers: Self.bearer(text))
                return response.status != 401
            }
            // A whole client works with it.
            let headers = ["Authorization": "Bearer \(text)"]
            let answer = try await MCPClient.run(.two, .modern, url: "\(gateway.url)/two", headers: headers)
            #expect(answer["failure"] == .null)
            #expect(answer["steps"]["whoami"]["x-caller"].text == "night")
            #expect(answer["steps"]["whoami"]["authorization"] == .null)
            let id = try #require(response.header("x-request-id"))
            let rows = try await gateway.auditRows(of: id, count: 2)
            let decision = try #require(rows.first { $0["kind"].text == "decision" })
            #expect(decision["principal_kind"].text == "bearer" && decision["principal"].text == "night")

            _ = try await gateway.command("bearer", "revoke", "night")
            try await gateway.eventually {
                response = try await gateway.request("/two", headers: Self.bearer(text))
                return response.status == 401
            }
            #expect(response.header("www-authenticate") == #"Bearer error="invalid_token""#)
            let words = gateway.process.output.text + gateway.process.errors.text
            #expect(!words.contains(text))
            for file in try FileManager.default.subpathsOfDirectory(atPath: gateway.folder.path) {
                let bytes = FileManager.default.contents(atPath: "\(gateway.folder.path)/\(file)") ?? Data()
                #expect(bytes.range(of: Data(text.utf8)) == nil, "\(file)")
            }
        }

        @Test func `a rate holds for each principal, whatever loop their connections are on`() async throws {
            let server = try await MCPServer.start(.two)
            let options = ["protocol: http", "limits: { rate: 5/d }"]
            let gateway = try await Instance.start(.environment, server, options: options)
            let david = gateway.assertion()
            var statuses: [Int] = []
            for _ in 0..<8 { statuses.append(try await gateway.request("/two", assertion: david).status) }
            #expect(statuses.prefix(5).allSatisfy { $0 != 429 } && statuses.suffix(3) == [429, 429, 429])
            let refused = try await gateway.request("/two", assertion: david)
            #expect(try #require(refused.header("retry-after").flatMap { Int($0) }) > 3600)
            let other = gateway.assertion(of: "ann@team.example")
            #expect(try await gateway.request("/two", assertion: other).status != 429)
        }
    }
}
