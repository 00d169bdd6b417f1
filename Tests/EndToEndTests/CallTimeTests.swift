import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

extension OneAtATime {
    /// A call that was begun in time ends in its own time, as the SDKs see it.
    @Suite("Long calls through Gatehouse", .needsTools, .timeLimit(.minutes(4)))
    struct CallTimeTests {
        private func client(_ sdk: SDK, _ url: String, _ words: String..., assertion: String) throws -> ChildProcess {
            let environment = ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "ASSERTION": assertion]
            return try ChildProcess(
                try Tools.python(sdk),
                [Tools.script("longcall.py"), url] + words,
                environment: environment
            )
        }

        /// The last line that a client has said when it is done.
        private func lastLine(of client: ChildProcess) async throws -> JSON {
            guard await client.exit() == .code(0) else {
                throw ChildProcess.Failure(description: "the client failed: \(await client.errors.whole)")
            }
            return try JSON(
                parsing: try #require(await client.output.whole.split(separator: "\n").last.map(String.init))
            )
        }

        @Test(arguments: SDK.allCases)
        func `a streamed answer outlasts the assertion that its call was made with`(sdk: SDK) async throws {
            let server = try await MCPServer.start(sdk)
            let gateway = try await Instance.start(.environment, server)
            // Good for twelve seconds: until then the clocks may differ.
            let now = Int64(Date.now.timeIntervalSince1970)
            let assertion = gateway.assertion(["exp": "\(now - 18)", "iat": "\(now - 60)", "nbf": "\(now - 60)"])
            let client = try client(sdk, "\(gateway.url)/\(sdk.route)", "15", "1", assertion: assertion)
            #expect(try await lastLine(of: client)["text"].text == "15 steps")
            #expect(Date.now.timeIntervalSince1970 > Double(now + 12))
            let late = try await gateway.request("/\(sdk.route)", method: "POST", assertion: assertion, body: "{}")
            #expect(late.status == 401)
        }

        @Test(arguments: SDK.allCases)
        func `a streamed answer is waited for when Gatehouse is told to stop`(sdk: SDK) async throws {
            let server = try await MCPServer.start(sdk)
            let gateway = try await Instance.start(.environment, server)
            let client = try client(sdk, "\(gateway.url)/\(sdk.route)", "6", "0.5", assertion: gateway.assertion())
            #expect(try JSON(parsing: try await client.firstLine())["step"].number == 1)
            gateway.process.send(signal: SIGTERM)
            #expect(try await lastLine(of: client)["text"].text == "6 steps")
            #expect(await gateway.process.exit() == .code(0))
        }

        @Test func `a subscription ends in order when Gatehouse is told to stop`() async throws {
            let server = try await MCPServer.start(.two)
            let gateway = try await Instance.start(.environment, server)
            let client = try client(.two, "\(gateway.url)/two", "listen", assertion: gateway.assertion())
            #expect(try JSON(parsing: try await client.firstLine())["listening"] == .bool(true))
            gateway.process.send(signal: SIGTERM)
            #expect(try await lastLine(of: client)["ended"].text == "graceful")
            #expect(await gateway.process.exit() == .code(0))
        }
    }
}
