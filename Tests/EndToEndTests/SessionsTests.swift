import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

extension OneAtATime {
    /// Tests of the MCP gate with real servers and clients: sessions bound to people, denied calls, the legacy transport under a prefix.
    @Suite("Sessions and denied calls through Gatehouse", .needsTools, .timeLimit(.minutes(6)))
    struct SessionsTests {
        private static let json = [
            CurlHeader("Content-Type", "application/json"), CurlHeader("Accept", "application/json, text/event-stream"),
        ]
        private static let initialize =
            #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#
        private static let initialized = #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
        private static let list = #"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#

        private func post(
            _ gateway: Instance,
            _ body: String,
            _ path: String = "/two",
            session: String? = nil,
            as assertion: String
        ) async throws -> CurlResponse {
            let headers = Self.json + (session.map { [CurlHeader("Mcp-Session-Id", $0)] } ?? [])
            return try await gateway.request(path, method: "POST", assertion: assertion, headers: headers, body: body)
        }

        private func open(_ gateway: Instance, as assertion: String) async throws -> String {
            let answer = try await post(gateway, Self.initialize, as: assertion)
            let session = try #require(answer.header("mcp-session-id"))
            #expect(try await post(gateway, Self.initialized, session: session, as: assertion).status == 202)
            return session
        }

        @Test func `a stolen session id is useless to another principal, and its owner's goes on`() async throws {
            let server = try await MCPServer.start(.two)
            let gateway = try await Instance.start(.environment, server)
            let (david, ann) = (gateway.assertion(), gateway.assertion(of: "ann@team.example"))
            let session = try await open(gateway, as: david)
            try await server.reset()
            for method in ["POST", "GET", "DELETE"] {
                let stolen = try await gateway.request(
                    "/two",
                    method: method,
                    assertion: ann,
                    headers: Self.json + [CurlHeader("Mcp-Session-Id", session)],
                    body: method == "POST" ? Self.list : nil
                )
                #expect(stolen.status == 404, "\(method)")
            }
            // A service token of the same name as nobody, and a forged tag, fare no better.
            #expect(try await post(gateway, Self.list, session: session, as: gateway.serviceAssertion()).status == 404)
            let forged = session.dropLast() + (session.hasSuffix("0") ? "1" : "0")
            #expect(try await post(gateway, Self.list, session: String(forged), as: david).status == 404)
            #expect(try await server.received().isEmpty)
            #expect(try await post(gateway, Self.list, session: session, as: david).status == 200)
            // The upstream sees its own id.
            let upstream = try #require(try await server.received().last?.values("mcp-session-id").first)
            #expect(upstream != session && session.hasPrefix(upstream))
        }

        @Test(arguments: [Instance.Store.environment, .sqlite])
        func `a session survives a restart of Gatehouse`(store: Instance.Store) async throws {
            let server = try await MCPServer.start(.two)
            let gateway = try await Instance.start(store, server)
            let david = gateway.assertion()
            let session = try await open(gateway, as: david)
            let second = try await gateway.restart()
            #expect(!second.hasEnded)
            #expect(try await post(gateway, Self.list, session: session, as: david).status == 200)
            let ann = gateway.assertion(of: "ann@team.example")
            #expect(try await post(gateway, Self.list, session: session, as: ann).status == 404)
        }

        @Test(arguments: [
            (SDK.one, Framework.sdk, MCPClient.Mode.legacy), (.two, .sdk, .legacy), (.two, .sdk, .modern),
            (.two, .fastmcp, .auto),
        ])
        func `a call that policy denies is an error of that call, and the tool is not listed`(
            client: SDK,
            framework: Framework,
            mode: MCPClient.Mode
        ) async throws {
            let server = try await MCPServer.start(.two)
            let route = """
                  - name: limited
                    host: "*"
                    path: /limited
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: \(server.url)
                    inject: { X-Coda-Api-Key: "{token:two}", X-Caller: "{principal}" }
                    allow:
                      - { users: ["\(Instance.user)"], tools: ["echo", "whoami", "slow", "fail*"] }

                """
            let gateway = try await Instance.start(.environment, server, routes: route)
            let url = "\(gateway.url)/limited"
            let answer = try await MCPClient.run(
                client,
                mode,
                url: url,
                assertion: gateway.assertion(),
                framework: framework
            )
            #expect(answer["failure"] == .null)
            let steps = answer["steps"]
            #expect(steps["tools"].elements.compactMap(\.text) == ["echo", "failing", "slow", "whoami"])
            #expect(steps["delete_everything"]["error"]["code"].number == 4030)
            // Steps after it, in the same session.
            #expect(steps["resource"].text == "the memo")
            #expect(steps["parallel"].elements.count == 8)
            #expect(!(try await server.received().contains { $0.body.contains("delete_everything") }))
        }

        @Test(arguments: SDK.allCases)
        func `the legacy transport works under a prefix, and its session is its caller's`(sdk: SDK) async throws {
            let server = try await MCPServer.start(sdk, .sse)
            let route = """
                  - name: deep
                    host: "*"
                    path: /deep/er
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: \(server.root)
                    inject: { X-Coda-Api-Key: "{token:\(sdk.route)}" }

                """
            let gateway = try await Instance.start(.environment, server, routes: route)
            let url = "\(gateway.url)/deep/er/sse"
            let answer = try await MCPClient.run(sdk, .legacy, url: url, assertion: gateway.assertion())
            #expect(answer["failure"] == .null)
            #expect(answer["steps"]["echo"]["text"].text == "grüß dich, 世界")
            #expect(answer["wire"].elements.contains { $0["path"].text?.hasPrefix("/deep/er/messages/") == true })
            let used = try #require(try await server.received().first { $0.method == "POST" })
            let foreign = try await post(
                gateway,
                Self.list,
                "/deep/er\(used.path)?\(used.query)",
                as: gateway.assertion(of: "ann@team.example")
            )
            #expect(foreign.status == 404)
        }
    }
}
