internal import GatehouseCore

/// Requests without an established caller that are not recorded one by one, until one event for each address, route and reason says how many there
/// were.
///
/// Bounded: ``maximumRows``. What is beyond is counted in one row without an address.
struct RequestTally {
    static let maximumRows = 256

    struct Key: Hashable {
        /// The identity of the address; 0 for all addresses that found no room.
        let owner: UInt
        let route: ObjectIdentifier?
        let refusal: Reason?
    }

    struct Row {
        let address: [UInt8]
        let route: Route?
        let refusal: Reason?
        /// When the first of them came.
        let since: Timestamp
        var count: Int64
    }

    private var rows: [Key: Row] = [:]

    var isEmpty: Bool { rows.isEmpty }

    /// - Parameter isCrowded: the address is not looked at: there are too many.
    mutating func add(_ facts: borrowing AuditFacts, isCrowded: Bool) {
        let (refusal, at) = (facts.refusal, facts.at)
        let isFull = rows.count >= Self.maximumRows
        let owner = isCrowded ? 0 : AddressLimits.owner(facts.clientIP)
        let key = Key(owner: owner, route: facts.route.map { ObjectIdentifier($0) }, refusal: refusal)
        if !isCrowded, rows[key] != nil {
            rows[key]?.count += 1
        } else if isCrowded || isFull {
            let rest = Row(address: [], route: nil, refusal: refusal, since: at, count: 0)
            rows[Key(owner: 0, route: nil, refusal: nil), default: rest].count += 1
        } else {
            let address = Array(facts.clientIP)
            rows[key] = Row(address: address, route: facts.route, refusal: refusal, since: at, count: 1)
        }
    }

    /// Passes rows to `body` until it refuses one; that row and the rest stay.
    mutating func drain(_ body: (Row) -> Bool) {
        for (key, row) in rows {
            guard body(row) else { return }
            rows[key] = nil
        }
    }
}
