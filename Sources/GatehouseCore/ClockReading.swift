/// One reading of another server's clock. The lead of this machine's clock at a later time is computed from the monotonic time that has passed since:
/// a step of the wall clock shows at once and not with the next reading.
package struct ClockReading: Hashable, Sendable {
    private let theirs: Timestamp
    private let at: ContinuousClock.Instant

    /// - Parameters:
    ///   - theirs: what the answer said.
    ///   - asked: when it was asked for. The answer was made between then and `answered`, in the middle unless the caller knows better.
    package init(
        _ theirs: Timestamp,
        asked: ContinuousClock.Instant,
        answered: ContinuousClock.Instant = .now
    ) {
        self.theirs = theirs
        at = asked + (answered - asked) / 2
    }

    /// How far `ours` is ahead of the other clock; negative when it is behind.
    package func lead(of ours: Timestamp, at now: ContinuousClock.Instant = .now) -> Duration {
        ours - (theirs + (now - at))
    }
}
