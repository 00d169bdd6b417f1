package import GatehouseCore

/// The keys that chain events: the first one makes hashes, all of them check.
///
/// A hash goes on from the one before it whichever key made that, so a chain crosses a change of keys without a seam.
package struct ChainKeys: Sendable {
    /// How much later than its end a retired key may have made something, for machines whose clocks differ.
    static let skew: Duration = .seconds(60)

    let current: ChainKey
    /// All keys, those without an end first.
    let all: [ChainKey]
    /// The ends of the last keys of ``all``.
    private let ends: [Timestamp]

    package init(_ keys: PurposeKeys) {
        all = (keys.all + keys.ended.map(\.key)).map { ChainKey($0) }
        current = all[0]
        ends = keys.ended.map(\.at)
    }

    /// When a key ended; nil for one that did not.
    func end(of index: Int) -> Timestamp? {
        let lasting = all.count - ends.count
        return index < lasting ? nil : ends[index - lasting]
    }

    /// Whether the key with this index may have made what says that it is of `time`.
    func mayHaveMade(_ index: Int, at time: Timestamp) -> Bool { end(of: index).map { time <= $0 + Self.skew } ?? true }
}

/// One key of the chain.
struct ChainKey: Sendable {
    /// The kind of message that a code signs. It stands in front of every message, so that no code is accepted for another kind.
    enum Purpose: UInt8 {
        /// An event, after the one before it.
        case event = 0x45
        /// The place of the hash before the first event of a chain: nobody without a key can begin one.
        case start = 0x53
        case head = 0x48
        case checkpoint = 0x43
    }

    static let codeLength = KeyedHash.length
    private let keyed: KeyedHash

    init(_ secret: Secret) { keyed = KeyedHash(secret) }

    /// Writes the code over a front and what follows it to ``codeLength`` bytes at `place`.
    @inline(__always)
    func code(_ front: ChainFront, _ rest: UnsafeRawBufferPointer, to place: UnsafeMutableRawPointer) {
        keyed.code(over: front.bytes, rest, to: place)
    }

    func code(_ front: ChainFront, _ rest: UnsafeRawBufferPointer = .init(start: nil, count: 0)) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.codeLength) { room, count in
            guard let place = room.baseAddress else { return }
            code(front, rest, to: place)
            count = Self.codeLength
        }
    }
}

/// The end of a chain: the newest event and its hash.
struct ChainTip: Hashable, Sendable {
    /// 0 before the first event.
    var sequence: Int64
    /// Empty while nothing is chained.
    var hash: [UInt8]
}
