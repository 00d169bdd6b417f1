import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// The MCP gate as real clients and servers meet it.
@Suite("The MCP gate with the SDKs", .needsTools, .timeLimit(.minutes(3)))
struct GateTests {
    @Test(arguments: SDK.allCases)
    func `a limited caller sees and calls what grants name, and a denial costs nothing else`(server sdk: SDK)
        async throws
    {
        let server = try await MCPServer.start(sdk)
        let gateway = try await Instance.start(.environment, server)
        for (client, mode, version) in Pairing.all(with: sdk) {
            try await server.reset()
            let url = "\(gateway.url)/\(sdk.route)"
            let assertion = gateway.assertion(of: Instance.limitedUser)
            let answer = try await MCPClient.run(client, mode, url: url, assertion: assertion)
            #expect(answer["failure"] == .null)
            let steps = answer["steps"]
            #expect(steps["initialize"]["version"].text == version)
            #expect(steps["tools"].elements.compactMap(\.text) == ["echo", "slow"])
            #expect(steps["echo"]["text"].text == "grüß dich, 世界")
            #expect(steps["progress"]["progress"].elements.count == 3)
            for (step, reason) in [
                ("whoami", "tool_denied"), ("failing", "tool_denied"), ("delete_everything", "tool_denied"),
                ("resource", "resource_denied"), ("prompt", "prompt_denied"), ("completion", "prompt_denied"),
                ("completed_template", "resource_denied"),
            ] {
                let error = steps[step]["error"]
                #expect(error["code"].number == 4030, "\(client) \(mode) \(step)")
                #expect(error["data"]["reason"].text == reason)
            }
            #expect(steps["templates"].elements.isEmpty && steps["templates"]["error"] == .null)
            // The calls after the denials go over the same session.
            #expect(steps["parallel"].elements.map(\.text) == (0..<8).map { "\($0)" })
            let received = try await server.received()
            #expect(!received.contains { $0.body.contains("delete_everything") || $0.body.contains("memo://one") })
            #expect(received.contains { $0.body.contains("echo") })
        }
    }

    // MARK: - Sessions

    private static let initialize = """
        {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},\
        "clientInfo":{"name":"test","version":"1"}}}
        """
    private static let ping = #"{"jsonrpc":"2.0","id":2,"method":"ping"}"#

    private static func headers(_ session: String? = nil) -> [CurlHeader] {
        [
            CurlHeader("Accept", "application/json, text/event-stream"), CurlHeader("Content-Type", "application/json"),
            CurlHeader("MCP-Protocol-Version", "2025-11-25"),
        ] + (session.map { [CurlHeader("Mcp-Session-Id", $0)] } ?? [])
    }

    private func open(_ gateway: Instance, _ route: String, as user: String = Instance.user) async throws -> String {
        let opened = try await gateway.request(
            "/\(route)",
            method: "POST",
            assertion: gateway.assertion(of: user),
            headers: Self.headers(),
            body: Self.initialize
        )
        let session = try #require(opened.header("mcp-session-id"))
        let note = #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
        let noted = try await gateway.request(
            "/\(route)",
            method: "POST",
            assertion: gateway.assertion(of: user),
            headers: Self.headers(session),
            body: note
        )
        #expect(noted.status == 202)
        return session
    }

    private func ping(_ gateway: Instance, _ route: String, _ session: String, as user: String = Instance.user)
        async throws
        -> CurlResponse
    {
        try await gateway.request(
            "/\(route)",
            method: "POST",
            assertion: gateway.assertion(of: user),
            headers: Self.headers(session),
            body: Self.ping
        )
    }

    @Test(arguments: SDK.allCases)
    func `a stolen session is unknown to the thief and stays its owner's`(server sdk: SDK) async throws {
        let server = try await MCPServer.start(sdk)
        let gateway = try await Instance.start(.environment, server)
        let session = try await open(gateway, sdk.route)
        try await server.reset()
        let upstreamID = String(session.prefix(session.count - 23))
        for (thief, stolen) in [
            (Instance.limitedUser, session), (Instance.user, upstreamID), (Instance.limitedUser, upstreamID),
        ] {
            for method in ["POST", "GET", "DELETE"] {
                let response = try await gateway.request(
                    "/\(sdk.route)",
                    method: method,
                    assertion: gateway.assertion(of: thief),
                    headers: Self.headers(stolen),
                    body: method == "POST" ? Self.ping : nil
                )
                #expect(response.status == 404)
                let id = try #require(response.header("x-request-id"))
                let row = try #require(try await gateway.auditRows(of: id, count: 1).first)
                #expect(row["reason"].text == "session_unknown")
            }
        }
        #expect(try await server.received().isEmpty)
        let response = try await ping(gateway, sdk.route, session)
        #expect(response.status == 200)
        #expect(try await server.received().map { $0.values("mcp-session-id") } == [[upstreamID]])
        let id = try #require(response.header("x-request-id"))
        let rows = try await gateway.auditRows(of: id, count: 2)
        let decision = try #require(rows.first { $0["kind"].text == "decision" })
        #expect(decision["rpc_method"].text == "ping")
        #expect(decision["rpc_id"].text == "2")
        #expect(decision["protocol_version"].text == "2025-11-25")
        #expect(decision["session"].text?.count == 32)
    }

    @Test func `a session survives a restart of Gatehouse`() async throws {
        let server = try await MCPServer.start(.one)
        let gateway = try await Instance.start(.environment, server)
        let session = try await open(gateway, "one")
        gateway.process.send(signal: SIGKILL)
        #expect(await gateway.process.exit() == .signal(SIGKILL))
        let arguments = ["serve", "--config", gateway.configuration]
        let again = try ChildProcess(Tools.gatehouse, arguments, environment: Instance.environment)
        try #require(await Instance.isReady(again, socket: "\(gateway.folder.path)/admin.sock"))
        #expect(try await ping(gateway, "one", session).status == 200)
        #expect(try await ping(gateway, "one", session, as: Instance.limitedUser).status == 404)
        again.send(signal: SIGTERM)
        #expect(await again.exit() == .code(0))
    }

