internal import GatehouseCore

/// When the head of a chain is due: after so many events, or so long after one that no head covers.
struct HeadSchedule {
    static let everyEvents: Int64 = 10_000
    static let interval: Duration = .seconds(60)

    private var covered: Int64
    private var since: Timestamp?

    /// - Parameter covered: the event that needs no head: that of the start.
    init(covered: Int64) { self.covered = covered }

    /// Notes the present end of the chain.
    ///
    /// - Returns: whether a head is due.
    mutating func reached(_ sequence: Int64, at now: Timestamp) -> Bool {
        guard sequence > covered else { return false }
        let since = since ?? now
        self.since = since
        return sequence - covered >= Self.everyEvents || now - since >= Self.interval
    }

    mutating func made(through sequence: Int64) {
        covered = sequence
        since = nil
    }

    /// The time until a head is due although nothing happens; nil when one covers everything.
    func wait(at now: Timestamp) -> Duration? {
        since.map { max(.zero, Self.interval - (now - $0)) }
    }
}
