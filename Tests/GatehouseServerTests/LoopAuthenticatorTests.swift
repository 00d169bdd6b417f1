import AccessIdentity
import GatehouseCore
import GatehouseTestSupport
import SocketLoop
import Testing

@testable import GatehouseServer

/// Whoever was let in once goes on until the rules are against it: its streams ask the caller, who asks these rules.
@Suite struct LoopAuthenticatorTests {
    private static let now = Timestamp(seconds: TestIssuer.defaultNow)
    private let issuer = TestIssuer()
    private let authenticator: LoopAuthenticator
    private let route: Route

    init() throws {
        route = try Route(
            name: RouteName(parsing: "coda"),
            host: HostPattern(parsing: "*"),
            audiences: [TestIssuer.defaultAudience],
            upstream: Upstream(parsing: "http://127.0.0.1:1")
        )
        let source = SigningKeySource(
            options: SigningKeySource.Options(url: try SigningKeysURL("https://example.cloudflareaccess.com/certs")),
            fetch: { _ in [] }
        )
        authenticator = LoopAuthenticator(
            rules: AccessRules(policy: AccessPolicy(issuer: TestIssuer.defaultIssuer)),
            source: source,
            eventLoop: try EpollLoop.start(named: "rules")
        )
        try use(TestIssuer.firstKey, TestIssuer.secondKey)
    }

    private func use(_ keys: TestIssuer.Key...) throws {
        authenticator.update(keys: try SigningKeys(jwkSet: TestIssuer.jwkSet(keys)))
    }

    private func caller(_ user: String, by key: TestIssuer.Key = TestIssuer.firstKey) throws -> Caller {
        let text = TestIssuer(key: key).user(user, now: TestIssuer.defaultNow)
        let verdict = Array(text.utf8).withUnsafeBytes { authenticator.authenticate($0, for: route, now: Self.now) }
        guard case .verified(let caller) = verdict else { throw InvalidValue("\(verdict)") }
        return caller
    }

    @Test func `a key that leaves the set shuts out whom it let in, and nobody else`() throws {
        let (one, other) = (try caller("ada@example.com"), try caller("bob@example.com", by: TestIssuer.secondKey))
        #expect(!one.isShutOut && !other.isShutOut)
        try use(TestIssuer.secondKey)
        #expect(one.isShutOut && !other.isShutOut)
        // It comes back for whoever signs in anew, and not for them.
        try use(TestIssuer.firstKey, TestIssuer.secondKey)
        #expect(one.isShutOut && !other.isShutOut)
    }

    @Test func `groups and claims are the caller's, and a group that is denied shuts out whom it let in`() throws {
        func policy(denying groups: Set<String>) throws -> AccessPolicy {
            AccessPolicy(
                TestIssuer.defaultIssuer,
                30,
                nil,
                AccessPolicy.Denied([], [], [], groups: groups),
                wanted: CallerAttributes.Wanted(
                    groups: try MemberPath(parsing: "custom.groups"),
                    claims: [try MemberPath(parsing: "country")]
                )
            )
        }
        func verdict(_ groups: String) -> AssertionVerdict {
            let custom = #"{"groups":\#(groups)}"#
            let text = issuer.user("ada@example.com", now: TestIssuer.defaultNow, with: ["custom": custom])
            return Array(text.utf8).withUnsafeBytes { authenticator.authenticate($0, for: route, now: Self.now) }
        }
        // Nothing is read that nobody asks for.
        let before = try caller("ada@example.com")
        #expect(before.attributes == .none)
        authenticator.update(rules: AccessRules(policy: try policy(denying: [])))
        guard case .verified(let one) = verdict(#"["staff","out-a"]"#),
            case .verified(let other) = verdict(#"["staff"]"#)
        else {
            Issue.record("both are let in")
            return
        }
        #expect(one.attributes.groups == ["staff", "out-a"])
        #expect(one.attributes.claims == [try MemberPath(parsing: "country"): ["AT"]])
        // Who was let in before groups were read is let in anew.
        #expect(before.isShutOut)
        authenticator.update(rules: AccessRules(policy: try policy(denying: ["out-*"])))
        #expect(one.isShutOut && !other.isShutOut)
        guard case .refused(.assertionDenied) = verdict(#"["staff","out-a"]"#), case .verified = verdict(#"["staff"]"#)
        else {
            Issue.record("a new request is judged alike")
            return
        }
    }

    @Test func `a deny list shuts out whom it names, however it is written, and nobody else`() throws {
        let (one, other) = (try caller("MÜLLER@xn--mnchen-3ya.de"), try caller("bob@example.com"))
        let denied = AccessPolicy.Denied(users: ["müller@münchen.de"])
        let policy = AccessPolicy(issuer: TestIssuer.defaultIssuer, denied: denied)
        authenticator.update(rules: AccessRules(policy: policy))
        #expect(one.isShutOut && !other.isShutOut)
    }

    @Test func `who is denied by command is out, and nobody is in before it is known who is`() throws {
        let (one, other) = (try caller("ada@example.com"), try caller("bob@example.com"))
        let rules = AccessRules(policy: AccessPolicy(issuer: TestIssuer.defaultIssuer))
        let denied = DenyBook(DenyEntry(.user, "ADA@example.com", by: "ops", at: Self.now))
        authenticator.update(rules: rules.denying(denied))
        #expect(one.isShutOut && !other.isShutOut)
        #expect(throws: InvalidValue.self) { try caller("ada@example.com") }
        authenticator.update(rules: rules.denying(DenyBook()))
        // It comes back for whoever calls anew, and not for the streams of before.
        #expect(one.isShutOut && !other.isShutOut)
        #expect(try !caller("ada@example.com").isShutOut)
        authenticator.update(rules: rules.denying(nil))
        let text = issuer.user("bob@example.com", now: TestIssuer.defaultNow)
        let verdict = Array(text.utf8).withUnsafeBytes { authenticator.authenticate($0, for: route, now: Self.now) }
        guard case .barred(_, .denialsUnavailable) = verdict else {
            Issue.record("\(verdict)")
            return
        }
    }

    @Test func `another issuer shuts out everybody`() throws {
        let one = try caller("ada@example.com")
        let policy = AccessPolicy(issuer: "https://other.cloudflareaccess.com")
        authenticator.update(rules: AccessRules(policy: policy))
        #expect(one.isShutOut)
    }
}
