internal import GatehouseCore

/// Finished requests of the last hour by minute: for the status page's charts. Fixed size, nothing is allocated when counting.
package struct LastHour: Sendable {
    package static let minutes = 60

    package struct Minute: Hashable, Sendable {
        /// All that were finished, those of the next two among them.
        package var requests = 0
        /// The caller was refused.
        package var refused = 0
        /// The caller was allowed, or nothing is known of it, and the answer was a 5xx of Gatehouse's own.
        package var failed = 0

        package init() {}
    }

    /// A slot belongs to the minute that it was last counted in; an older one counts as empty.
    private var slots: [(minute: Int, counts: Minute)] = Array(repeating: (.min, Minute()), count: LastHour.minutes)

    package init() {}

    /// - Parameter minute: minutes since any fixed point.
    mutating func count(_ reason: Reason?, minute: Int) {
        let slot = Self.slot(minute)
        if slots[slot].minute != minute { slots[slot] = (minute, Minute()) }
        slots[slot].counts.requests += 1
        guard let reason else { return }
        // The upstream answered, but not in a form that this caller may have: no caller's request makes a route look ill to others.
        if case .upstreamNotMCP = reason { return slots[slot].counts.refused += 1 }
        if reason.status >= 500 { slots[slot].counts.failed += 1 } else { slots[slot].counts.refused += 1 }
    }

    /// The oldest first, the running minute last.
    package func ending(at minute: Int) -> [Minute] {
        ((minute - Self.minutes + 1)...minute).map { minute in
            let slot = slots[Self.slot(minute)]
            return slot.minute == minute ? slot.counts : Minute()
        }
    }

    package mutating func add(_ other: LastHour) {
        for slot in slots.indices where other.slots[slot].minute != .min {
            let theirs = other.slots[slot]
            if slots[slot].minute < theirs.minute {
                slots[slot] = theirs
            } else if slots[slot].minute == theirs.minute {
                slots[slot].counts.requests += theirs.counts.requests
                slots[slot].counts.refused += theirs.counts.refused
                slots[slot].counts.failed += theirs.counts.failed
            }
        }
    }

    private static func slot(_ minute: Int) -> Int { (minute % minutes + minutes) % minutes }
}
