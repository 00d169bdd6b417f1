internal import GatehouseCore

/// Decides which tokens may be served, and when the store is read next: a machine without clock or store. Times are since any fixed point of a
/// monotonic clock, so a step of the wall clock drops no token.
struct TokenFreshness {
    /// A failed reading is tried again after this, then after twice as long, up to `refresh`.
    static let firstRetry: Duration = .seconds(1)
    /// Readings on request, as after an upstream's 401, keep this distance.
    static let requestInterval: Duration = .seconds(10)

    let refresh: Duration
    let maxStale: Duration
    private var good: [TokenName: (value: TokenValue, at: Duration)] = [:]
    private var readAt: Timestamp?
    private var lastSuccess: Duration?
    private var nextRead: Duration?
    private var lastRead: Duration?
    private var failures = 0
    private var stamp: TokenChangeStamp?
    private var isRequested = false
    private(set) var state = TokenRefreshState()

    init(refresh: Duration, maxStale: Duration) {
        self.refresh = refresh
        self.maxStale = maxStale
    }

    var snapshot: TokenSnapshot { TokenSnapshot(tokens: good.mapValues(\.value), readAt: readAt) }

    /// Whether the store is to be read now, given what it last said of itself (nil when it says nothing).
    func isReadDue(at now: Duration, stamp: TokenChangeStamp?) -> Bool {
        guard let nextRead, now < nextRead else { return true }
        // After a failure the stamp is old; the retry alone decides.
        if failures == 0, let stamp, stamp != self.stamp { return true }
        return isRequested && now - (lastRead ?? .zero) >= Self.requestInterval
    }

    mutating func readRequested() { isRequested = true }

    /// Takes what the store gave. The stamp was taken before the reading, so that a change during it is seen as one; jitter is from 0 to 1.
    ///
    /// - Returns: whether the tokens differ from those served before.
    mutating func succeeded(
        _ load: TokenLoad,
        stamp: TokenChangeStamp?,
        at now: Duration,
        wall: Timestamp,
        jitter: Double
    ) -> Bool {
        let before = good
        let isFirst = lastSuccess == nil
        good = load.tokens.mapValues { ($0, now) }
        // A token that stands in the store and does not open was good a moment ago: it gets the time to be repaired.
        for problem in load.problems where good[problem.name] == nil {
            if let old = before[problem.name], now - old.at <= maxStale { good[problem.name] = old }
        }
        self.stamp = stamp
        readAt = wall
        lastSuccess = now
        ended(at: now, after: refresh * (0.9 + 0.2 * jitter))
        failures = 0
        state.lastSuccess = wall
        state.error = nil
        state.problems = load.problems
        state.dates = load.dates
        state.clock = load.clock
        state.replacedAt = load.replacedAt
        state.isExpired = false
        count()
        return isFirst || before.mapValues(\.value) != good.mapValues(\.value)
    }

    mutating func failed(_ error: TokenError, at now: Duration, wall: Timestamp, jitter: Double) {
        // 2^20 s is beyond every refresh interval.
        ended(at: now, after: min(refresh, Self.firstRetry * (1 << min(failures, 20))) * (0.9 + 0.2 * jitter))
        failures += 1
        state.lastFailure = wall
        state.error = error
        count()
    }

    /// Drops what is too old.
    ///
    /// - Returns: whether something was.
    mutating func expire(at now: Duration) -> Bool {
        if let lastSuccess, now - lastSuccess > maxStale { state.isExpired = true }
        let kept = good.filter { now - $0.value.at <= maxStale }
        defer { count() }
        guard kept.count < good.count else { return false }
        good = kept
        return true
    }

    private mutating func ended(at now: Duration, after wait: Duration) {
        isRequested = false
        lastRead = now
        nextRead = now + wait
    }

    private mutating func count() {
        state.served = good.count
        state.stale = state.error == nil ? good.values.count { $0.at != lastSuccess } : good.count
    }
}
