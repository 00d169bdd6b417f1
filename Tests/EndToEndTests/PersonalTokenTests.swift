import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// A route whose token is each person's own, over the binary as it ships and with the official clients.
@Suite("Personal tokens", .needsAuthlib, .timeLimit(.minutes(5)))
struct PersonalTokenTests {
    /// One person at the page of an instance.
    struct Visitor {
        let instance: Instance
        let assertion: String

        init(_ instance: Instance, _ user: String, subject: String) {
            self.instance = instance
            assertion = instance.assertion(of: user, ["sub": "\"\(subject)\""])
        }

        func page(_ query: String = "") async throws -> CurlResponse {
            try await instance.request("/.gatehouse/\(query)", assertion: assertion)
        }

        /// Presses a button of the page.
        func send(_ action: String, _ token: String, value: String? = nil) async throws -> CurlResponse {
            let html = try await page().body.text
            let form = try #require(html.firstRange(of: "action=\"/.gatehouse/\(action)\""), "\(html)")
            let key = try #require(html[form.upperBound...].firstMatch(of: #/name="key" value="([^"]+)"/#)?.1)
            var body = "token=\(token)&key=\(key)"
            if let value { body += "&value=\(value)" }
            return try await post(action, body)
        }

        func post(_ action: String, _ body: String, origin: String = "https://127.0.0.1") async throws -> CurlResponse {
            try await instance.request(
                "/.gatehouse/\(action)",
                method: "POST",
                assertion: assertion,
                headers: [
                    CurlHeader("Origin", origin), CurlHeader("Sec-Fetch-Site", "same-origin"),
                    CurlHeader("Content-Type", "application/x-www-form-urlencoded"),
                ],
                body: body
            )
        }
    }

    private func start(_ servers: MCPServer..., connect: String, further: String = "") async throws -> Instance {
        let routes = servers.map { server in
            """

              - name: own-\(server.sdk.route)
                host: 127.0.0.1
                path: /own-\(server.sdk.route)
                audience: ["\(TestIssuer.defaultAudience)"]
                upstream: \(server.url)
                inject: { X-Own: "Bearer {token:own}" }
                # The server is asked which token it got.
                guard: { reflection: off }
            """
        }
        let tokens = "\ntokens:\n  own: { per: person, connect: \(connect) }\n\(further)"
        if servers.count == 2 {
            return try await Instance.start(.sqlite, servers[0], servers[1], routes: routes.joined() + tokens)
        }
        return try await Instance.start(.sqlite, servers[0], routes: routes.joined() + tokens)
    }

