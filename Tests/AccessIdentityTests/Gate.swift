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

extension Base64URL {
    static func encode(_ text: String) -> String { encode(Array(text.utf8)) }
}
