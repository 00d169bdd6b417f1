package import GatehouseCore
internal import Synchronization

/// The buckets of all principals, shared by all event loops: the limit holds over all of them together. No lock: a bucket is one atomic
/// pair of words, its owner and when it will be full.
///
/// Bounded: ``buckets`` principals with a bucket that is not full, each counted once a route. Beyond that the fullest of the few places that a
/// newcomer may take gives way, and its owner starts again with a full bucket: it may send one burst more than its rate. Principals are
/// verified before they are counted, so nobody can make up owners to push others out.
package final class RateTable: Sendable {
    /// Buckets at once: 128 KiB.
    package static let buckets = 8192
    /// Places that one owner may take.
    static let ways = 8

    // Only the atomics that it holds are written after init; freed in deinit.
    private nonisolated(unsafe) let places: UnsafeMutableBufferPointer<Atomic<WordPair>>
    private let sets: Int
    /// The key by which all instances of a fleet give an owner the same place; nil where they have none in common.
    private let fleetKey: SipHash.Key?

    package convenience init(fleetKey: SipHash.Key? = nil) { self.init(buckets: Self.buckets, fleetKey: fleetKey) }

    /// - Parameter buckets: a power of two, at least ``ways``.
    init(buckets: Int, fleetKey: SipHash.Key? = nil) {
        self.fleetKey = fleetKey
        sets = max(1, buckets / Self.ways)
        places = .allocate(capacity: sets * Self.ways)
        for index in places.indices {
            (places.baseAddress! + index).initialize(to: Atomic(WordPair(first: 0, second: 0)))
        }
    }

    deinit {
        places.baseAddress?.deinitialize(count: places.count)
        places.deallocate()
    }

    /// Counts requests, all or none of them.
    ///
    /// - Parameters:
    ///   - count: how many come together, at least 1.
    ///   - route: by name, so that a reload keeps what was counted.
    ///   - now: nanoseconds on a clock that is never set.
    ///   - spending: takes what a rate of the fleet counts, for the other instances.
    /// - Returns: nil when they are within the rate, else the seconds after which they would be, rounded up.
    package func limit(
        _ principal: Principal,
        on route: RouteName,
        to rate: RouteLimits.Rate,
        count: Int = 1,
        now: UInt64,
        _ spending: FleetSpending? = nil
    ) -> Int? {
        let bucket = RateBucket(rate)
        let owner = self.owner(principal, route, rate.scope)
        while true {
            let (place, seen) = self.place(of: owner, now: now)
            switch bucket.admit(count, fullAt: seen.first == owner ? UInt64(seen.second) : 0, now: now) {
            case .limited(let retryIn):
                if seen.first == owner { forgive(seen, at: place, bucket, now) }
                return Self.seconds(retryIn)
            case .admitted(let fullAt):
                let new = WordPair(first: owner, second: UInt(fullAt))
                // Another loop may have counted meanwhile: then look again.
                if place.pointee.compareExchange(expected: seen, desired: new, ordering: .relaxed).exchanged {
                    if rate.scope == .fleet, fleetKey != nil {
                        spending?.add(bucket.interval &* UInt64(clamping: count), by: owner)
                    }
                    return nil
                }
            }
        }
    }

    /// Takes out of an owner's bucket what was spent at other instances. From any thread.
    ///
    /// - Parameter nanoseconds: as the others' buckets count.
    package func debit(_ owner: UInt, _ nanoseconds: UInt64, now: UInt64) {
        while true {
            let (place, seen) = self.place(of: owner, now: now)
            let fullAt = max(seen.first == owner ? UInt64(seen.second) : 0, now)
            let (sum, overflows) = fullAt.addingReportingOverflow(nanoseconds)
            // A bucket that is further away than this is as empty for every rate.
            let new = WordPair(first: owner, second: UInt(min(overflows ? .max : sum, now + Self.furthest)))
            if place.pointee.compareExchange(expected: seen, desired: new, ordering: .relaxed).exchanged { return }
        }
    }

    /// Nanoseconds after which every bucket is full: a year.
    private static let furthest: UInt64 = 365 * 86_400 * 1_000_000_000

    /// The seconds after which one more request would be within the rate, rounded up; nil when it is now. Nothing is counted, but what is
    /// refused for longer than the rate allows is forgiven.
    package func wait(_ principal: Principal, on route: RouteName, under rate: RouteLimits.Rate, now: UInt64) -> Int? {
        let owner = self.owner(principal, route, rate.scope)
        let (place, seen) = place(of: owner, now: now)
        let bucket = RateBucket(rate)
        guard seen.first == owner,
            case .limited(let retryIn) = bucket.admit(fullAt: UInt64(seen.second), now: now)
        else { return nil }
        forgive(seen, at: place, bucket, now)
        return Self.seconds(retryIn)
    }

    /// Remembers what a bucket forgives of a time that it has refused. Where another loop has counted meanwhile, its next refusal does.
    private func forgive(
        _ seen: WordPair,
        at place: UnsafeMutablePointer<Atomic<WordPair>>,
        _ bucket: RateBucket,
        _ now: UInt64
    ) {
        let kept = UInt(bucket.forgiven(UInt64(seen.second), now: now))
        guard kept < seen.second else { return }
        let new = WordPair(first: seen.first, second: kept)
        _ = place.pointee.compareExchange(expected: seen, desired: new, ordering: .relaxed)
    }

    private static func seconds(_ nanoseconds: UInt64) -> Int {
        Int(clamping: (nanoseconds + 999_999_999) / 1_000_000_000)
    }

    /// The owner's place, else the fullest that it may take, and what stood there.
    ///
    /// Two loops that count a newcomer at once may give it a place each; it then has two buckets until one of them is full, which is one burst
    /// more at most.
    private func place(of owner: UInt, now: UInt64) -> (UnsafeMutablePointer<Atomic<WordPair>>, WordPair) {
        let first = places.baseAddress! + Int(owner / 2 % UInt(sets)) * Self.ways
        var best = first
        var bestSeen = WordPair(first: 0, second: .max)
        for way in 0..<Self.ways {
            let seen = (first + way).pointee.load(ordering: .relaxed)
            if seen.first == owner { return (first + way, seen) }
            if seen.second < bestSeen.second { (best, bestSeen) = (first + way, seen) }
        }
        return (best, bestSeen)
    }

    /// Seeded anew in each process, or by the fleet's key, so that nobody can search for colliding names. Never 0, which marks a free place.
    private func owner(_ principal: Principal, _ route: RouteName, _ scope: RouteLimits.Rate.Scope) -> UInt {
        if scope == .fleet, let fleetKey { return Self.owner(principal, route, fleetKey) }
        var hasher = Hasher()
        hasher.combine(route)
        hasher.combine(principal.kind)
        hasher.combine(principal.identity)
        return UInt(bitPattern: hasher.finalize()) | 1
    }

    /// The same in every process that has the key: the route, the kind of the principal and its identity, a byte 0 behind the first two.
    private static func owner(_ principal: Principal, _ route: RouteName, _ key: SipHash.Key) -> UInt {
        var hash = SipHash(key)
        var (word, length): (UInt64, Int) = (0, 0)
        func add(_ byte: UInt8) {
            word |= UInt64(byte) &<< UInt64(8 * (length & 7))
            length += 1
            guard length & 7 == 0 else { return }
            hash.compress(word)
            word = 0
        }
        for byte in route.text.utf8 { add(byte) }
        add(0)
        for byte in principal.kind.rawValue.utf8 { add(byte) }
        add(0)
        for byte in principal.identity.utf8 { add(byte) }
        hash.compress(rest: word, length: length)
        return UInt(hash.code()) | 1
    }
}
