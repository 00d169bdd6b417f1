import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Questions of another proxy about requests that it forwards itself: judged as the requests would be, and answered with an identity and no token.
@Suite("Questions of another proxy") struct QuestionTests {
    private static let limited = Policy(grants: [
        Grant(users: [Glob("alice@*")], serviceTokens: [], tools: nil, prompts: nil, resources: nil),
        Grant(
            users: [Glob("bob@*")],
            serviceTokens: [],
            tools: [Glob("echo")],
            prompts: nil,
            resources: nil
        ),
    ])

    /// The connection of another proxy.
    private struct Proxy {
        let client: RawSocket

        func answer(_ question: String) throws -> RawAnswer {
            if !question.isEmpty { try client.send(question) }
            return try client.receiveAnswer()
        }

        func gets(_ status: Int, for question: String) throws {
            let answer = try answer(question)
            #expect(answer.status == status, "\(question)\(answer.head)")
        }
    }

    /// Asks on a listener of its own, which is closed with the gateway.
    private func ask(
        routes: @escaping @Sendable (RawListener) throws -> [Route] = { [try Gateway.route($0.url)] },
        _ body: @escaping (Gateway, Proxy) async throws -> Void
    ) async throws {
        try await Gateway.run(routes: routes) { gateway in
            let port = try await gateway.server.listen(on: .tcp(host: "127.0.0.1", port: 0), takesQuestions: true)
            let client = try RawSocket(connectingTo: .tcp(port: try #require(port)))
            try await body(gateway, Proxy(client: client))
        }
    }

    /// A question as a proxy makes it of a request that it was sent.
    private func question(
        _ method: String = "GET",
        _ uri: String = "/mcp",
        host: String = "coda.example",
        as caller: String? = "alice",
        _ fields: [String] = []
    ) -> String {
        let lines =
            [
                "GET /verify HTTP/1.1", "Host: 127.0.0.1:8081", "X-Forwarded-Method: \(method)",
                "X-Forwarded-Host: \(host)", "X-Forwarded-Uri: \(uri)",
            ] + (caller.map { ["Cf-Access-Jwt-Assertion: \($0)"] } ?? []) + fields
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }

    @Test func `who may make a request is named, and recorded with it`() async throws {
        try await ask { gateway, ask in
            for method in ["GET", "POST", "HEAD", "DELETE"] {
                let answer = try ask.answer(question(method, "/a/b?x=1,2", ["Cf-Connecting-Ip: 192.0.2.7"]))
                #expect(answer.status == 204)
                #expect(answer["X-Gatehouse-Principal"] == "alice@example.com")
                #expect(answer["X-Gatehouse-Kind"] == "user" && answer["X-Gatehouse-Route"] == "coda")
                #expect(answer["X-Gatehouse-Subject"] == "sub-alice@example.com")
                #expect(!answer.head.contains(Gateway.token))
            }
            let decisions = gateway.audit.decisions
            #expect(decisions.map(\.method) == ["GET", "POST", "HEAD", "DELETE"])
            #expect(decisions.allSatisfy { $0.path == "/a/b" && $0.clientIP == "192.0.2.7" && $0.refusal == nil })
            #expect(decisions.allSatisfy { $0.token == nil && $0.principal == "alice@example.com" })
            #expect(gateway.audit.outcomes.map(\.status) == [204, 204, 204, 204])
        }
    }

    @Test func `who may not is denied by the two statuses that every proxy knows`() async throws {
        try await ask(routes: { [try Gateway.route($0.url, path: "/mcp", policy: Self.limited, speech: .mcp)] }) {
            gateway,
            ask in
            let cases: [(String, Int, Reason)] = [
                (question(as: nil), 401, .assertionMissing), (question(as: "forged"), 401, .assertionSignature),
                (question(host: "other.example"), 403, .routeUnknown), (question("GET", "/other"), 403, .routeUnknown),
                // Below the route, where only a body says what is asked.
                (question("POST", as: "bob"), 403, .principalDenied), (question(as: "bob"), 403, .principalDenied),
                (question("TRACE"), 403, .methodDenied),
                (question("GET", "/mcp", ["Origin: https://evil.example"]), 403, .originDenied),
            ]
            for (question, status, _) in cases {
                let answer = try ask.answer(question)
                #expect(answer.status == status && answer["X-Gatehouse-Principal"] == nil)
                #expect((answer["WWW-Authenticate"] != nil) == (status == 401))
            }
            #expect(gateway.audit.decisions.map(\.refusal) == cases.map(\.2))
            // One who is limited in nothing may.
            try ask.gets(204, for: question("POST"))
        }
    }

    @Test(arguments: [
        "/a/../mcp", "/mcp/%2e%2e/x", "/mcp%2Fx", "//mcp", "/mcp\\x", "mcp", "http://evil.example/mcp", "/mcp /x",
        "/mcp#x", "*", "",
    ])
    func `a target that two readers could read otherwise is denied`(uri: String) async throws {
        try await ask { gateway, _ in
            let port = try await gateway.server.listen(on: .tcp(host: "127.0.0.1", port: 0), takesQuestions: true)
            let client = try RawSocket(connectingTo: .tcp(port: try #require(port)))
            try client.send(question("GET", uri))
            #expect(try client.receiveAnswer().status == 403)
        }
    }

    @Test(arguments: [
        "GET /verify HTTP/1.1\r\nHost: a\r\n\r\n", "GET /verify?x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n",
        "POST /verify HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "GET /verify HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: coda.example\r\n\r\n",
        // One that the client sent beside the proxy's.
        "GET /verify HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: coda.example\r\n"
            + "X-Forwarded-Uri: /open\r\nX-Forwarded-Uri: /mcp\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n",
        "GET /verify HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: evil.example, coda.example\r\n"
            + "X-Forwarded-Uri: /mcp\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n",
    ])
    func `what is no question is a fault of the proxy's configuration, and allows nothing`(text: String) async throws {
        try await ask { _, ask in try ask.gets(404, for: text) }
    }

    @Test func `what is public here is not allowed there`() async throws {
        let cors = CORS(origins: [try #require(try? Origin(parsing: "https://page.example"))])
        try await ask(routes: { [try Gateway.route($0.url, cors: cors)] }) { _, ask in
            let preflight = [
                "Origin: https://page.example", "Access-Control-Request-Method: POST",
            ]
            try ask.gets(403, for: question("OPTIONS", "/mcp", as: nil, preflight))
            try ask.gets(403, for: question("GET", "/.well-known/oauth-protected-resource", as: nil))
        }
    }

    @Test func `questions follow each other, of HTTP 1 0 too, and each is judged by itself`() async throws {
        try await ask { gateway, ask in
            let both = question() + question(as: nil)
            try ask.gets(204, for: both)
            try ask.gets(401, for: "")
            let old = question().replacing("HTTP/1.1", with: "HTTP/1.0")
            let answer = try ask.answer(old)
            #expect(answer.status == 204 && answer["Connection"] == "close")
            #expect(gateway.audit.unpaired.isEmpty)
        }
    }

    @Test func `nothing is allowed that could not be recorded, or while keys are missing`() async throws {
        try await ask { gateway, ask in
            gateway.audit.answer(.unavailable)
            try ask.gets(403, for: question())
            gateway.audit.answer(.recorded)
            gateway.callers["late"] = .refused(.keysUnavailable)
            try ask.gets(403, for: question(as: "late"))
            try ask.gets(204, for: question())
        }
    }
}
