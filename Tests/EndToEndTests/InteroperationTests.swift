import Testing

/// Runs the official SDKs without Gatehouse between them, as the reference for the other tests.
@Suite("The SDKs face to face", .needsTools, .timeLimit(.minutes(2)))
struct InteroperationTests {
    @Test(arguments: SDK.allCases)
    func `every client talks to the server in the eras they share`(server sdk: SDK) async throws {
        let server = try await MCPServer.start(sdk)
        for (client, mode, version) in Pairing.all(with: sdk) {
            let answer = try await MCPClient.run(client, mode, url: server.url, headers: ["X-Test": "1"])
            #expect(answer["failure"] == .null)
            let steps = answer["steps"]
            #expect(steps["initialize"]["version"].text == version)
            #expect(steps["tools"].elements.compactMap(\.text).contains("echo"))
            #expect(steps["echo"]["text"].text == "grüß dich, 世界")
            #expect(steps["whoami"]["x-test"].text == "1")
            #expect(steps["progress"]["progress"].elements.count == 3)
            #expect(steps["failing"]["is_error"] == .bool(true))
            #expect(steps["templates"].elements.map(\.text) == ["notes://{name}"])
            #expect(steps["completion"].elements.map(\.text) == ["Ada"])
            #expect(steps["completed_template"].elements.map(\.text) == ["Ada"])
            #expect(steps["parallel"].elements.map(\.text) == (0..<8).map { "\($0)" })
            let methods = answer["wire"].elements.compactMap { $0["method"].text }
            #expect(methods.contains("DELETE") == (version != "2026-07-28"))
        }
    }
}

/// A client, how it is run, and the version it agrees on with a server.
enum Pairing {
    static func all(with server: SDK) -> [(client: SDK, mode: MCPClient.Mode, version: String)] {
        let old: [(SDK, MCPClient.Mode, String)] = [(.one, .legacy, "2025-11-25"), (.two, .legacy, "2025-11-25")]
        switch server {
        case .one: return old + [(.two, .auto, "2025-11-25")]
        case .two: return old + [(.two, .auto, "2026-07-28"), (.two, .modern, "2026-07-28")]
        }
    }
}
