import AccessIdentity
import GatehouseTestSupport
import Testing

@Suite struct VerdictCacheTests {
    private var now: Int64 { Gate.now }
    private let david = "user david@example.com"

    private func assertion(_ gate: Gate, _ token: String, now: Int64 = Gate.now) throws -> VerifiedAssertion {
        let verdict = gate.verifier.verify(fields: [token], audiences: [gate.issuer.audience], now: now)
        guard case .verified(let assertion) = verdict else { throw TestFailure() }
        return assertion
    }

    @Test func `a second use finds the first verdict`() throws {
        let gate = Gate()
        let token = gate.issuer.user()
        let first = try assertion(gate, token)
        #expect(try assertion(gate, token) === first)
        #expect(gate.verifier.cachedVerdicts == 1)
        #expect(try assertion(gate, gate.issuer.user(lasting: 3601)) !== first)
        #expect(gate.verifier.cachedVerdicts == 2)
    }

    @Test func `the cache attaches what the caller makes, once per assertion`() throws {
        final class Mine: Sendable {
            let name: String
            init(name: String) { self.name = name }
        }
        let issuer = TestIssuer()
        var made = 0
        let verifier = AssertionVerifier(
            policy: AccessPolicy(issuer: issuer.issuer),
            keys: try SigningKeys(jwkSet: issuer.jwkSet),
            attach: { assertion in
                made += 1
                return Mine(name: assertion.name)
            }
        )
        let token = issuer.user()
        for _ in 0..<3 {
            guard
                case .verified(let assertion) = verifier.verify(fields: [token], audiences: [issuer.audience], now: now)
            else {
                throw TestFailure()
            }
            #expect((assertion.attachment as? Mine)?.name == "david@example.com")
        }
        #expect(made == 1)
    }

    @Test func `the cache compares a cached verdict with the time on each use`() {
        let gate = Gate(maximumTokenAge: 50)
        let token = gate.issuer.user(lasting: 100)
        #expect(gate.verdict(token) == david)
        #expect(gate.verdict(token, now: now - 31) == "assertion_not_yet_valid")
        #expect(gate.verdict(token, now: now + 80) == david)
        #expect(gate.verdict(token, now: now + 81) == "assertion_too_old")
        #expect(gate.verifier.cachedVerdicts == 1)
        #expect(gate.verdict(token, now: now + 130) == "assertion_expired")
        #expect(gate.verifier.cachedVerdicts == 0)
        #expect(gate.verdict(token, now: now + 130) == "assertion_expired")
    }

    @Test func `the cache compares a cached verdict with the audience on each use`() {
        let gate = Gate()
        let token = gate.issuer.user()
        #expect(gate.verdict(token) == david)
        #expect(gate.verdict(token, audiences: ["other"]) == "assertion_audience")
        #expect(gate.verdict(token, audiences: []) == "assertion_audience")
        #expect(gate.verdict(token) == david)
    }

    /// A verdict that was refused for one route's audience must not open another's, nor the other way round.
    @Test func `a token refused for one audience is still taken for its own`() {
        let gate = Gate()
        let token = gate.issuer.user()
        #expect(gate.verdict(token, audiences: ["other"]) == "assertion_audience")
        #expect(gate.verdict(token) == david)
    }

    @Test func `a key that leaves the set stops verifying at once`() throws {
        let gate = Gate(keys: [TestIssuer.firstKey, TestIssuer.secondKey])
        let token = gate.issuer.user()
        #expect(gate.verdict(token) == david)
        gate.verifier.update(keys: try SigningKeys(jwkSet: TestIssuer.jwkSet([TestIssuer.secondKey])))
        #expect(gate.verifier.cachedVerdicts == 0)
        #expect(gate.verdict(token) == "unknown key 1f0a2c5d7e")
        gate.verifier.update(keys: nil)
        #expect(gate.verdict(token) == "keys unavailable")
    }

    @Test func `a key replaced under its id stops verifying`() throws {
        let gate = Gate()
        let token = gate.issuer.user()
        #expect(gate.verdict(token) == david)
        let other = TestIssuer.Key(TestIssuer.secondKey, id: TestIssuer.firstKey.id)
        gate.verifier.update(keys: try SigningKeys(jwkSet: TestIssuer.jwkSet([other])))
        #expect(gate.verdict(token) == "assertion_signature")
    }

