import CurlClient
import Foundation
import Testing

extension OneAtATime {
    /// fastmcp, the legacy HTTP+SSE transport, resumed streams, and many callers on one route.
    @Suite("Other frameworks and transports through Gatehouse", .needsTools, .timeLimit(.minutes(6)))
    struct TransportsTests {
        private func expectWhole(_ answer: JSON, caller: String = Instance.user) throws {
            #expect(answer["failure"] == .null)
            let steps = answer["steps"]
            #expect(steps["tools"].elements.compactMap(\.text).contains("echo"))
            #expect(steps["echo"]["text"].text == "grüß dich, 世界")
            // The server got the token, and no client is told it.
            #expect(steps["whoami"]["x-coda-api-key"].text?.hasPrefix("[redacted]") == true)
            #expect(steps["whoami"]["x-caller"].text == caller)
            #expect(steps["whoami"]["authorization"] == .null && steps["whoami"]["cf-access-jwt-assertion"] == .null)
            #expect(steps["progress"]["progress"].elements.count == 3)
            #expect(steps["failing"]["is_error"] == .bool(true))
            #expect(steps["resource"].text == "the memo")
            #expect(steps["prompt"].text == "Greet Ada.")
            #expect(steps["parallel"].elements.map(\.text) == (0..<8).map { "\($0)" })
        }

        @Test func `a server made with fastmcp works for its own client and for both SDKs`() async throws {
            let server = try await MCPServer.start(.two, framework: .fastmcp)
            let gateway = try await Instance.start(.environment, server)
            let clients: [(SDK, Framework, MCPClient.Mode, String)] = [
                (.two, .fastmcp, .auto, "2026-07-28"), (.two, .sdk, .modern, "2026-07-28"),
                (.two, .sdk, .legacy, "2025-11-25"),
                (.one, .sdk, .legacy, "2025-11-25"),
            ]
            for (sdk, framework, mode, version) in clients {
                let answer = try await MCPClient.run(
                    sdk,
                    mode,
                    url: "\(gateway.url)/two",
                    assertion: gateway.assertion(),
                    framework: framework
                )
                try expectWhole(answer)
                #expect(answer["steps"]["initialize"]["version"].text == version)
            }
        }

        @Test(arguments: SDK.allCases)
        func `fastmcp's client works with a server of either SDK`(sdk: SDK) async throws {
            let server = try await MCPServer.start(sdk)
            let gateway = try await Instance.start(.environment, server)
            let url = "\(gateway.url)/\(sdk.route)"
            try expectWhole(
                try await MCPClient.run(.two, .auto, url: url, assertion: gateway.assertion(), framework: .fastmcp)
            )
        }

        @Test(arguments: SDK.allCases)
        func `the legacy transport works, both of its addresses behind the same checks`(sdk: SDK) async throws {
            let server = try await MCPServer.start(sdk, .sse)
            let gateway = try await Instance.start(.environment, server)
            let answer = try await MCPClient.run(
                sdk,
                .legacy,
                url: "\(gateway.url)/sse",
                assertion: gateway.assertion()
            )
            try expectWhole(answer)
            #expect(answer["wire"].elements.contains { $0["path"].text?.hasPrefix("/messages/") == true })
            let received = try await server.received()
            #expect(received.contains { $0.method == "GET" } && received.contains { $0.method == "POST" })
            #expect(received.allSatisfy { $0.values("x-coda-api-key") == [Instance.token] })
            #expect(try await gateway.request("/messages/?session_id=x", method: "POST", body: "{}").status == 401)
        }

        @Test(arguments: SDK.allCases)
        func `a call that is denied over the legacy transport raises in its client and costs nothing else`(sdk: SDK)
            async throws
        {
            let server = try await MCPServer.start(sdk, .sse)
            let gateway = try await Instance.start(.environment, server)
            let answer = try await MCPClient.run(
                sdk,
                .legacy,
                url: "\(gateway.url)/sse",
                assertion: gateway.assertion(of: Instance.limitedUser)
            )
            #expect(answer["failure"] == .null)
            let steps = answer["steps"]
            for (step, reason) in [
                ("whoami", "tool_denied"), ("delete_everything", "tool_denied"), ("resource", "resource_denied"),
                ("prompt", "prompt_denied"),
            ] {
                #expect(steps[step]["error"]["code"].number == 4030, "\(step)")
                #expect(steps[step]["error"]["data"]["reason"].text == reason)
            }
            #expect(steps["echo"]["text"].text == "grüß dich, 世界")
            #expect(steps["parallel"].elements.map(\.text) == (0..<8).map { "\($0)" })
            #expect(!(try await server.received().contains { $0.body.contains("delete_everything") }))
        }

        @Test(arguments: SDK.allCases)
        func `a client whose stream ends early comes back for the rest`(sdk: SDK) async throws {
            let server = try await MCPServer.start(sdk, .resumable)
            let gateway = try await Instance.start(.environment, server)
            let url = "\(gateway.url)/\(sdk.route)"
            let answer = try await MCPClient.run(sdk, .legacy, url: url, assertion: gateway.assertion())
            try expectWhole(answer)
            #expect(answer["steps"]["interrupted"]["text"].text == "resumed")
            #expect(answer["steps"]["interrupted"]["progress"].elements.map(\.text) == ["before", "after"])
            #expect(
                answer["wire"].elements.contains {
                    $0["method"].text == "GET" && $0["request"]["last-event-id"] != .null
                }
            )
            let received = try await server.received()
            #expect(received.contains { $0.method == "GET" && !$0.values("last-event-id").isEmpty })
        }

        @Test(arguments: [(SDK.one, MCPClient.Mode.legacy), (.two, .legacy), (.two, .modern)])
        func `callers on one route at the same time are never taken for each other`(sdk: SDK, mode: MCPClient.Mode)
            async throws
        {
            let server = try await MCPServer.start(.two)
            let gateway = try await Instance.start(.environment, server)
            let callers = (1...4).map { "person\($0)@team.example" }
            try await withThrowingTaskGroup { group in
                for caller in callers {
                    let assertion = gateway.assertion(of: caller)
                    group.addTask {
                        let url = "\(gateway.url)/two"
                        return (caller, try await MCPClient.run(sdk, mode, url: url, assertion: assertion))
                    }
                }
                for try await (caller, answer) in group { try expectWhole(answer, caller: caller) }
            }
            #expect(Set(try await server.received().flatMap { $0.values("x-caller") }) == Set(callers))
        }
    }
}
