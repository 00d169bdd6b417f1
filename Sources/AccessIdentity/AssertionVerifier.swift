internal import Crypto
internal import GatehouseCore

/// Verifies Cloudflare Access assertions, and remembers its verdicts: one RSA operation for each token, not for each
/// request.
///
/// Synchronous, without locks and not `Sendable`: make one for each event loop (or guard one by your own actor) and give
/// all of them each new snapshot of keys.
///
/// A remembered verdict is compared with the clock and the wanted audiences on each use, is gone once the assertion
/// expired, and all are gone when the keys or the policy change: a key that leaves the set stops verifying at once.
public final class AssertionVerifier {
    /// The longest assertion, in bytes. A longer one is `.malformed`.
    public static let maximumTokenBytes = 16 << 10
    /// The default number of verdicts remembered. A verdict costs about 600 bytes.
    public static let defaultCacheEntries = 10_000
    static let scratchBytes = maximumTokenBytes / 4 * 3

    /// The result of verifying an assertion.
    public enum Verdict {
        case verified(VerifiedAssertion)
        case rejected(AssertionRejection)
        /// No key has this id. The set may have changed: ask ``SigningKeySource``, then verify once more; if it is still
        /// unknown, the rejection is ``AssertionRejection/keyUnknown``.
        case unknownKey(String)
        /// There are no keys, or they are too old to be used: nobody can be verified now.
        case keysUnavailable
    }

    public private(set) var policy: AccessPolicy
    public private(set) var keys: SigningKeys?
    private let attach: ((VerifiedAssertion) -> any AnyObject & Sendable)?
    private var cache: VerdictCache
    private let digester = TokenDigester()
    private var lastDigest = LastDigest()
    private let scratch: UnsafeMutableRawBufferPointer

    /// Makes a verifier with an empty memory.
    ///
    /// - Parameters:
    ///   - policy: what assertions must satisfy beside signature and audience.
    ///   - keys: nil until the first snapshot is there; everything is `.keysUnavailable` until then.
    ///   - cacheEntries: verdicts remembered at most; 0 for none. When it is full, one that was not used since the last
    ///     round gives way (second chance), an expired one first.
    ///   - attach: makes an object of your own for each verified assertion, once, found again as
    ///     ``VerifiedAssertion/attachment``.
    public init(
        policy: AccessPolicy,
        keys: SigningKeys? = nil,
        cacheEntries: Int = AssertionVerifier.defaultCacheEntries,
        attach: ((VerifiedAssertion) -> any AnyObject & Sendable)? = nil
    ) {
        self.policy = policy
        self.keys = keys
        self.attach = attach
        cache = VerdictCache(capacity: cacheEntries)
        scratch = .allocate(byteCount: Self.scratchBytes, alignment: 16)
    }

    deinit { scratch.deallocate() }

    /// Verdicts remembered now.
    public var cachedVerdicts: Int { cache.count }

    /// Takes a new snapshot; nil when there are no keys any more. Verdicts are kept when the same keys only serve longer.
    public func update(keys: SigningKeys?) {
        let isSame = keys.map { self.keys?.verifiesSame(as: $0) ?? false } ?? (self.keys == nil)
        self.keys = keys
        if !isSame { cache.removeAll() }
    }

    public func update(policy: AccessPolicy) {
        guard policy != self.policy else { return }
        self.policy = policy
        cache.removeAll()
    }

    /// Verifies the values of all assertion fields of a request: `.missing` without one, `.duplicate` with more.
    public func verify(fields: [String], audiences: Set<String>, now: Int64) -> Verdict {
        guard var token = fields.first else { return .rejected(.missing) }
        guard fields.count == 1 else { return .rejected(.duplicate) }
        return token.withUTF8 { verify(UnsafeRawBufferPointer($0), audiences: audiences, now: now) }
    }

    /// Verifies one assertion.
    ///
    /// - Parameters:
    ///   - token: the value of the one assertion field, without white space around it; used during the call only.
    ///   - audiences: the audience tags of the application; one of them must be in the assertion.
    ///   - now: seconds since 1970.
    /// - Returns: the verdict; bad input is never an error nor a trap.
    public func verify(_ token: UnsafeRawBufferPointer, audiences: Set<String>, now: Int64) -> Verdict {
        guard token.count <= Self.maximumTokenBytes else {
            // A list of assertions is the more telling reason, as in the order of the verification.
            return .rejected(token.contains(0x2C) ? .duplicate : .malformed)
        }
        let digest = lastDigest.of(token, by: digester)
        if let known = cache.find(digest) { return recheck(known, digest, audiences: audiences, now: now) }
        let pipeline = AssertionPipeline(
            policy: policy,
            keys: keys,
            audiences: audiences,
            now: now,
            observer: NoObserver()
        )
        do throws(AssertionStop) {
            let plain = VerifiedAssertion(try pipeline.run(token, scratch: scratch))
            let assertion = attach.map { plain.attaching($0(plain)) } ?? plain
            cache.insert(assertion, digest, now: now.addingSaturated(-policy.clockSkew))
            return .verified(assertion)
        } catch {
            switch error {
            case .rejected(let rejection): return .rejected(rejection)
            case .unknownKey(let id): return .unknownKey(id)
            case .keysUnavailable: return .keysUnavailable
            }
        }
    }

    /// Checks again the conditions that may have changed since the verdict: the keys' age, the wanted audience, the time.
    private func recheck(
        _ assertion: VerifiedAssertion,
        _ digest: TokenDigest,
        audiences: Set<String>,
        now: Int64
    ) -> Verdict {
        guard let keys, keys.areUsable(at: now) else { return .keysUnavailable }
        guard assertion.audiences.contains(where: audiences.contains) else { return .rejected(.audience) }
        if let rejection = assertion.times.rejection(now: now, policy: policy) {
            if rejection == .expired { cache.remove(digest) }
            return .rejected(rejection)
        }
        return .verified(assertion)
    }
}