    @Test func `the same keys serving longer keep the verdicts`() throws {
        let gate = Gate()
        let token = gate.issuer.user()
        let keys = try SigningKeys(jwkSet: gate.issuer.jwkSet)
        gate.verifier.update(keys: keys.serving(until: now))
        #expect(gate.verdict(token) == david)
        #expect(gate.verdict(token, now: now + 1) == "keys unavailable")
        gate.verifier.update(keys: keys.serving(until: now + 10))
        #expect(gate.verifier.cachedVerdicts == 1)
        #expect(gate.verdict(token, now: now + 1) == david)
        #expect(Gate().verdict(token, now: now + 11) == david)
        #expect(gate.verdict(gate.issuer.service(), now: now + 11) == "keys unavailable")
    }

    @Test func `a changed policy drops the verdicts`() {
        let gate = Gate()
        let token = gate.issuer.user()
        #expect(gate.verdict(token) == david)
        gate.verifier.update(policy: gate.verifier.policy)
        #expect(gate.verifier.cachedVerdicts == 1)
        let denying = AccessPolicy(issuer: gate.issuer.issuer, denied: .init(users: ["david@example.com"]))
        gate.verifier.update(policy: denying)
        #expect(gate.verifier.cachedVerdicts == 0)
        #expect(gate.verdict(token) == "assertion_denied")
    }

    @Test(arguments: [
        ("müller@example.de", "MÜLLER@example.de"), ("MÜLLER@EXAMPLE.DE", "mu\u{308}ller@example.de"),
        ("x@münchen.de", "x@xn--mnchen-3ya.de"), ("x@xn--mnchen-3ya.de", "X@München.DE"),
        ("*@münchen.de", "anybody@xn--mnchen-3ya.de"), ("νίκος@example.gr", "ΝΊΚΟΣ@example.gr"),
    ])
    func `a denied address is denied in every spelling`(denied: String, signedIn: String) {
        let gate = Gate()
        #expect(gate.verdict(gate.issuer.user(signedIn)) == "user \(signedIn)")
        gate.verifier.update(policy: AccessPolicy(issuer: gate.issuer.issuer, denied: .init(users: [denied])))
        #expect(gate.verdict(gate.issuer.user(signedIn)) == "assertion_denied")
        #expect(gate.verdict(gate.issuer.user("somebody@example.com")) == "user somebody@example.com")
    }

    @Test func `refusals are not remembered`() {
        let gate = Gate()
        #expect(gate.verdict("a.b.c") == "assertion_malformed")
        #expect(gate.verdict(gate.issuer.user(with: ["type": #""match""#])) == "assertion_type")
        #expect(gate.verifier.cachedVerdicts == 0)
    }

    @Test func `the bound holds, and what is used stays`() throws {
        let gate = Gate(cacheEntries: 4)
        let favourite = gate.issuer.user("favourite@example.com")
        let first = try assertion(gate, favourite)
        for index in 0..<20 {
            #expect(gate.verdict(gate.issuer.user("someone\(index)@example.com")) == "user someone\(index)@example.com")
            #expect(try assertion(gate, favourite) === first)
            #expect(gate.verifier.cachedVerdicts <= 4)
        }
        #expect(gate.verifier.cachedVerdicts == 4)
        let none = Gate(cacheEntries: 0)
        #expect(none.verdict(favourite) == "user favourite@example.com")
        #expect(none.verifier.cachedVerdicts == 0)
    }

    @Test func `what expired makes room without being asked for`() {
        let gate = Gate()
        for index in 0..<3 { _ = gate.verdict(gate.issuer.user("short\(index)@example.com", lasting: 10)) }
        #expect(gate.verifier.cachedVerdicts == 3)
        let later = now + 40
        _ = gate.verdict(gate.issuer.user(now: later), now: later)
        #expect(gate.verifier.cachedVerdicts == 1)
    }

    @Test func `a cache under churn answers like one without`() {
        var random = SplitMix(seed: 0x5EED_0003)
        let cached = Gate(cacheEntries: 5)
        let plain = Gate(cacheEntries: 0)
        let tokens = (0..<12).map { cached.issuer.user("u\($0)@example.com", lasting: Int64(10 + $0 * 20)) }
        for _ in 0..<400 {
            let token = tokens.randomElement(using: &random)!
            let time = now + Int64.random(in: -40...320, using: &random)
            let audiences: Set<String> = Bool.random(using: &random) ? [cached.issuer.audience] : ["other"]
            #expect(
                cached.verdict(token, audiences: audiences, now: time)
                    == plain.verdict(token, audiences: audiences, now: time)
            )
            #expect(cached.verifier.cachedVerdicts <= 5)
        }
    }
}
