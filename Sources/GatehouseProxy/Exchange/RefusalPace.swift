internal import SocketLoop

/// The rate at which one connection is refused before a caller is established. Beyond ``perSecond`` refusals a second the connection is closed:
/// through one pipe a million refusals a second were asked for.
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
