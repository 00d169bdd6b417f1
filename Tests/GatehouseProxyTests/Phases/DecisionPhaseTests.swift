import GatehouseCore
import NIOCore
import SocketLoop
import TLSClient
import Testing

@testable import GatehouseProxy

/// The phases of a decision before the gate, each by itself and without a socket.
@Suite struct DecisionPhaseTests {
    static func routes() throws -> [Route] {
        [
            try Gateway.route("http://127.0.0.1:1", name: "coda", path: "/mcp"),
            try Gateway.route("http://127.0.0.1:2", name: "other", host: "other.example"),
        ]
    }

    static func get(_ target: String, _ fields: String...) -> String {
        (["GET \(target) HTTP/1.1", "Host: coda.example"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
    }

    // MARK: - Route

    @Test func `a route is found by host and path`() throws {
        let found = try PhaseFixture(Self.get("/mcp/x"), routes: Self.routes())
        let foundMatch = RoutePhase.find(found.inbound, in: found.snapshot)
        let match = try #require(foundMatch)
        #expect(match.route.route.name.text == "coda")
        #expect(match.prefix == 4)
        let beside = try PhaseFixture(Self.get("/mcpx"), routes: Self.routes())
        #expect(RoutePhase.find(beside.inbound, in: beside.snapshot) == nil)
        let elsewhere = try PhaseFixture("GET /mcp HTTP/1.1\r\nHost: nobody.example\r\n\r\n", routes: Self.routes())
        #expect(RoutePhase.find(elsewhere.inbound, in: elsewhere.snapshot) == nil)
    }

    static let metadata = "/.well-known/oauth-protected-resource"

    @Test func `metadata is asked of a route that has some, by the path of the resource`() throws {
        let document = ResourceMetadata(resource: "https://coda.example/mcp", authorizationServers: [])
        for resourceMetadata in [document, nil] {
            let fixture = try PhaseFixture(
                Self.get(Self.metadata + "/mcp"),
                routes: [Gateway.route("http://127.0.0.1:1", path: "/mcp", resourceMetadata: resourceMetadata)]
            )
            let match = RoutePhase.find(fixture.inbound, in: fixture.snapshot)
            #expect((match != nil) == (resourceMetadata != nil))
            #expect(match?.prefix ?? 0 == 0)
        }
    }

    @Test(
        arguments: [
            (metadata, ""), (metadata + "/", "/"), (metadata + "/a/b", "/a/b"), (metadata + "x", nil),
            (String(metadata.dropLast()), nil), (String(metadata.dropLast()) + "x/a", nil), ("/", nil), ("", nil),
        ] as [(String, String?)]
    )
    func `a metadata path names the path behind it`(path: String, resource: String?) {
        let found = Array(path.utf8).withUnsafeBytes { path in
            WellKnown.resourcePath(path).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(found == resource)
    }

    @Test(
        arguments: [
            ("/.well-known", 0, true), ("/.Well-Known/x", 0, true), ("/.well-known;a=b", 0, true),
            ("/.well-known%3b", 0, true), ("/.well-knownx", 0, false), ("/.well-know", 0, false), ("/", 0, false),
            ("/mcp/.well-known/x", 4, true), ("/mcp/.well-known", 4, true), ("/mcp/.well-known", 0, false),
            ("/mcp/.well-know", 4, false), ("/mcp", 4, false), ("/.well-known/x", 4, true),
        ]
    )
    func `well-known is the first segment, or the first behind the prefix`(path: String, prefix: Int, isThere: Bool) {
        #expect(Array(path.utf8).withUnsafeBytes { WellKnown.contains($0, prefix: prefix) } == isThere)
    }

    // MARK: - Public answer

    static func publicAnswer(_ text: String, origins: [String]) throws -> ExchangeMachine.PublicAnswer {
        let cors = try CORS(origins: origins.map { try Origin(parsing: $0) })
        let fixture = try PhaseFixture(text, routes: [Gateway.route("http://127.0.0.1:1", cors: cors)])
        let foundMatch = RoutePhase.find(fixture.inbound, in: fixture.snapshot)
        let match = try #require(foundMatch)
        return PublicAnswerPhase.seek(
            fixture.inbound,
            fixture.exchange.method,
            on: match.route,
            prefix: match.prefix,
            from: PublicAnswerPhase.admittedOrigin(fixture.inbound, on: match.route)
        )
    }

    @Test func `a preflight is answered for admitted origins alone`() throws {
        let preflight = """
            OPTIONS /mcp HTTP/1.1\r
            Host: coda.example\r
            Origin: https://page.example\r
            Access-Control-Request-Method: POST\r
            \r

            """
        guard case .found(let answer) = try Self.publicAnswer(preflight, origins: ["https://page.example"]) else {
            Issue.record("an admitted origin is answered")
            return
        }
        #expect(answer.status == 204)
        #expect(String(decoding: answer.lines, as: UTF8.self).contains("Allow-Origin: https://page.example\r\n"))
        #expect(
            try Self.publicAnswer(preflight, origins: ["https://another.example"]) == .refused(.originDenied)
        )
        let get = preflight.replacing("OPTIONS", with: "GET")
        #expect(try Self.publicAnswer(get, origins: ["https://page.example"]) == .none)
    }

    @Test func `nothing under well-known is anybody's`() throws {
        #expect(try Self.publicAnswer(Self.get("/.well-known/x"), origins: []) == .refused(.routeUnknown))
        #expect(try Self.publicAnswer(Self.get("/mcp"), origins: []) == .none)
    }

    // MARK: - Authentication

    static func authenticate(
        _ fields: [String],
        credentials: Set<Route.Credential> = [.access],
        _ authenticator: PhaseAuthenticator
    ) throws -> AuthenticatePhase.Result {
        let text = (["GET /mcp HTTP/1.1", "Host: coda.example"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
        let route = try Gateway.route("http://127.0.0.1:1", credentials: credentials)
        let fixture = try PhaseFixture(text, routes: [route])
        return AuthenticatePhase.establish(fixture.inbound, for: route, by: authenticator, now: Timestamp(seconds: 1))
    }

    @Test func `the one assertion is verified and no other`() throws {
        let authenticator = PhaseAuthenticator(.verified(PhaseFixture.caller))
        #expect(try Self.authenticate([], authenticator).verdict == .refused(.assertionMissing))
        let twice = ["Cf-Access-Jwt-Assertion: a", "Cf-Access-Jwt-Assertion: a"]
        #expect(try Self.authenticate(twice, authenticator).verdict == .refused(.assertionDuplicate))
        #expect(authenticator.asked.isEmpty)
        let one = try Self.authenticate(["Cf-Access-Jwt-Assertion: a"], authenticator)
        #expect(one.verdict == .verified)
        #expect(one.caller === PhaseFixture.caller)
        #expect(authenticator.asked == ["assertion a"])
    }

    @Test func `a bearer is asked for where the route takes it, and never rescues an assertion`() throws {
        let bad = PhaseAuthenticator(.refused(.assertionSignature))
        let both = ["Cf-Access-Jwt-Assertion: a", "Authorization: Bearer b"]
        #expect(
            try Self.authenticate(both, credentials: [.access, .bearer], bad).verdict == .refused(.assertionSignature)
        )
        #expect(bad.asked == ["assertion a"])
        let good = PhaseAuthenticator(.verified(PhaseFixture.caller))
        #expect(try Self.authenticate(["Authorization: Bearer b"], good).verdict == .refused(.assertionMissing))
        #expect(good.asked.isEmpty)
        _ = try Self.authenticate(["Authorization: bearer  b"], credentials: [.access, .bearer], good)
        #expect(good.asked == ["bearer b"])
    }

    // MARK: - Authorization

    @Test func `another site's page and a body that is too long are refused`() throws {
        let route = try Gateway.route("http://127.0.0.1:1", limits: RouteLimits(body: 10))
        func refusal(_ origin: String, isAdmitted: Bool = false, length: Int = 0) throws -> Reason? {
            let fixture = try PhaseFixture(Self.get("/mcp", "Origin: \(origin)"), routes: [route])
            return AuthorizePhase.refusal(fixture.inbound, .length(length), on: route, isOriginAdmitted: isAdmitted)
        }
        #expect(try refusal("https://coda.example") == nil)
        #expect(try refusal("https://coda.example:444") == nil)
        for origin in [
            "null", "https://evil.example", "https://coda.example.evil", "https://coda.example@evil.example",
            "https://", "https://coda.example:x@evil.example", "https://coda.example:x/y", "https://coda.example:x?y",
        ] {
            #expect(try refusal(origin) == .originDenied, "\(origin)")
        }
        #expect(try refusal("https://evil.example", isAdmitted: true) == nil)
        #expect(try refusal("https://coda.example", length: 11) == .bodyTooLarge)
    }

    @Test func `grants decide before the route's paths`() throws {
        let nobody = Policy(grants: [
            Grant(users: [Glob("bob@*")], serviceTokens: [], tools: nil, prompts: nil, resources: nil)
        ])
        let fixture = try PhaseFixture(
            "TRACE /mcp HTTP/1.1\r\nHost: coda.example\r\n\r\n",
            routes: [Gateway.route("http://127.0.0.1:1", policy: nobody)]
        )
        let foundMatch = RoutePhase.find(fixture.inbound, in: fixture.snapshot)
        let match = try #require(foundMatch)
        func refusal(_ permits: Permits) -> Reason? {
            AuthorizePhase.refusal(fixture.inbound, fixture.exchange.method, by: permits, on: match.route, prefix: 0)
        }
        #expect(refusal(Permits(nobody, of: PhaseFixture.caller.principal)) == .principalDenied)
        #expect(refusal(Permits(.everyone, of: PhaseFixture.caller.principal)) == .methodDenied)
    }

    // MARK: - Token

    @Test func `the token is rendered, or there is none`() throws {
        let fixture = try PhaseFixture(Self.get("/mcp"), routes: [Gateway.route("http://127.0.0.1:1")])
        let foundMatch = RoutePhase.find(fixture.inbound, in: fixture.snapshot)
        let match = try #require(foundMatch)
        let foundLines = InjectPhase.lines(fixture.inbound, for: PhaseFixture.caller, on: match.route)
        let lines = try #require(foundLines)
        #expect(
            lines.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } == "X-Coda-Api-Key: \(Gateway.token)\r\n"
        )
        let missing = try PhaseFixture(Self.get("/mcp"), routes: [Gateway.route("http://127.0.0.1:1", name: "unset")])
        let foundUnset = RoutePhase.find(missing.inbound, in: missing.snapshot)
        let unset = try #require(foundUnset)
        #expect(InjectPhase.lines(missing.inbound, for: PhaseFixture.caller, on: unset.route) == nil)
    }
}
