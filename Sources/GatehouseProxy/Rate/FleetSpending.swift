/// The spending of callers on routes whose rate holds for the whole fleet, on one event loop, since it was last taken. Of the requests of one second,
/// in nanoseconds of their bucket; those of further owners count on this instance alone.
package final class FleetSpending {
    /// Owners in one second.
    static let maximumOwners = 8192

    private var spent: [UInt: UInt64] = [:]

    func add(_ nanoseconds: UInt64, by owner: UInt) {
        if let known = spent[owner] {
            spent[owner] = known &+ nanoseconds
        } else if spent.count < Self.maximumOwners {
            spent[owner] = nanoseconds
        }
    }

    func take() -> [UInt: UInt64] {
        defer { spent.removeAll(keepingCapacity: true) }
        return spent
    }
}
