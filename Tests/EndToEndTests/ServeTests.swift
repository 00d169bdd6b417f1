import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

@Suite("The SDKs through Gatehouse", .needsTools, .timeLimit(.minutes(3)))
struct ServeTests {
    private static let ping = #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
    /// Header fields by which a client may try to smuggle a credential, or to overwrite the injected one.
    private static let smuggled = [
        "Authorization": "Bearer stolen-1", "X-Coda-Api-Key": "stolen-2", "X_Coda_Api_Key": "stolen-3",
        "x-caller": "stolen-4", "Cf-Access-Client-Secret": "stolen-5", "Cf_Access_Client_Id": "stolen-6",
        "Cookie": "CF_Authorization=stolen-7; theme=dark", "Proxy-Authorization": "stolen-8",
    ]

    @Test(arguments: SDK.allCases)
    func `every client works in both eras as it does alone`(server sdk: SDK) async throws {
        let server = try await MCPServer.start(sdk)
        let gateway = try await Instance.start(.environment, server)
        for (client, mode, version) in Pairing.all(with: sdk) {
            let alone = try await MCPClient.run(client, mode, url: server.url)
            try await server.reset()
            let url = "\(gateway.url)/\(sdk.route)"
            let assertion = gateway.assertion()
            let answer = try await MCPClient.run(client, mode, url: url, assertion: assertion, headers: Self.smuggled)
            #expect(answer["failure"] == .null)
            #expect(answer["steps"]["initialize"]["version"].text == version)
            #expect(Self.comparable(answer) == Self.comparable(alone))
            #expect(Self.exchanges(answer) == Self.exchanges(alone))

            let received = try await server.received()
            #expect(received.contains { $0.method == "DELETE" } == (version != "2026-07-28"))
            for request in received {
                #expect(request.path == "/mcp")
                #expect(request.values("x-coda-api-key") == [Instance.token])
                #expect(request.values("x-caller") == [Instance.user])
                #expect(request.values("cookie") == ["theme=dark"])
                #expect(request.values("host") == ["127.0.0.1:\(server.port)"])
                #expect(request.values("x-request-id").map(\.utf8.count) == [32])
                let names = request.headers.map { $0.name.replacing("_", with: "-") }
                #expect(
                    !names.contains { $0.hasPrefix("cf-access") || $0.hasPrefix("proxy-") || $0 == "authorization" }
                )
                #expect(names.count { $0 == "x-coda-api-key" } == 1)
                #expect(!request.headers.contains { $0.value.contains("stolen") || $0.value.contains(assertion) })
            }
        }
        let words = gateway.process.output.text + gateway.process.errors.text
        #expect(!words.contains(Instance.token) && !words.contains("stolen"))
    }

    /// The steps without what must differ: the header fields, the session and its errors' ids.
    private static func comparable(_ answer: JSON) -> JSON {
        var steps = answer["steps"]
        steps["whoami"] = .null
        var initialize = steps["initialize"]
        initialize["session"] = .null
        steps["initialize"] = initialize
        return steps
    }

    /// Method and status of each exchange. Sorted: the GET stream opens beside the calls, in no order with them.
    private static func exchanges(_ answer: JSON) -> [String] {
        answer["wire"].elements.map { "\($0["method"].text ?? "") \($0["status"].number ?? 0)" }.sorted()
    }

    @Test func `a service token is admitted and named`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let url = "\(gateway.url)/two"
        let answer = try await MCPClient.run(.two, .modern, url: url, assertion: gateway.serviceAssertion())
        let caller = answer["steps"]["whoami"]["x-caller"].text
        #expect(caller == "e367826f93b8d71185e03fe518aff3b4.access")
    }

    @Test func `what is refused is named, recorded and never reaches the upstream`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let now = Int64(Date.now.timeIntervalSince1970)
        let good = gateway.assertion()
        let foreign = TestIssuer(key: TestIssuer.secondKey).user(now: now)
        let edge = gateway.assertion(["type": #""match""#])
        let cases: [(path: String, assertions: [String], status: Int, code: String, reason: String)] = [
            ("/two", [], 401, "unauthenticated", "assertion_missing"),
            ("/two", [good, good], 401, "unauthenticated", "assertion_duplicate"),
            ("/two", ["not.a.token"], 401, "unauthenticated", "assertion_malformed"),
            ("/two", [foreign], 401, "unauthenticated", "assertion_key_unknown"),
            ("/two", [good.dropLast(4) + "AAAA"].map(String.init), 401, "unauthenticated", "assertion_signature"),
            ("/two", [edge], 401, "unauthenticated", "assertion_type"),
            ("/two", [gateway.assertion(["aud": #"["other"]"#])], 401, "unauthenticated", "assertion_audience"),
            ("/two", [gateway.issuer.user(now: now - 7200)], 401, "unauthenticated", "assertion_expired"),
            ("/two", [gateway.assertion(of: "eve@example.com")], 403, "forbidden", "principal_denied"),
            ("/three", [good], 404, "not_found", "route_unknown"),
            ("/two/%2e%2e/admin", [good], 400, "bad_request", "path_ambiguous"),
        ]
        for (path, assertions, status, code, reason) in cases {
            let headers = assertions.map { CurlHeader("Cf-Access-Jwt-Assertion", $0) }
            let response = try await gateway.request(path, method: "POST", headers: headers, body: "{}")
            #expect(response.status == status, "\(reason)")
            let body = try JSON(parsing: response.body.text)
            #expect(body["error"].text == code)
            let id = try #require(response.header("x-request-id"))
            #expect(body["request_id"].text == id)
            let row = try #require(
                try await gateway.auditRows(of: id, count: 1).first { $0["kind"].text == "decision" }
            )
            #expect(row["decision"].text == "deny")
            #expect(row["reason"].text == reason)
        }
        #expect(try await server.received().isEmpty)
    }

    @Test func `an exchange leaves a decision and an outcome without a secret`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let assertion = gateway.assertion()
        let response = try await gateway.request("/two?secret=1", method: "POST", assertion: assertion, body: Self.ping)
        let id = try #require(response.header("x-request-id"))
        let rows = try await gateway.auditRows(of: id, count: 2)
        #expect(rows.compactMap { $0["kind"].text }.sorted() == ["decision", "outcome"])
        let decision = try #require(rows.first { $0["kind"].text == "decision" })
        #expect(decision["decision"].text == "allow")
        #expect(decision["principal"].text == Instance.user)
        #expect(decision["route"].text == "two")
        let outcome = try #require(rows.first { $0["kind"].text == "outcome" })
        #expect(outcome["status"].number == response.status)
        #expect(outcome["ended"].text == "complete")
        let all = try await gateway.command("audit", "tail", "--events", "--lines", "1000", "--json")
        #expect(!all.contains(Instance.token) && !all.contains(assertion) && !all.contains("secret=1"))
    }

    @Test func `a token rotated while running is used without a restart`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.sqlite, server)
        func ask() async throws -> [String] {
            try await server.reset()
            _ = try await gateway.request("/two", method: "POST", assertion: gateway.assertion(), body: Self.ping)
            return try await server.received().flatMap { $0.values("x-coda-api-key") }
        }
        #expect(try await ask() == [Instance.token])
        _ = try await gateway.command("token", "set", "two", input: "e2e-token-new")
        try await gateway.eventually { try await ask() != [Instance.token] }
        #expect(try await ask() == ["e2e-token-new"])
        #expect(!gateway.process.hasEnded)
        #expect(try await !gateway.command("token", "list", "--json").contains("e2e-token"))
    }

    @Test func `a client that goes away closes the upstream's request`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let headers = [
            CurlHeader("Accept", "application/json, text/event-stream"), CurlHeader("Content-Type", "application/json"),
            CurlHeader("Cf-Access-Jwt-Assertion", gateway.assertion()),
        ]
        // A session, whose GET stream stays open and silent.
        let initialize = """
            {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},\
            "clientInfo":{"name":"test","version":"1"}}}
            """
        let opened = try await gateway.request("/two", method: "POST", headers: headers, body: initialize)
        let session = CurlHeader("Mcp-Session-Id", try #require(opened.header("mcp-session-id")))
        let version = CurlHeader("MCP-Protocol-Version", "2025-11-25")
        var request = CurlRequest("\(gateway.url)/two", headers: headers + [session, version])
        request.timeout = .seconds(3600)
        let sent = request
        let stream = Task { try await CurlClient().perform(sent) }
        try await gateway.eventually { try await server.received().contains { $0.method == "GET" } }
        stream.cancel()
        await #expect(throws: CurlError.self) { try await stream.value }
        try await gateway.eventually {
            try await server.received().contains { $0.method == "GET" && $0.isDisconnected }
        }
    }

    @Test func `SIGTERM ends it in order`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        _ = try await gateway.request("/two", method: "POST", assertion: gateway.assertion(), body: Self.ping)
        gateway.process.send(signal: SIGTERM)
        #expect(await gateway.process.exit() == .code(0))
    }

    @Test func `a bad file on SIGHUP keeps the old configuration serving`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let good = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        try gateway.folder.write(good + "nonsense: true\n", to: "gatehouse.yaml")
        gateway.process.send(signal: SIGHUP)
        try await gateway.eventually { gateway.process.errors.text.contains("nonsense") }
        let response = try await gateway.request(
            "/two",
            method: "POST",
            assertion: gateway.assertion(),
            body: Self.ping
        )
        #expect(response.status != 404 && response.status != 503)
        #expect(!gateway.process.hasEnded)
    }
}
