import AccessIdentity
import GatehouseCore
import GatehouseTestSupport

/// A verifier with the policy and keys of the test issuer, and verdicts as words: `user david@example.com`,
/// `assertion_expired`, `unknown key x`, `keys unavailable`.
struct Gate {
    static let now = TestIssuer.defaultNow

    let issuer: TestIssuer
    let verifier: AssertionVerifier

    init(
        issuer: TestIssuer = TestIssuer(),
        keys: [TestIssuer.Key]? = nil,
        clockSkew: Int64 = 30,
        maximumTokenAge: Int64? = nil,
        denied: AccessPolicy.Denied = .init(),
        cacheEntries: Int = AssertionVerifier.defaultCacheEntries
    ) {
        self.issuer = issuer
        verifier = AssertionVerifier(
            policy: AccessPolicy(
                issuer: issuer.issuer,
                clockSkew: clockSkew,
                maximumTokenAge: maximumTokenAge,
                denied: denied
            ),
            keys: try! SigningKeys(jwkSet: TestIssuer.jwkSet(keys ?? [issuer.key])),
            cacheEntries: cacheEntries
        )
    }

    func verdict(_ token: String, audiences: Set<String>? = nil, now: Int64 = Gate.now) -> String {
        words(verifier.verify(fields: [token], audiences: audiences ?? [issuer.audience], now: now))
    }

    func words(_ verdict: AssertionVerifier.Verdict) -> String {
        switch verdict {
        case .verified(let assertion): "\(assertion.kind.rawValue) \(assertion.name)"
        case .rejected(let rejection): rejection.rawValue
        case .unknownKey(let id): "unknown key \(id)"
        case .keysUnavailable: "keys unavailable"
        }
    }
}

/// SplitMix64: the same numbers on every run.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

extension Base64URL {
    static func encode(_ text: String) -> String { encode(Array(text.utf8)) }
}
