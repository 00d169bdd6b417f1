internal import Glibc

/// The four-byte strings that occur in the spellings of some secrets, as a Bloom filter: each string sets three bits of one word. A window of four bytes
/// that is not among them stands in no spelling, which one multiplication and two loads tell.
///
/// Zeroed on release: it tells parts of the secrets.
struct GramFilter: ~Copyable, Sendable {
    /// Bytes of a window.
    static let window = 4
    /// Bits for each string: one window in some 80 is taken for one by chance, and one in 3,000 together with a neighbour.
    private static let density = 24
    /// Bits of the filter, as a power of two: from 16 KiB on, a third of what a processor keeps closest, to 128 KiB for many secrets at once.
    private static let sizes = 17...20

    // Written in init and never again, freed in deinit: no access can race.
    private nonisolated(unsafe) let words: UnsafeMutablePointer<UInt64>
    private let count: Int
    /// Takes the number of a word from a hash.
    private let shift: UInt64
    private nonisolated(unsafe) let masks = Self.masks

    init(_ grams: [UInt32]) {
        let wanted = Int.bitWidth - (grams.count * Self.density).leadingZeroBitCount
        let size = min(max(wanted, Self.sizes.lowerBound), Self.sizes.upperBound)
        count = 1 << (size - 6)
        shift = UInt64(UInt64.bitWidth - (size - 6))
        words = .allocate(capacity: count)
        words.initialize(repeating: 0, count: count)
        for gram in grams {
            let hash = Self.hash(gram)
            words[Int(hash >> shift)] |= masks[Self.mask(hash)]
        }
    }

    deinit {
        explicit_bzero(words, count * MemoryLayout<UInt64>.size)
        words.deallocate()
    }

    /// Whether a window may stand in a spelling.
    @inline(__always)
    func mayHold(_ bytes: UnsafeRawPointer, _ offset: Int) -> Bool {
        let hash = Self.hash(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        return ~words[Int(truncatingIfNeeded: hash &>> shift)] & masks[Self.mask(hash)] == 0
    }

    /// The first of the windows, at `from` and behind it in steps of `stride`, that may stand in a spelling; the place behind the last window that was
    /// looked at if none may.
    ///
    /// A spelling is longer than a window, so that the window before or behind stands in it too.
    ///
    /// - Parameters:
    ///   - from: 1 at least.
    ///   - end: the place of the last window that is whole.
    // A function of its own has the registers to itself: within its caller, half of them were loaded again for each window.
    @inline(never)
    func next(_ bytes: UnsafeRawPointer, from: Int, through end: Int, stride: Int) -> Int {
        var at = from
        while at <= end {
            if mayHold(bytes, at), at == end || mayHold(bytes, at &- 1) || mayHold(bytes, at &+ 1) { break }
            at &+= stride
        }
        return at
    }

    // MARK: - Hash

    /// The golden ratio's digits, an odd number without a pattern. All bits of a window meet in the upper ones of the product.
    @inline(__always)
    private static func hash(_ gram: UInt32) -> UInt64 { UInt64(gram) &* 0x9E37_79B9_7F4A_7C15 }

    /// The number of the mask of a hash. At most 14 bits above name the word.
    @inline(__always)
    private static func mask(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash &>> 42 & 255) }

    /// Three bits of 64 each. A table, because to set bits by their numbers takes longer than to load them.
    private nonisolated(unsafe) static let masks: UnsafeBufferPointer<UInt64> = .immortal(
        (0..<256).map { (number: UInt32) -> UInt64 in
            // Two of the three may be the same bit, which makes a mask weaker, not wrong.
            let hash = hash(number &* 0x85EB_CA6B | 1)
            return [58, 52, 46].reduce(0) { mask, place in mask | 1 << (hash >> place & 63) }
        }
    )
}
