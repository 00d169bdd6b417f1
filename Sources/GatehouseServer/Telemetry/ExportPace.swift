/// When a collector that took nothing is asked again.
struct ExportPace: Sendable {
    /// The wait after the first failure; each further one doubles it.
    static let firstWait: Duration = .seconds(1)
    static let lastWait: Duration = .seconds(30)

    private var wait = ExportPace.firstWait
    private var resumesAt: Duration?

    func isOpen(at now: Duration) -> Bool { resumesAt.map { now >= $0 } ?? true }

    mutating func succeeded() { self = ExportPace() }

    /// - Parameters:
    ///   - asked: how long the collector itself asks to wait.
    ///   - jitter: a number from 0 to 1, so that instances do not come back at once.
    mutating func failed(askedToWait asked: Duration?, at now: Duration, jitter: Double) {
        resumesAt = now + max(asked ?? .zero, wait * (0.5 + 0.5 * jitter))
        wait = min(wait * 2, Self.lastWait)
    }
}