    // MARK: - Tricks

    @Test func `what two parsers could read differently never reaches the upstream`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        func call(_ more: String, _ params: String = #"{"name":"echo"}"#) -> String {
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":\#(params)\#(more)}"#
        }
        let bodies = [
            call(#","params":{"name":"delete_everything"}"#), call(#","Params":{"name":"delete_everything"}"#),
            call(#","p\u0061rams":{"name":"delete_everything"}"#),
            call("", #"{"name":"echo","name":"delete_everything"}"#),
            call("", #"{"name":"echo","Name":"delete_everything"}"#),
            call("", #"{"name":"echo","n\u0061me":"delete_everything"}"#),
            "\u{FEFF}" + call(""),
            call("").replacing("tools/call", with: "tools/call\u{A0}"),
            call("").replacing("tools/call", with: "tools/call\u{FEFF}"),
            call("").replacing("tools/call", with: "\u{2003}tools/call"),
            call("").replacing("tools/call", with: "tools/call" + String(repeating: " ", count: 15)),
            call("").replacing("tools/call", with: "Tools/Call"),
            call("").replacing("tools/call", with: #"tools/call\u0000"#),
            "[\(call("")),\(#"{"jsonrpc":"2.0","id":1,"result":{}}"#)]", "[[\(call(""))]]", call("") + call(""),
        ]
        for body in bodies {
            let response = try await gateway.request(
                "/two",
                method: "POST",
                assertion: gateway.assertion(of: Instance.limitedUser),
                headers: [CurlHeader("Content-Type", "application/json")],
                body: body
            )
            #expect(response.status == 400, "\(body)")
            #expect(try JSON(parsing: response.body.text)["error"].text == "bad_request")
        }
        #expect(try await server.received().isEmpty)
    }

    @Test(arguments: SDK.allCases)
    func `a resource is read by the one name that grants know it by`(server sdk: SDK) async throws {
        let server = try await MCPServer.start(sdk)
        let gateway = try await Instance.start(.environment, server)
        let limited = try await open(gateway, sdk.route, as: Instance.limitedUser)
        let unlimited = try await open(gateway, sdk.route)
        func read(_ uri: String, _ session: String, as user: String) async throws -> CurlResponse {
            try await gateway.request(
                "/\(sdk.route)",
                method: "POST",
                assertion: gateway.assertion(of: user),
                headers: Self.headers(session),
                body: #"{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"\#(uri)"}}"#
            )
        }
        let allowed = try await read("file:///public/readme.md", limited, as: Instance.limitedUser)
        #expect(allowed.body.text.contains("the readme"))
        try await server.reset()
        let steps = String(repeating: "a/../", count: 500)
        var reached = 0
        for uri in [
            "file:///public/../private/secret", "file:///public/%2e%2e/private/secret",
            #"file:///public/..\\private\\secret"#,
            "file:///public/.%2E/private/secret", #"file:///public/\t../private/secret"#,
            "file:///public/\(steps)../private/secret",
            "file:///public/../private/./secret",
        ] {
            let refused = try await read(uri, limited, as: Instance.limitedUser)
            #expect(refused.status == 200 && refused.body.text.contains("resource_denied"), "\(uri)")
            #expect(try JSON(parsing: refused.body.text)["error"]["code"].number == 4030)
            #expect(try await server.received().isEmpty)
            // A caller without limits passes unread, and the server resolves the URI: that is why it is refused above.
            if try await read(uri, unlimited, as: Instance.user).body.text.contains("the secret") { reached += 1 }
            try await server.reset()
        }
        // The newer SDK takes a URI as text.
        #expect(sdk == .one ? reached >= 5 : true, "\(reached)")
        // A model's empty name costs one answer and not the session.
        let empty = try await gateway.request(
            "/\(sdk.route)",
            method: "POST",
            assertion: gateway.assertion(of: Instance.limitedUser),
            headers: Self.headers(limited),
            body: #"{"jsonrpc":"2.0","id":"e","method":"tools/call","params":{"name":"","arguments":{}}}"#
        )
        #expect(empty.status == 200)
        let error = try JSON(parsing: empty.body.text)
        #expect(error["error"]["code"].number == -32602 && error["id"].text == "e")
        #expect(try await ping(gateway, sdk.route, limited, as: Instance.limitedUser).status == 200)
    }

    @Test func `a denied call leaves its row, with what was denied`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let body = #"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"delete_everything"}}"#
        let assertion = gateway.assertion(of: Instance.limitedUser)
        let response = try await gateway.request("/two", method: "POST", assertion: assertion, body: body)
        #expect(response.status == 200)
        let answer = try JSON(parsing: response.body.text)
        #expect(answer["id"].text == "x")
        let id = try #require(response.header("x-request-id"))
        #expect(answer["error"]["data"]["request_id"].text == id)
        let rows = try await gateway.auditRows(of: id, count: 2)
        let decision = try #require(rows.first { $0["kind"].text == "decision" })
        #expect(decision["decision"].text == "deny")
        #expect(decision["reason"].text == "tool_denied")
        #expect(decision["rpc_method"].text == "tools/call")
        #expect(decision["rpc_id"].text == #""x""#)
        #expect(decision["target"].text == "delete_everything")
        let outcome = try #require(rows.first { $0["kind"].text == "outcome" })
        #expect(outcome["rpc_error"].text == "4030")
        #expect(outcome["status"].number == 200)
    }
}
