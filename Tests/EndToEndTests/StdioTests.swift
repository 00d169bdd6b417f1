import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

extension OneAtATime {
    /// docs/STDIO_MCP.md for real: `mcp-coda`, unmodified and speaking stdio, behind `mcp-proxy`, both under `gatehouse run`, with a stand-in
    /// for Coda itself.
    @Suite("A stdio server under gatehouse run", .needsTools, .timeLimit(.minutes(6)))
    struct StdioTests {
        private let first = "coda-token-one-44e1"
        private let second = "coda-token-two-55f2"

        @Test func `it gets its token from the store, and the new one when it is rotated`() async throws {
            let coda = try ChildProcess(try Tools.python(.two), [Tools.script("coda.py")])
            let codaPort = try #require(JSON(parsing: try await coda.firstLine())["port"].number)
            let port = try Instance.freePort()
            let route = """
                  - name: coda
                    host: "*"
                    path: /coda
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: http://127.0.0.1:\(port)/mcp

                """
            let gateway = try await Instance.start(.sqlite, routes: route)
            _ = try await gateway.command("token", "set", "coda", input: first)

            let run = try ChildProcess(
                Tools.gatehouse,
                [
                    "run", "--config", gateway.configuration, "--env", "CODA_API_TOKEN=coda", "--keep-env",
                    "CODA_BASE_URL",
                    "--restart-on-rotate", "--", try Tools.program("mcp-proxy", .one), "--host", "127.0.0.1", "--port",
                    "\(port)",
                    "--pass-environment", "--", try Tools.program("mcp-coda", .two),
                ],
                environment: [
                    "CODA_BASE_URL": "http://127.0.0.1:\(codaPort)/apis/v1", "PATH": "/usr/bin:/bin",
                    "HOME": gateway.folder.path,
                    "LC_ALL": "C.UTF-8", "UNRELATED": "stays-out",
                ]
            )
            try await stand(port, run)
            let answer = try await whoami(gateway)
            #expect(answer["is_error"] == .bool(false))
            #expect(answer["text"].text?.contains("holder of \(first)") == true)
            #expect(answer["tools"].elements.count > 10)
            try expectSecret(first, of: run.pid)

            _ = try await gateway.command("token", "rotate", "coda", input: second)
            // Until it is up again, calls fail.
            try await gateway.eventually { (try? await whoami(gateway)["text"].text?.contains(second)) == true }
            run.send(signal: SIGTERM)
            _ = await run.exit()
            let words = run.output.text + run.errors.text
            #expect(words.contains("a token has changed"))
            #expect(!words.contains(first) && !words.contains(second))
        }

        private func whoami(_ gateway: Instance) async throws -> JSON {
            let process = try ChildProcess(
                try Tools.python(.two),
                [Tools.script("call.py"), "\(gateway.url)/coda", "coda_whoami"],
                environment: ["ASSERTION": gateway.assertion(), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]
            )
            guard await process.exit() == .code(0) else {
                throw ChildProcess.Failure(description: "the call failed: \(await process.errors.whole)")
            }
            return try JSON(parsing: await process.output.whole)
        }

        /// Polls until mcp-proxy answers, because it gives no notice.
        private func stand(_ port: Int, _ process: ChildProcess) async throws {
            let request = CurlRequest("http://127.0.0.1:\(port)/status")
            try await process.eventually { (try? await CurlClient().perform(request))?.status == 200 }
        }

        /// The token stands in no argument of the process or its children, and neither does what does not concern them.
        private func expectSecret(_ token: String, of group: pid_t) throws {
            var seen = 0
            for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
                guard let pid = pid_t(name), getpgid(pid) == group else { continue }
                seen += 1
                let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
                #expect(line.range(of: Data(token.utf8)) == nil)
                guard pid != group else { continue }
                let variables = FileManager.default.contents(atPath: "/proc/\(pid)/environ") ?? Data()
                #expect(variables.range(of: Data("stays-out".utf8)) == nil)
            }
            #expect(seen >= 2)
        }
    }
}

extension Tools {
    /// A program of the environment that has this version of the SDK.
    static func program(_ name: String, _ sdk: SDK) throws -> String {
        URL(fileURLWithPath: try python(sdk)).deletingLastPathComponent().appendingPathComponent(name).path
    }
}
