/// Verified assertions by token, bounded, replaced by second chance (the clock algorithm): a hand goes round the slots,
/// spares once what was used since it last came by, and takes the first that was not.
struct VerdictCache {
    /// Slots looked at for expired verdicts at each insertion, so that those that are not presented again are removed too.
    static let sweptAtInsertion = 4

    private struct Slot {
        var digest: TokenDigest
        var assertion: VerifiedAssertion
        var wasUsed: Bool
    }

    private let capacity: Int
    private var places: [TokenDigest: Int] = [:]
    private var slots: [Slot] = []
    private var hand = 0
    private var sweep = 0

    init(capacity: Int) { self.capacity = max(0, capacity) }

    var count: Int { slots.count }

    mutating func find(_ digest: TokenDigest) -> VerifiedAssertion? {
        guard let place = places[digest] else { return nil }
        if !slots[place].wasUsed { slots[place].wasUsed = true }
        return slots[place].assertion
    }

    /// Remembers a verdict. `now` is seconds since 1970, less the clock skew: what expired before it makes room.
    mutating func insert(_ assertion: VerifiedAssertion, _ digest: TokenDigest, now: Int64) {
        guard capacity > 0 else { return }
        removeSomeExpired(now: now)
        if slots.count >= capacity { evict(now: now) }
        places[digest] = slots.count
        slots.append(Slot(digest: digest, assertion: assertion, wasUsed: false))
    }

    mutating func remove(_ digest: TokenDigest) {
        if let place = places[digest] { remove(at: place) }
    }

    mutating func removeAll() {
        places = [:]
        slots = []
        hand = 0
        sweep = 0
    }

    private mutating func removeSomeExpired(now: Int64) {
        for _ in 0..<Self.sweptAtInsertion {
            if sweep >= slots.count { sweep = 0 }
            guard sweep < slots.count else { return }
            if slots[sweep].assertion.expiresAt <= now { remove(at: sweep) } else { sweep += 1 }
        }
    }

    /// Terminates within two rounds: the first removes every mark.
    private mutating func evict(now: Int64) {
        while true {
            if hand >= slots.count { hand = 0 }
            if !slots[hand].wasUsed || slots[hand].assertion.expiresAt <= now { return remove(at: hand) }
            slots[hand].wasUsed = false
            hand += 1
        }
    }

    /// The last slot moves into the gap.
    private mutating func remove(at place: Int) {
        places[slots[place].digest] = nil
        let last = slots.removeLast()
        if place < slots.count {
            slots[place] = last
            places[last.digest] = place
        }
    }
}
