internal import GatehouseCore

/// The arithmetic of one principal's allowance on one route: a bucket that holds as many requests as the rate allows in its time and
/// fills evenly (the generic cell rate algorithm of ITU-T I.371, which needs one number a bucket).
///
/// That number is when the bucket will be full again, on the monotonic clock. A time in the past means full: such a bucket may be forgotten.
struct RateBucket: Equatable {
    enum Verdict: Equatable {
        /// `fullAt` is what to remember.
        case admitted(fullAt: UInt64)
        /// Nothing to remember. As much would be admitted in so many nanoseconds, if it is not more than a full bucket.
        case limited(retryIn: UInt64)
    }

    /// Nanoseconds from an empty bucket to a full one.
    let capacity: UInt64
    /// Nanoseconds that one request takes.
    let interval: UInt64
    /// Nanoseconds beyond an empty bucket that may be spent elsewhere, and have to pass before anything is admitted again.
    let debt: UInt64

    /// Full buckets that a fleet may have spent too many, because it learns of it a second later; what goes beyond is forgiven.
    static let fleetDebt: UInt64 = 3

    init(_ rate: RouteLimits.Rate) {
        capacity = UInt64(clamping: rate.per.microseconds) &* 1000
        interval = max(1, capacity / UInt64(clamping: max(1, rate.count)))
        debt = rate.scope == .fleet ? capacity.multipliedReportingOverflow(by: Self.fleetDebt).partialValue : 0
    }

    /// - Parameters:
    ///   - count: requests that are admitted together or not at all; few enough that their time is a number.
    ///   - fullAt: what the last admission gave; 0 before the first.
    ///   - now: nanoseconds.
    func admit(_ count: Int = 1, fullAt: UInt64, now: UInt64) -> Verdict {
        let begin = max(forgiven(fullAt, now: now), now)
        let next = begin + interval * UInt64(clamping: count)
        let limit = now + capacity
        return next <= limit ? .admitted(fullAt: next) : .limited(retryIn: next - limit)
    }

    /// The bound of what a bucket owes: a time that is further away comes nearer. A reload may have shortened the rate's time: then the bucket is
    /// empty now, and not for as long as under the old rate. Who refuses has to remember it, or the caller owes the same at each later instant.
    func forgiven(_ fullAt: UInt64, now: UInt64) -> UInt64 { min(fullAt, now + capacity + debt) }
}
