import Foundation
import GatehouseTestSupport
import Testing

extension OneAtATime {
    /// Two people at one upstream, which cannot tell them apart: what it hands to the one is of no use to the other. Each theft works where
    /// Gatehouse does not stand between.
    @Suite("What belongs to a caller, through Gatehouse", .needsTools, .timeLimit(.minutes(6)))
    struct OwnershipTests {
        /// The kind of value that the scripts of this suite are run with.
        private enum Kind: String {
            case tasks, state
            case `extension`

            var python: String? {
                switch self {
                case .tasks: Tools.python1
                case .state: Tools.python2
                case .extension: Tools.pythonTasks
                }
            }
        }

        private static let environment = [
            "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "ignore",
        ]

        private func server(_ kind: Kind) async throws -> (port: Int, process: ChildProcess) {
            let arguments = [Tools.script("owned_server.py"), kind.rawValue]
            let process = try ChildProcess(try #require(kind.python), arguments, environment: Self.environment)
            let ready = try JSON(parsing: try await process.firstLine())
            return (try #require(ready["port"].number), process)
        }

        private func gateway(_ upstream: String, allow: String = "") async throws -> Instance {
            let route = """
                  - name: shared
                    host: "*"
                    path: /shared
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: \(upstream)
                    inject: { X-Coda-Api-Key: "{token:two}" }
                \(allow)

                """
            return try await Instance.start(.environment, routes: route)
        }

        /// Runs both clients and returns their steps.
        private func steps(_ kind: String, _ python: String?, _ url: String, _ gateway: Instance? = nil) async throws
            -> JSON
        {
            var environment = Self.environment
            if let gateway {
                environment["OWNER"] = gateway.assertion(of: "ann@team.example")
                environment["THIEF"] = gateway.assertion(of: "bob@team.example")
            }
            let arguments = [Tools.script("owned_client.py"), kind, url]
            let process = try ChildProcess(try #require(python), arguments, environment: environment)
            guard await process.exit() == .code(0) else {
                throw ChildProcess.Failure(description: "the client failed: \(await process.errors.whole)")
            }
            return try JSON(parsing: await process.output.whole)
        }

        private func expectUnknown(_ step: JSON, _ message: String, _ location: SourceLocation = #_sourceLocation) {
            #expect(step["error"]["code"].number == -32602, sourceLocation: location)
            #expect(step["error"]["message"].text?.contains(message) == true, sourceLocation: location)
        }

        @Test func `a task of the SDK's`() async throws {
            let server = try await server(.tasks)
            let url = "http://127.0.0.1:\(server.port)/mcp"
            let open = try await steps("tasks", Tools.python1, url)
            #expect(open["stolen"].text == "the secret of the day")

            let gateway = try await gateway(url)
            let steps = try await steps("tasks", Tools.python1, "\(gateway.url)/shared", gateway)
            for step in ["stolen", "seen", "cancelled"] { expectUnknown(steps[step], "The task is unknown.") }
            #expect(steps["listed"]["error"]["code"].number == -32601)
            #expect(steps["own"].text == "the secret of the day")
            // The id is the same wherever the owner gets it.
            #expect(steps["polled"].elements.map(\.text) == ["completed", steps["task"].text])
        }

        @Test func `a task of fastmcp's extension, which names it in a header too`() async throws {
            let server = try await server(.extension)
            let url = "http://127.0.0.1:\(server.port)/mcp"
            let open = try await steps("extension", Tools.pythonTasks, url)
            #expect(open["seen"].text == "working")
            #expect(open["own"]["error"]["message"].text?.contains("was cancelled") == true)

            // The thief may not call the tool, either.
            let allow = """
                    allow:
                      - { users: ["ann@team.example"] }
                      - { users: ["bob@team.example"], tools: ["other"] }
                """
            let gateway = try await gateway(url, allow: allow)
            let steps = try await steps("extension", Tools.pythonTasks, "\(gateway.url)/shared", gateway)
            for step in ["stolen", "seen", "cancelled"] { expectUnknown(steps[step], "The task is unknown.") }
            #expect(steps["own"].text == "the secret of the day")
            #expect(steps["driven"].text == "the secret of the day")
        }

        @Test func `a call that goes on with its state`() async throws {
            let server = try await server(.state)
            let url = "http://127.0.0.1:\(server.port)/mcp"
            let open = try await steps("state", Tools.python2, url)
            #expect(open["stolen"].text == "the secret of the day")

            let gateway = try await gateway(url)
            let steps = try await steps("state", Tools.python2, "\(gateway.url)/shared", gateway)
            for step in ["stolen", "elsewhere"] { expectUnknown(steps[step], "The request state is unknown.") }
            #expect(steps["own"].text == "the secret of the day")
            #expect(steps["driven"].text == "the secret of the day")
        }

        @Test func `a stream that is resumed`() async throws {
            let server = try await MCPServer.start(.one, .resumable)
            let open = try await steps("events", Tools.python1, server.url)
            #expect(open["stolen"]["text"].text?.contains("the memo of the owner") == true)

            let gateway = try await gateway(server.url)
            try await server.reset()
            let steps = try await steps("events", Tools.python1, "\(gateway.url)/shared", gateway)
            for step in ["stolen", "untagged"] {
                #expect(steps[step]["status"].number == 200, "\(step): \(steps)")
                #expect(steps[step]["text"].text?.contains("the memo of the owner") == false)
            }
            #expect(steps["own"]["text"].text?.contains("the memo of the owner") == true)
            let presented = try await server.received().filter { $0.method == "GET" }.map { $0.values("last-event-id") }
            // One that came before the server had noticed the end of the stream before was asked again.
            let own = [String(try #require(steps["ids"].elements[0].text).prefix { $0 != "." })]
            #expect(presented.count >= 3 && presented.last == own && presented.dropLast().allSatisfy(\.isEmpty))
        }
    }
}