    private func client(
        _ instance: Instance,
        _ visitor: Visitor,
        _ sdk: SDK,
        _ mode: MCPClient.Mode,
        opens: Bool
    ) throws -> ChildProcess {
        let arguments =
            [Tools.script("person_client.py"), "\(instance.url)/own-\(sdk.route)", "--mode", mode.rawValue]
            + (opens ? ["--opens-addresses"] : [])
        return try ChildProcess(
            try Tools.python(sdk),
            arguments,
            environment: ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "ASSERTION": visitor.assertion]
        )
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let sdk: SDK
        let mode: MCPClient.Mode
        let opens: Bool
        /// How the client was told: by an error of this code, or nil for an elicitation.
        let code: Int?
        var testDescription: String { "\(sdk.rawValue) \(mode.rawValue) opens: \(opens)" }
    }

    @Test(arguments: [
        Case(sdk: .one, mode: .legacy, opens: true, code: -32042),
        Case(sdk: .one, mode: .legacy, opens: false, code: 4010),
        Case(sdk: .two, mode: .modern, opens: true, code: nil),
        Case(sdk: .two, mode: .modern, opens: false, code: 4010),
        Case(sdk: .two, mode: .legacy, opens: true, code: -32042),
    ])
    func `a client is told where to connect in its own words, and goes on with the person's token`(way: Case)
        async throws
    {
        let server = try await MCPServer.start(way.sdk)
        let instance = try await start(server, connect: "{ kind: paste, help: Settings }")
        let ann = Visitor(instance, Instance.user, subject: "sub-of-ann")
        let process = try client(instance, ann, way.sdk, way.mode, opens: way.opens)
        let asked = try JSON(parsing: try await process.firstLine())["asked"]
        #expect(asked["code"].number == way.code, "\(asked)")
        let message = try #require(asked["message"].text, "\(asked)")
        #expect(message.contains("https://127.0.0.1/.gatehouse/"))
        if way.code == nil { #expect(asked["url"].text == "https://127.0.0.1/.gatehouse/") }
        let pasted = try await ann.send("paste", "own", value: "token-of-ann")
        #expect(pasted.status == 303, "\(pasted.body.text)")
        try await instance.eventually { try await ann.isConnected(way.sdk) }
        try process.write("\n")
        #expect(await process.exit() == .code(0))
        let lines = try await process.output.whole.split(separator: "\n").map { try JSON(parsing: String($0)) }
        let last = try #require(lines.last)
        #expect(last["headers"]["x-own"].text == "Bearer token-of-ann", "\(lines)")
        if way.sdk == .one, way.opens { #expect(lines.contains { $0["completed"].text != nil }, "\(lines)") }
        // The upstream is told nothing of how it came.
        let bodies = try await server.received().map(\.body)
        #expect(!bodies.contains { $0.contains("gatehouse-connect") || $0.contains("inputResponses") })
    }

    @Test func `two people have their own token, and what one of them does is nothing to the other`() async throws {
        let server = try await MCPServer.start(.two)
        let instance = try await start(server, connect: "{ kind: paste, help: Settings }")
        let ann = Visitor(instance, Instance.user, subject: "sub-of-ann")
        let bob = Visitor(instance, "bob@team.example", subject: "sub-of-bob")
        for (who, value) in [(ann, "token-of-ann"), (bob, "token-of-bob")] {
            #expect(try await who.send("paste", "own", value: value).status == 303)
        }
        try await instance.eventually { try await ann.isConnected(.two) }
        try await instance.eventually { try await bob.isConnected(.two) }
        for (who, value) in [(ann, "token-of-ann"), (bob, "token-of-bob"), (ann, "token-of-ann")] {
            #expect(try await who.sent(.two) == "Bearer \(value)")
        }
        // A form of one is none of the other, is good once, and comes from the page alone.
        let html = try await ann.page().body.text
        #expect(!html.contains("token-of-ann"))
        let key = try #require(
            html.firstMatch(
                of: #/action="\/\.gatehouse\/disconnect".*?name="key" value="([^"]+)"/#.dotMatchesNewlines()
            )?.1
        )
        #expect(try await bob.post("disconnect", "token=own&key=\(key)").status == 409)
        #expect(try await ann.post("disconnect", "token=own&key=\(key)", origin: "https://evil.example").status == 403)
        #expect(try await ann.post("disconnect", "token=own&key=\(key)").status == 303)
        #expect(try await ann.post("disconnect", "token=own&key=\(key)").status == 409)
        try await instance.eventually { try await !ann.isConnected(.two) }
        #expect(try await bob.sent(.two) == "Bearer token-of-bob")
        // Nobody without an assertion sees the page, and a service token has none.
        #expect(try await instance.request("/.gatehouse/").status == 401)
        #expect(try await instance.request("/.gatehouse/", assertion: instance.serviceAssertion()).status == 403)
        // Offboarding, by address.
        let owners = try JSON(parsing: try await instance.command("token", "list", "--owners", "--json")).elements
        #expect(owners.map { $0["owner"].text } == ["bob@team.example"])
        #expect(
            try await instance.command("person", "forget", "bob@team.example", "--yes").contains(
                "own of bob@team.example"
            )
        )
        try await instance.eventually { try await !bob.isConnected(.two) }
        // A machine's token is set by an operator.
        let machine = "e367826f93b8d71185e03fe518aff3b4.access"
        _ = try await instance.command("token", "set", "own", "--owner", machine, input: "token-of-machine")
        let service = Visitor(instance: instance, assertion: instance.serviceAssertion())
        try await instance.eventually { try await service.isConnected(.two) }
        #expect(try await service.sent(.two) == "Bearer token-of-machine")
        var metrics = CurlRequest("http://localhost/metrics")
        metrics.unixSocket = "\(instance.folder.path)/admin.sock"
        let counted = try await CurlClient().perform(metrics).body.text
        #expect(counted.contains(#"gatehouse_personal_tokens{token="own",state="connected"} 1"#), "\(counted)")
        // No secret anywhere but where it is sealed.
        instance.process.send(signal: SIGTERM)
        #expect(await instance.process.exit() == .code(0))
        let log = await instance.process.errors.whole
        let database = try Data(contentsOf: URL(fileURLWithPath: "\(instance.folder.path)/gatehouse.db"))
        for secret in ["token-of-ann", "token-of-bob", "token-of-machine"] {
            #expect(!log.contains(secret))
            #expect(database.range(of: Data(secret.utf8)) == nil)
        }
    }

    /// The address in the page that goes on to the vendor by itself.
    private static var authorization: Regex<Substring> { #/http:\/\/[^"\s]*\/authorize\?[^"\s]*/# }

    @Test func `an account is connected at a discovered server, renews itself, and is revoked there in the end`()
        async throws
    {
        let server = try await MCPServer.start(.two)
        let folder = try Tools.Folder()
        let vendor = try await AuthorizationServer.start(folder, lifetime: 6, key: TestIssuer().key)
        let instance = try await start(
            server,
            connect: "{ kind: oauth, resource: \"\(vendor.url)/api\", client: { registration: dynamic } }"
        )
        let ann = Visitor(instance, Instance.user, subject: "sub-of-ann")
        let away = try await ann.send("connect", "own")
        let text = away.body.text
        let address = try #require(
            text.firstMatch(of: #/http:\/\/[^"\s]*\/authorize\?[^"\s]*/#)?.0,
            "\(away.status) \(text)"
        )
        let authorize = String(address).replacing("&amp;", with: "&")
        #expect(authorize.contains("code_challenge_method=S256"))
        func consent(_ deed: String) async throws -> String {
            let consent = authorize.replacing("/authorize?", with: "/consent?deed=\(deed)&")
            let back = try await CurlClient().perform(CurlRequest(consent))
            return try #require(back.header("Location"))
        }
        let refusal = try await consent("Deny")
        let denied = try #require(refusal.split(separator: "/callback").last)
        #expect(try await ann.page("callback\(denied)").status == 403)
        // The denied journey is over; another one begins.
        let again = try await ann.send("connect", "own")
        let next = try #require(
            (again.header("Location") ?? again.body.text).firstMatch(of: #/http:\/\/[^"\s]*\/authorize\?[^"\s]*/#)?.0
        )
        let back = try await CurlClient().perform(
            CurlRequest(
                String(next).replacing("&amp;", with: "&").replacing("/authorize?", with: "/consent?deed=Allow&")
            )
        )
        let callback = try #require(back.header("Location")?.split(separator: "/callback").last)
        // Somebody else's browser ends in nothing, and so does one that nobody has signed in.
        let bob = Visitor(instance, "bob@team.example", subject: "sub-of-bob")
        #expect(try await bob.page("callback\(callback)").status == 403)
        #expect(try await instance.request("/.gatehouse/callback\(callback)").status == 401)
        #expect(try await ann.page("callback\(callback)").status == 303)
        #expect(try await ann.page("callback\(callback)").status == 400)
        try await instance.eventually { try await ann.isConnected(.two) }
        let page = try await ann.page().body.text
        #expect(page.contains("ada@vendor.example"))
        let first = try await ann.sent(.two)
        // It renews itself, and nobody is asked again.
        try await instance.eventually { try await ann.sent(.two) != first }
        #expect(try await vendor.count("refresh_token") >= 1)
        #expect(try await ann.send("disconnect", "own").status == 303)
        #expect(try await vendor.count("revoke") >= 1)
        try await instance.eventually { try await !ann.isConnected(.two) }
        let log = instance.process.errors.text
        let secret = try #require(first?.dropFirst("Bearer ".count))
        #expect(!log.contains(secret))
    }
}

extension PersonalTokenTests.Visitor {
    fileprivate init(instance: Instance, assertion: String) {
        self.instance = instance
        self.assertion = assertion
    }

    /// The header that the upstream gets with a call; nil where the call is not let through.
    fileprivate func sent(_ sdk: SDK) async throws -> String? {
        let body =
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#
        let answer = try await instance.request(
            "/own-\(sdk.route)",
            method: "POST",
            assertion: assertion,
            headers: [
                CurlHeader("Content-Type", "application/json"),
                CurlHeader("Accept", "application/json, text/event-stream"),
                CurlHeader("MCP-Protocol-Version", "2026-07-28"), CurlHeader("Mcp-Method", "tools/call"),
                CurlHeader("Mcp-Name", "whoami"),
            ],
            body: body
        )
        return answer.body.text.firstMatch(of: #/x-own\\": \\"([^"\\]+)/#).map { String($0.1) }
    }

    /// Whether the page says so and calls go up.
    fileprivate func isConnected(_ sdk: SDK) async throws -> Bool {
        guard sdk == .two else { return try await page().body.text.contains("disconnect") }
        return try await sent(sdk) != nil
    }
}
