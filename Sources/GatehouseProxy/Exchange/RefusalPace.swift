internal import SocketLoop

/// How fast one connection is refused before anybody is established. Whoever is refused more than ``perSecond`` times a second is told that the
/// connection closes: through one pipe a million refusals a second were asked for.
struct RefusalPace {
    static let perSecond = 100

    private var count = 0
    private var since: MonotonicTime?

    /// Counts a refusal.
    mutating func refused(at now: MonotonicTime) {
        if isOver(at: now) {
            since = now
            count = 0
        }
        count += 1
    }

    /// Whether the next one would be too many.
    func isExceeded(at now: MonotonicTime) -> Bool { count >= Self.perSecond && !isOver(at: now) }

    private func isOver(at now: MonotonicTime) -> Bool { since.map { now - $0 >= .seconds(1) } ?? true }
}
