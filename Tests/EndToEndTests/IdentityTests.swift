import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Groups and claims from the identity endpoint, through the binary.
@Suite("Groups and claims of an identity", .timeLimit(.minutes(3)))
struct IdentityTests {
    private static let person = Instance.user
    private static let other = "lina@example.com"

    private static func routes(_ upstream: String) -> String {
        func route(_ name: String, _ keys: String) -> String { GroupTests.route(name, upstream, keys) }
        return route(
            "grouped",
            #"    allow: [ { groups: [engineering] }, { service_tokens: ["*"] } ]"#
        )
            + route("injected", #"    inject: { X-Department: "{claim:custom.department}" }"#)
            + route("plain", #"    allow: [ { users: ["*"], service_tokens: ["*"] } ]"#)
    }

    /// A gateway whose identity endpoint is the given one, and its upstream, which says what it was injected.
    private func start(_ identities: IdentityServer, _ keys: String = "", access: [String] = []) async throws
        -> Instance
    {
        let identity = "identity: { fetch: true, url: \"\(identities.url)\"\(keys) }"
        return try await Instance.start(
            routes: Self.routes(identities.upstream),
            access: ["groups: { claim: custom.groups }", identity] + access
        )
    }

    private func status(_ gateway: Instance, _ path: String, _ assertion: String) async throws -> Int {
        try await gateway.request(path, assertion: assertion).status
    }

    @Test func `are asked once for a sign-in, by its assertion, where something asks for them`() async throws {
        let identities = try await IdentityServer.start()
        identities.tell(
            of: Self.person,
            .about(#""groups":[{"id":"1","name":"engineering"},"x"],"oidc_fields":{"department":["a","b"]}"#)
        )
        let gateway = try await start(identities)
        let assertion = gateway.assertion()
        #expect(try await status(gateway, "/plain", assertion) == 200)
        #expect(identities.asked.isEmpty)
        // Whoever comes while it is fetched waits for the same answer, whatever loop it is on.
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<12 { group.addTask { try await status(gateway, "/grouped", assertion) } }
            for try await status in group { #expect(status == 200) }
        }
        #expect(identities.asked == [Self.person])
        #expect(try await gateway.request("/injected", assertion: assertion).body.text == "a,b")
        // Another assertion of the same session is about the same identity; another session is not.
        #expect(try await status(gateway, "/grouped", gateway.assertion(of: Self.person, ["jti": #""other""#])) == 200)
        #expect(identities.asked == [Self.person])
        identities.tell(of: Self.person, .about(#""groups":[]"#))
        #expect(
            try await status(gateway, "/grouped", gateway.assertion(of: Self.person, ["identity_nonce": #""new""#]))
                == 403
        )
        #expect(try await status(gateway, "/grouped", assertion) == 200)
        #expect(identities.asked == [Self.person, Self.person])
        // A service has no identity.
        #expect(try await status(gateway, "/grouped", gateway.serviceAssertion()) == 200)
        // Nor does anybody get that of a person under whose nonce he comes.
        #expect(try await status(gateway, "/grouped", gateway.assertion(of: Self.other)) == 403)
        #expect(identities.asked == [Self.person, Self.person, Self.other] && identities.strange.isEmpty)
        var request = CurlRequest("http://localhost/metrics")
        request.unixSocket = "\(gateway.folder.path)/admin.sock"
        let metrics = try await CurlClient().perform(request).body.text
        #expect(metrics.contains("gatehouse_identities 3\n"))
        #expect(metrics.contains(#"gatehouse_identity_fetches_total{result="ok"} 3"#))
    }

    @Test func `groups of the assertion itself count for what the answer does not have`() async throws {
        let identities = try await IdentityServer.start()
        identities.tell(of: Self.person, .about(#""country":"DE""#))
        identities.tell(of: Self.other, .about(#""groups":["sales"]"#))
        let gateway = try await start(identities)
        let asserted = #"{"groups":["engineering"]}"#
        #expect(try await status(gateway, "/grouped", gateway.assertion(of: Self.person, ["custom": asserted])) == 200)
        #expect(try await status(gateway, "/grouped", gateway.assertion(of: Self.other, ["custom": asserted])) == 403)
        #expect(try await status(gateway, "/injected", gateway.assertion(of: Self.person)) == 403)
    }

    @Test func `what is no answer about the person lets nobody in`() async throws {
        let identities = try await IdentityServer.start()
        let elsewhere = try await IdentityServer.start()
        let gateway = try await start(identities)
        let groups = #""groups":["engineering"]"#
        let huge = #"{"email":"a6@example.com","x":""# + String(repeating: "x", count: 600 << 10) + #"",\#(groups)}"#
        let cases: [(IdentityServer.Manner, Int, String)] = [
            (.answer(500, "{}"), 503, "identity_unavailable"), (.answer(404, "{}"), 503, "identity_unavailable"),
            (.answer(302, "", [("Location", elsewhere.url)]), 503, "identity_unavailable"),
            (.answer(200, "<html>"), 503, "identity_unavailable"),
            (
                .answer(200, #"{"email":"a4@example.com","email":"a4@example.com",\#(groups)}"#), 503,
                "identity_unavailable"
            ),
            (.answer(200, ""), 503, "identity_unavailable"), (.answer(200, huge), 503, "identity_unavailable"),
            (.answer(403, "{}"), 401, "identity_refused"), (.answer(401, "{}"), 401, "identity_refused"),
            (.answer(200, #"{"email":"root@example.com",\#(groups)}"#), 401, "identity_refused"),
            (.answer(200, #"{\#(groups)}"#), 401, "identity_refused"),
            (.answer(200, #"{"email":"a11@example.com","sub":"other",\#(groups)}"#), 401, "identity_refused"),
        ]
        for (index, (manner, status, reason)) in cases.enumerated() {
            let user = "a\(index)@example.com"
            identities.tell(of: user, manner)
            let answer = try await gateway.request("/grouped", assertion: gateway.assertion(of: user))
            #expect(answer.status == status, "\(index)")
            let rows = try await gateway.auditRows(of: try #require(answer.header("x-request-id")), count: 2)
            #expect(rows.map(\.["reason"].text) == [reason, reason], "\(index)")
            #expect(rows.first?["principal"].text == user, "\(index)")
            // Who needs no groups is not kept out by it.
            #expect(try await self.status(gateway, "/plain", gateway.assertion(of: user)) == 200)
        }
        #expect(elsewhere.asked.isEmpty && elsewhere.strange.isEmpty)
        let text = try await gateway.command("status")
        #expect(text.contains("of 12 sign-ins kept") && text.contains("5 refused"))
    }

    @Test func `the last good one serves while the endpoint is down, up to its bound`() async throws {
        let identities = try await IdentityServer.start()
        identities.tell(of: Self.person, .about(#""groups":["engineering"]"#))
        let gateway = try await start(identities, ", refresh: 1s, max_stale: 8s")
        let assertion = gateway.assertion()
        #expect(try await status(gateway, "/grouped", assertion) == 200)
        identities.tell(of: Self.person, .answer(503, ""))
        try await gateway.eventually {
            let status = try await status(gateway, "/grouped", assertion)
            #expect(status == 200)
            return identities.asked.count > 1
        }
        // A new sign-in has no last good one, and does not get that of the other session.
        #expect(
            try await status(gateway, "/grouped", gateway.assertion(of: Self.person, ["identity_nonce": #""new""#]))
                == 503
        )
        #expect(try await status(gateway, "/grouped", assertion) == 200)
        try await gateway.eventually { try await status(gateway, "/grouped", assertion) == 503 }
        identities.tell(of: Self.person, .about(#""groups":["engineering"]"#))
        try await gateway.eventually { try await status(gateway, "/grouped", assertion) == 200 }
        // Groups that are taken away are gone with the next answer.
        identities.tell(of: Self.person, .about(#""groups":["sales"]"#))
        try await gateway.eventually { try await status(gateway, "/grouped", assertion) == 403 }
    }

    @Test func `a denied group is found in it, and a failure never hides one`() async throws {
        let identities = try await IdentityServer.start()
        identities.tell(of: Self.person, .about(#""groups":["engineering","suspended"]"#))
        identities.tell(of: Self.other, .answer(500, ""))
        let gateway = try await start(
            identities,
            ", on_failure: assertion",
            access: ["deny: { groups: [suspended] }"]
        )
        // Deny lists hold on every route, so every route waits for the identity.
        for path in ["/grouped", "/plain"] {
            #expect(try await status(gateway, path, gateway.assertion()) == 401)
            let asserted = #"{"groups":["engineering"]}"#
            #expect(try await status(gateway, path, gateway.assertion(of: Self.other, ["custom": asserted])) == 503)
            #expect(try await status(gateway, path, gateway.serviceAssertion()) == 200)
        }
    }

    @Test func `with on_failure assertion the assertion's own groups go on`() async throws {
        let identities = try await IdentityServer.start()
        identities.tell(of: Self.person, .answer(500, ""))
        identities.tell(of: Self.other, .answer(401, ""))
        let gateway = try await start(identities, ", on_failure: assertion")
        let asserted = #"{"groups":["engineering"]}"#
        #expect(try await status(gateway, "/grouped", gateway.assertion(of: Self.person, ["custom": asserted])) == 200)
        #expect(
            try await status(gateway, "/grouped", gateway.assertion(of: Self.person, ["identity_nonce": #""n""#]))
                == 403
        )
        // An assertion that the endpoint does not take is no failure of the endpoint.
        #expect(try await status(gateway, "/grouped", gateway.assertion(of: Self.other, ["custom": asserted])) == 401)
    }

    @Test func `an answer that does not come keeps nobody else waiting`() async throws {
        let identities = try await IdentityServer.start()
        identities.tell(of: Self.person, .held)
        identities.tell(of: Self.other, .about(#""groups":["engineering"]"#))
        let gateway = try await start(identities)
        let began = ContinuousClock.now
        // Many sign-ins of one person have one fetch under way, and four places.
        let held = (0..<10).map { index in
            let assertion = gateway.assertion(of: Self.person, ["identity_nonce": #""\#(index)""#])
            return Task { try await status(gateway, "/grouped", assertion) }
        }
        try await gateway.eventually { identities.asked.contains(Self.person) }
        #expect(try await status(gateway, "/grouped", gateway.assertion(of: Self.other)) == 200)
        #expect(try await status(gateway, "/plain", gateway.assertion()) == 200)
        #expect(ContinuousClock.now - began < .seconds(4))
        for each in held { #expect(try await each.value == 503) }
        #expect(ContinuousClock.now - began < .seconds(20))
        #expect(identities.asked.count { $0 == Self.person } <= 2)
    }

    @Test func `an endpoint that is off, and one that comes with a reload`() async throws {
        let identities = try await IdentityServer.start()
        identities.tell(of: Self.person, .about(#""groups":["engineering"]"#))
        let gateway = try await start(identities)
        let assertion = gateway.assertion()
        #expect(try await status(gateway, "/grouped", assertion) == 200)
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        try gateway.folder.write(yaml.replacing("fetch: true", with: "fetch: false"), to: "gatehouse.yaml")
        _ = try await gateway.command("reload")
        #expect(try await status(gateway, "/grouped", assertion) == 403)
        try gateway.folder.write(yaml, to: "gatehouse.yaml")
        _ = try await gateway.command("reload")
        #expect(try await status(gateway, "/grouped", assertion) == 200)
        await identities.close()
        let environment = Instance.environment
        let doctor = try ChildProcess(
            Tools.gatehouse,
            ["doctor", "--config", gateway.configuration],
            environment: environment
        )
        _ = await doctor.exit()
        #expect(await doctor.output.whole.contains("the identity endpoint cannot be asked"))
    }

    /// Lists and calls of the official SDKs' clients, limited by a group that stands nowhere but in the identity.
    @Test(.needsTools) func `decide for the SDKs' clients`() async throws {
        let identities = try await IdentityServer.start()
        identities.tell(of: Self.person, .about(#""groups":[{"id":"1","name":"readers"}]"#))
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(
            routes: """
                  - name: tools
                    host: "*"
                    path: /tools
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: \(server.url)
                    allow: [ { groups: [readers], tools: [echo] } ]

                """,
            access: [
                "groups: { claim: custom.groups }", "identity: { fetch: true, url: \"\(identities.url)\" }",
            ]
        )
        for (client, mode) in [(SDK.one, MCPClient.Mode.legacy), (.two, .legacy), (.two, .modern), (.two, .auto)] {
            let assertion = gateway.assertion(of: Self.person, ["identity_nonce": #""\#(client)\#(mode)""#])
            let steps = try await MCPClient.run(client, mode, url: "\(gateway.url)/tools", assertion: assertion)[
                "steps"
            ]
            #expect(steps["tools"].elements.map(\.text) == ["echo"], "\(client) \(mode): \(steps)")
            #expect(steps["echo"]["is_error"] == .bool(false), "\(client) \(mode)")
            #expect(steps["delete_everything"]["error"]["code"].number == 4030, "\(client) \(mode)")
            #expect(steps["parallel"].elements.count == 8, "\(client) \(mode)")
        }
        #expect(identities.asked.count == 4)
    }

    /// Answers of all kinds, and what another library reads of each.
    @Test(.needsAuthlib) func `are read as another reader reads them`() async throws {
        let identities = try await IdentityServer.start()
        let gateway = try await Instance.start(
            routes: """
                  - name: grouped
                    host: "*"
                    path: /grouped
                    audience: ["\(TestIssuer.defaultAudience)"]
                    upstream: \(identities.upstream)
                    protocol: http
                    allow: [ { groups: [engineering, "team-*"], claims: { country: [DE, AT] } } ]

                """,
            access: [
                "groups: { claim: custom.groups }", "deny: { groups: [suspended] }",
                "identity: { fetch: true, url: \"\(identities.url)\" }",
            ]
        )
        var statuses: [Int: Int] = [:]
        for (index, minted) in try await GroupTests.minted(for: gateway).enumerated() {
            identities.tell(
                of: "person\(index)@elsewhere.example",
                .answer(200, try #require(minted["identity"].text))
            )
            func texts(_ name: String) -> [String] { minted[name].elements.compactMap(\.text) }
            let groups = texts(minted["identity_groups"] == .null ? "groups" : "identity_groups")
            let country = texts(minted["identity_country"] == .null ? "country" : "identity_country")
            let isIn = groups.contains { $0 == "engineering" || $0.hasPrefix("team-") }
            let isNear = country.contains { ["DE", "AT"].contains($0) }
            let expected =
                if texts("groups").contains("suspended") {
                    401
                } else {
                    switch minted["about"].text {
                    case nil: 503
                    case "other": 401
                    case _: groups.contains("suspended") ? 401 : isIn && isNear ? 200 : 403
                    }
                }
            let assertion = try #require(minted["assertion"].text)
            #expect(try await status(gateway, "/grouped", assertion) == expected, "\(minted)")
            statuses[expected, default: 0] += 1
        }
        // A run in which one answer is missing tells little.
        #expect(Set(statuses.keys) == [200, 401, 403, 503], "\(statuses)")
    }
}
