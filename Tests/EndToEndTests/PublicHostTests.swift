import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// A server of the official SDK that admits its public name alone, as the SDK's guard against DNS rebinding has it by default.
@Suite("A server that admits its public host", .needsTools, .timeLimit(.minutes(3)))
struct PublicHostTests {
    private static let host = "public.example"

    @Test(arguments: [(SDK.one, false, 421), (.one, true, 200), (.two, false, 421), (.two, true, 200)])
    func `answers 421 unless preserve_host passes its name on`(sdk: SDK, isPreserved: Bool, status: Int) async throws {
        let server = try await MCPServer.start(sdk, publicHost: Self.host)
        let gateway = try await Instance.start(.environment, server, options: ["preserve_host: \(isPreserved)"])
        let initialize = """
            {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},\
            "clientInfo":{"name":"test","version":"1"}}}
            """
        let answer = try await gateway.request(
            "/\(sdk.route)",
            method: "POST",
            assertion: gateway.assertion(),
            headers: [
                CurlHeader("Host", Self.host), CurlHeader("Content-Type", "application/json"),
                CurlHeader("Accept", "application/json, text/event-stream"),
            ],
            body: initialize
        )
        #expect(answer.status == status, "\(answer.body.text)")
    }

    /// An operator who looks up the number, or the server's words, finds the key that cures it.
    @Test func `stands in the runbook under its number and its words`() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/OAUTH_TROUBLESHOOTING.md").standardizedFileURL
        let runbook = try String(contentsOf: path, encoding: .utf8)
        let entry = try #require(runbook.firstMatch(of: #/(?m)^## .*421.*"Invalid Host header".*\n([^#]+)/#))
        #expect(entry.output.1.contains("`preserve_host: true`"))
    }
}
