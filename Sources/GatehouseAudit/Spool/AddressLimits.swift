internal import Synchronization

/// The number of events without an established caller that are recorded one by one: ``perSecond`` an address, over all event loops together. No lock:
/// an address is one atomic pair of words, its name, and its count with the second it belongs to.
///
/// Bounded: ``places`` addresses a second. An address whose possible places are all taken is counted with all others of that kind.
final class AddressLimits: Sendable {
    /// Addresses in one second: 64 KiB.
    static let places = 4096
    /// Places that one address may take.
    private static let ways = 8
    static let perSecond: UInt = 50

    enum Verdict {
        case within
        case beyond
        /// There is no place for the address in this second.
        case crowded
    }

    // Only the atomics that it holds are written after init; freed in deinit.
    private nonisolated(unsafe) let table: UnsafeMutableBufferPointer<Atomic<WordPair>>

    init() {
        table = .allocate(capacity: Self.places)
        for index in table.indices {
            (table.baseAddress! + index).initialize(to: Atomic(WordPair(first: 0, second: 0)))
        }
    }

    deinit {
        table.baseAddress?.deinitialize(count: table.count)
        table.deallocate()
    }

    /// Counts one event.
    func count(_ address: UnsafeRawBufferPointer, second: Int64) -> Verdict {
        let owner = Self.owner(address)
        let now = UInt(truncatingIfNeeded: second) << 16
        while true {
            guard let (place, seen) = place(of: owner, in: now) else { return .crowded }
            let isOwn = seen.first == owner && seen.second & ~0xFFFF == now
            let count = isOwn ? seen.second & 0xFFFF : 0
            guard count < Self.perSecond else { return .beyond }
            // Another loop may have counted meanwhile: then look again.
            let next = WordPair(first: owner, second: now | count &+ 1)
            if place.pointee.compareExchange(expected: seen, desired: next, ordering: .relaxed).exchanged {
                return .within
            }
        }
    }

    /// The address's own place, else one that is free in this second.
    private func place(of owner: UInt, in now: UInt) -> (UnsafeMutablePointer<Atomic<WordPair>>, WordPair)? {
        let first = table.baseAddress! + Int(owner / 2 % UInt(Self.places / Self.ways)) * Self.ways
        var free: (UnsafeMutablePointer<Atomic<WordPair>>, WordPair)?
        for way in 0..<Self.ways {
            let seen = (first + way).pointee.load(ordering: .relaxed)
            if seen.first == owner { return (first + way, seen) }
            if free == nil, seen.second & ~0xFFFF != now { free = (first + way, seen) }
        }
        return free
    }

    /// Seeded anew in each process, so that nobody can search for colliding addresses. Never 0, which marks a free place.
    static func owner(_ address: UnsafeRawBufferPointer) -> UInt {
        var hasher = Hasher()
        hasher.combine(bytes: address)
        return UInt(bitPattern: hasher.finalize()) | 1
    }
}
