import Foundation
import GatehouseTestSupport
import Testing

/// Rules on arguments, between the official SDKs' clients and servers.
@Suite("Rules on arguments with the SDKs", .needsTools, .timeLimit(.minutes(5)))
struct ArgumentTests {
    private static let environment = ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]

    private func server(_ sdk: SDK, _ options: String...) async throws -> (port: Int, process: ChildProcess) {
        let arguments = [Tools.script("ruled_server.py")] + options
        let process = try ChildProcess(try Tools.python(sdk), arguments, environment: Self.environment)
        let ready = try JSON(parsing: try await process.firstLine())
        return (try #require(ready["port"].number), process)
    }

    private func gateway(_ upstream: String, path: String) async throws -> Instance {
        try await Instance.start(
            .environment,
            routes: """
                  - name: ruled
                    host: "*"
                    path: \(path)
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: \(upstream)
                    inject: { X-Coda-Api-Key: "{token:two}" }
                    allow:
                      - users: ["\(Instance.limitedUser)"]
                        tools:
                          - name: create_row
                            arguments: { docId: ["AbC*"], "options.dryRun": [true], limit: { max: 100 } }
                      - { users: ["\(Instance.user)"] }

                """
        )
    }

    private func steps(_ client: SDK, _ options: [String], _ gateway: Instance, as user: String, _ url: String)
        async throws -> JSON
    {
        let process = try ChildProcess(
            try Tools.python(client),
            [Tools.script("ruled_client.py"), url, "--assertion-from-env", "ASSERTION"] + options,
            environment: Self.environment.merging(["ASSERTION": gateway.assertion(of: user)]) { $1 }
        )
        guard await process.exit() == .code(0) else {
            throw ChildProcess.Failure(description: "the client failed: \(await process.errors.whole)")
        }
        let answer = try JSON(parsing: await process.output.whole)
        #expect(answer["failure"] == .null, "\(answer)")
        return answer["steps"]
    }

    private func expectRuled(_ steps: JSON, _ why: Comment) {
        #expect(steps["tools"].elements.map(\.text) == ["create_row"], why)
        #expect(steps["good"]["docId"].text == "AbC-grüß", why)
        #expect(steps["float"]["docId"].text == "AbC1", why)
        for (step, argument) in [
            ("other_document", "docId"), ("too_many", "limit"), ("in_earnest", "options.dryRun"),
            ("no_options", "options.dryRun"), ("null", "limit"),
        ] {
            let error = steps[step]["error"]
            #expect(error["code"].number == 4030, why)
            #expect(error["data"]["reason"].text == "arguments_denied", why)
            #expect(error["data"]["argument"].text == argument, why)
        }
        // The calls after the denials go over the same session.
        #expect(steps["tagged"]["tags"].elements.map(\.text) == ["x"], why)
        #expect(steps["again"]["docId"].text == "AbC2", why)
    }

    @Test(arguments: SDK.allCases)
    func `a limited caller's calls pass by their arguments, and lists stay as they are`(server sdk: SDK) async throws {
        let server = try await server(sdk)
        let gateway = try await gateway("http://127.0.0.1:\(server.port)/mcp", path: "/ruled")
        let url = "\(gateway.url)/ruled"
        for (client, mode, _) in Pairing.all(with: sdk) {
            let options = ["--mode", mode.rawValue]
            let steps = try await steps(client, options, gateway, as: Instance.limitedUser, url)
            expectRuled(steps, "\(client) \(mode)")
            let open = try await self.steps(client, options, gateway, as: Instance.user, url)
            #expect(open["other_document"]["docId"].text == "XyZ")
        }
        let count = 5 * Pairing.all(with: sdk).count
        var denied: [JSON] = []
        try await gateway.eventually {
            let text = try? await gateway.command("audit", "tail", "--events", "--lines", "1000", "--json")
            denied = try JSON.rows(text ?? "").filter {
                $0["kind"].text == "decision" && $0["reason"].text == "arguments_denied"
            }
            return denied.count >= count
        }
        #expect(denied.count == count)
        #expect(denied.allSatisfy { $0["target"].text == "create_row" && $0["decision"].text == "deny" })
    }

    @Test func `a client of the legacy transport reads it on its stream`() async throws {
        let server = try await server(.one, "--transport", "sse")
        let gateway = try await gateway("http://127.0.0.1:\(server.port)", path: "/")
        let steps = try await steps(
            .one,
            ["--transport", "sse"],
            gateway,
            as: Instance.limitedUser,
            "\(gateway.url)/sse"
        )
        expectRuled(steps, "legacy")
    }
}
