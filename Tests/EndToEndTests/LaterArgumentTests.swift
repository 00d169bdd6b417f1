import Foundation
import GatehouseTestSupport
import Testing

extension OneAtATime {
    /// A denied argument does not get through by a call that is answered later: by a task, or when it goes on after the server has asked something back.
    @Suite("Rules on the arguments of calls that are answered later", .needsTools, .timeLimit(.minutes(4)))
    struct LaterArgumentTests {
        private static let environment = [
            "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore",
        ]

        /// Runs the client against the server, and returns its steps.
        private func steps(_ kind: String, _ python: String?) async throws -> JSON {
            let python = try #require(python)
            let server = try ChildProcess(
                python,
                [Tools.script("ruled_owned_server.py"), kind],
                environment: Self.environment
            )
            let port = try #require(try JSON(parsing: try await server.firstLine())["port"].number)
            let gateway = try await Instance.start(
                .environment,
                routes: """
                      - name: ruled
                        host: "*"
                        path: /ruled
                        audience: ["\(TestIssuer.defaultAudience)"]
                        upstream: http://127.0.0.1:\(port)/mcp
                        inject: { X-Coda-Api-Key: "{token:two}" }
                        allow:
                          - users: ["\(Instance.limitedUser)"]
                            tools: [ seen, { name: create_row, arguments: { docId: ["AbC*"] } } ]

                    """
            )
            let client = try ChildProcess(
                python,
                [Tools.script("ruled_owned_client.py"), kind, "\(gateway.url)/ruled"],
                environment: Self.environment.merging(["OWNER": gateway.assertion(of: Instance.limitedUser)]) { $1 }
            )
            guard await client.exit() == .code(0) else {
                throw ChildProcess.Failure(description: "the client failed: \(await client.errors.whole)")
            }
            withExtendedLifetime(server) {}
            return try JSON(parsing: await client.output.whole)
        }

        private func expectRuled(_ steps: JSON, denied: [String]) {
            #expect(steps["good"].text == "AbC1", "\(steps)")
            for step in denied { #expect(steps[step]["error"]["code"].number == 4030, "\(step): \(steps[step])") }
            // The server has never heard of it.
            #expect(Set(steps["seen"].elements.map(\.text)) == ["AbC1"], "\(steps)")
        }

        @Test func `by a task of the SDK's`() async throws {
            let steps = try await steps("tasks", Tools.python1)
            expectRuled(steps, denied: ["bad", "none", "raw bad", "raw in task", "raw null"])
        }

        @Test func `by a task of fastmcp's extension`() async throws {
            let steps = try await steps("extension", Tools.pythonTasks)
            expectRuled(steps, denied: ["bad", "none"])
        }

        @Test func `by going on with other arguments than the server has asked about`() async throws {
            let steps = try await steps("state", Tools.python2)
            let denied = ["bad", "bad retry", "none retry", "raw bad", "raw in responses"]
            expectRuled(steps, denied: denied)
            // What is no state at all is refused before the arguments are.
            #expect(steps["raw in state"]["error"]["code"].number != nil, "\(steps)")
        }
    }
}
