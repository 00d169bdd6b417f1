import Foundation
import GatehouseTestSupport
import Testing

/// `gatehouse call` against servers of the official SDKs, and the whole way through Gatehouse.
@Suite("Calling an upstream from the command line", .needsTools, .timeLimit(.minutes(3)))
struct CallCommandTests {
    private func call(_ gateway: Instance, _ arguments: [String]) async throws -> (exit: ChildProcess.Exit, json: JSON)
    {
        let words = ["call"] + arguments + ["--json", "--config", gateway.configuration]
        let process = try ChildProcess(Tools.gatehouse, words, environment: Instance.environment)
        process.closeInput()
        let exit = await process.exit()
        let output = await process.output.whole
        let errors = await process.errors.whole
        #expect(!output.contains(Instance.token) && !errors.contains(Instance.token))
        try #require(!output.isEmpty, "\(errors)")
        return (exit, try JSON(parsing: output))
    }

    @Test func `both SDKs in both eras answer, with the token that Gatehouse injects`() async throws {
        let (one, two) = (try await MCPServer.start(.one), try await MCPServer.start(.two))
        let gateway = try await Instance.start(.environment, one, two)
        for (route, server, version) in [
            ("one", one, "2025-11-25"), ("two", two, "2025-11-25"), ("two", two, "2026-07-28"),
        ] {
            try await server.reset()
            let (exit, json) = try await call(
                gateway,
                [route, "--list", "--tool", "echo", "--arguments", #"{"text":"hello"}"#, "--protocol", version]
            )
            #expect(exit == .code(0), "\(json)")
            let half = json["halves"].elements[0]
            #expect(half["tools"].elements.contains { $0.text == "echo" })
            #expect(half["result"]["content"].elements.first?["text"].text == "hello")
            #expect(half["steps"].elements.contains { $0["detail"].text?.contains(version) ?? false }, "\(half)")
            let received = try await server.received().filter { $0.method == "POST" }
            #expect(received.allSatisfy { $0.values("x-coda-api-key") == [Instance.token] } && !received.isEmpty)
        }
    }

    @Test func `finds the era out by itself, and ends the session that it began`() async throws {
        let one = try await MCPServer.start(.one)
        let gateway = try await Instance.start(.environment, one)
        let (exit, json) = try await call(gateway, ["one"])
        #expect(exit == .code(0) && json["works"] == .bool(true))
        #expect(try await one.received().last?.method == "DELETE")
    }

    @Test(arguments: SDK.allCases)
    func `a server of the legacy transport is found by its stream`(sdk: SDK) async throws {
        let server = try await MCPServer.start(sdk, .sse)
        let gateway = try await Instance.start(.environment, server)
        let arguments = ["--path", "/sse", "--list", "--tool", "echo", "--arguments", #"{"text":"hello"}"#]
        let (exit, json) = try await call(gateway, [sdk.route] + arguments)
        #expect(exit == .code(0), "\(json)")
        let half = json["halves"].elements[0]
        #expect(half["tools"].elements.contains { $0.text == "echo" })
        #expect(half["result"]["content"].elements.first?["text"].text == "hello")
        #expect(half["steps"].elements.contains { $0["detail"].text?.contains("legacy HTTP+SSE") ?? false }, "\(half)")
        let received = try await server.received()
        #expect(received.allSatisfy { $0.values("x-coda-api-key") == [Instance.token] } && received.count > 3)
    }

    /// Chosen for the half that fails: Gatehouse itself stands in for the edge.
    @Test func `of the whole way it says which half fails`() async throws {
        let two = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, two)
        let words = ["call", "two", "--public-url", "\(gateway.url)/two", "--config", gateway.configuration]
        var environment = Instance.environment
        environment["CF_ACCESS_CLIENT_ID"] = "ci.access"
        environment["CF_ACCESS_CLIENT_SECRET"] = "secret-of-the-service"
        let process = try ChildProcess(Tools.gatehouse, words, environment: environment)
        process.closeInput()
        #expect(await process.exit() == .code(1))
        let errors = await process.errors.whole
        // No edge made an assertion of the service token.
        #expect(errors.contains("the half in front fails") && errors.contains("401"), "\(errors)")
        #expect(errors.contains("gatehouse audit show"))
        let output = await process.output.whole
        #expect(output.contains("behind Gatehouse: ") && output.contains("the whole way: "))
        #expect(!output.contains("secret-of-the-service") && !errors.contains("secret-of-the-service"))
    }
}
