import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

extension OneAtATime {
    /// deploy/template/server, the skeleton of a new server, unmodified behind Gatehouse, and called with the SDK.
    @Suite("The skeleton of a new server", .needsTools, .timeLimit(.minutes(4)))
    struct TemplateTests {
        private let first = "example-token-one-71c3"
        private let second = "example-token-two-82d4"

        @Test func `it takes its token from each request, and the new one after a rotation`() async throws {
            let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent("deploy/template/server/server.py").path
            let port = try Instance.freePort()
            let server = try ChildProcess(
                try Tools.python(.two),
                [script],
                environment: [
                    "HOST": "127.0.0.1", "PORT": "\(port)", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8",
                ]
            )
            let route = """
                  - name: example
                    host: "*"
                    path: /example
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: http://127.0.0.1:\(port)
                    inject: { X-Api-Key: "{token}" }
                    mcp: { paths: [/mcp] }

                """
            let gateway = try await Instance.start(.sqlite, routes: route, tokens: ["example": first])
            // It tells nobody when it listens.
            let request = CurlRequest("http://127.0.0.1:\(port)/mcp")
            try await server.eventually { (try? await CurlClient().perform(request)) != nil }

            let one = try await whoami(gateway)
            #expect(one["is_error"] == .bool(false))
            #expect(one["tools"].elements.count == 1)
            _ = try await gateway.command("token", "rotate", "example", input: second)
            try await gateway.eventually {
                let two = try? await whoami(gateway)["text"].text
                return two?.hasPrefix("token ") == true && two != one["text"].text
            }
            // SIGTERM would have it wait for connections that Gatehouse keeps.
            server.kill()
            _ = await server.exit()
            let words = server.output.text + server.errors.text
            #expect(!words.contains(first) && !words.contains(second))
        }

        private func whoami(_ gateway: Instance) async throws -> JSON {
            let process = try ChildProcess(
                try Tools.python(.two),
                [Tools.script("call.py"), "\(gateway.url)/example/mcp", "whoami"],
                environment: ["ASSERTION": gateway.assertion(), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]
            )
            guard await process.exit() == .code(0) else {
                throw ChildProcess.Failure(description: "the call failed: \(await process.errors.whole)")
            }
            return try JSON(parsing: await process.output.whole)
        }
    }
}
