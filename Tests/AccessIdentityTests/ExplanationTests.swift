import AccessIdentity
import GatehouseTestSupport
import Testing

@Suite struct ExplanationTests {
    private let gate = Gate()
    private var issuer: TestIssuer { gate.issuer }

    private func explain(_ token: String, now: Int64 = Gate.now) -> AssertionExplanation {
        AssertionExplanation(
            of: token.utf8,
            policy: gate.verifier.policy,
            keys: gate.verifier.keys,
            audiences: [issuer.audience],
            now: now
        )
    }

    @Test func `every step passes in its order`() {
        let explanation = explain(issuer.user())
        #expect(explanation.entries.map(\.step) == AssertionExplanation.Step.allCases)
        #expect(explanation.entries.allSatisfy { $0.outcome == .passed && !$0.detail.isEmpty })
        #expect(explanation.rejection == nil)
        #expect(explanation.assertion?.name == "david@example.com")
    }

    @Test func `steps after the first failure are not reached`() {
        let explanation = explain(issuer.user(with: ["type": #""match""#, "exp": "1"]))
        let outcomes = explanation.entries.map(\.outcome)
        let failed = outcomes.firstIndex(of: .failed)
        #expect(failed.map { AssertionExplanation.Step.allCases[$0] } == .type)
        #expect(outcomes[(failed! + 1)...].allSatisfy { $0 == .notReached })
        #expect(outcomes[..<failed!].allSatisfy { $0 == .passed })
        #expect(explanation.rejection == .type)
        #expect(explanation.assertion == nil)
        #expect(explanation.entries[failed!].detail.contains(#""match""#))
    }

    @Test func `the explanation shows claims only once the signature holds`() {
        let forged = TestIssuer(key: TestIssuer.Key(TestIssuer.secondKey, id: issuer.key.id)).user(
            "secret-name@example.com"
        )
        let explanation = explain(forged)
        #expect(explanation.rejection == .signature)
        #expect(explanation.claims.isEmpty)
        #expect(!String(describing: explanation).contains("secret-name"))
        let claims = explain(issuer.user()).claims
        #expect(claims.map(\.name).contains("email"))
        #expect(claims.first { $0.name == "email" }?.value == #""david@example.com""#)
        #expect(claims.first { $0.name == "identity_nonce" }?.value == .some(nil))
    }

    @Test func `the explanation never shows token or signature`() {
        for token in [issuer.user(), issuer.user(with: ["aud": #""x""#]), TestIssuer(key: TestIssuer.secondKey).user()]
        {
            let shown = String(describing: explain(token))
            for part in token.split(separator: ".") { #expect(!shown.contains(part)) }
        }
    }

    @Test func `the explanation shows no control characters of the token`() {
        let header = #"{"alg":"\u001b[31mRED\r\n","kid":"x"}"#
        let shown = explain(issuer.mint(header: header, payload: "{}")).entries.map(\.detail).joined()
        #expect(shown.contains("?[31mRED??"))
        #expect(shown.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }

    @Test func `the explanation names the known keys for an unknown one`() {
        let explanation = explain(TestIssuer(key: TestIssuer.secondKey).user())
        let entry = explanation.entries.first { $0.step == .key }
        #expect(entry?.detail.contains("1f0a2c5d7e") == true)
        #expect(explanation.rejection == .keyUnknown)
    }

    /// One verification, not two: over many kinds of tokens both end alike.
    @Test func `the explanation agrees with the verifier`() {
        var random = SplitMix(seed: 0x5EED_0004)
        let seeds = [
            issuer.user(), issuer.service(), issuer.user(with: ["aud": "[]"]), issuer.user(with: ["exp": "1"]),
        ]
        for _ in 0..<300 {
            let token = mutated(seeds.randomElement(using: &random)!, &random)
            let explanation = explain(token)
            switch gate.verifier.verify(fields: [token], audiences: [issuer.audience], now: Gate.now) {
            case .verified(let assertion): #expect(explanation.assertion?.name == assertion.name)
            case .rejected(let rejection): #expect(explanation.rejection == rejection)
            case .unknownKey: #expect(explanation.rejection == .keyUnknown)
            case .keysUnavailable: Issue.record("keys are there")
            }
        }
    }
}

/// A token with up to three bytes changed, put in or taken out.
func mutated(_ token: String, _ random: inout SplitMix) -> String {
    var bytes = Array(token.utf8)
    for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(UInt8.random(in: 0...127, using: &random), at: place)
        case 2: bytes[place] = Array("ABCxyz019-_.=".utf8).randomElement(using: &random)!
        case _: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &random))
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}
