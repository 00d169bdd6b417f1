/// The time claims of an assertion, in seconds since 1970. What is compared with the clock stands here once, for the
/// first verification and for every use of a cached verdict.
struct AssertionTimes {
    let expiresAt: Int64
    let issuedAt: Int64
    let notBefore: Int64?

    /// Expired at `exp` itself: RFC 7519 section 4.1.4 requires the time to be before it.
    func isExpired(now: Int64, skew: Int64) -> Bool { now >= expiresAt.addingSaturated(skew) }

    func isIssuedInFuture(now: Int64, skew: Int64) -> Bool { issuedAt > now.addingSaturated(skew) }

    func isBeforeStart(now: Int64, skew: Int64) -> Bool { (notBefore ?? .min) > now.addingSaturated(skew) }

    func isTooOld(now: Int64, skew: Int64, maximumAge: Int64?) -> Bool {
        guard let maximumAge else { return false }
        return now > issuedAt.addingSaturated(maximumAge).addingSaturated(skew)
    }

    /// The first check that fails, in the order of the verification.
    func rejection(now: Int64, policy: AccessPolicy) -> AssertionRejection? {
        let skew = policy.clockSkew
        if isExpired(now: now, skew: skew) { return .expired }
        if isIssuedInFuture(now: now, skew: skew) || isBeforeStart(now: now, skew: skew) { return .notYetValid }
        if isTooOld(now: now, skew: skew, maximumAge: policy.maximumTokenAge) { return .tooOld }
        return nil
    }
}

extension Int64 {
    /// Claims are what someone wrote: the sum of two must not trap.
    func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflowed) = addingReportingOverflow(other)
        return overflowed ? (other < 0 ? .min : .max) : sum
    }
}
