internal import Glibc

/// The four-byte strings that occur in the spellings of some secrets, each as one bit of a table. A window of four bytes whose bit is not set stands in no
/// spelling, which one multiplication and one load tell.
///
/// Zeroed on release: it tells parts of the secrets.
struct GramFilter: ~Copyable, Sendable {
    /// Bytes of a window.
    static let window = 4
    /// Bits for each string, half of which are usually strings that came before: one window in some twenty is taken for one by chance, and hardly any
    /// together with two neighbours.
    private static let density = 10
    /// Bits of the table, as a power of two: from 16 KiB on, a third of what a processor keeps closest, to 128 KiB for many secrets at once.
    private static let sizes = 17...20

    // Written in init and never again, freed in deinit: no access can race.
    private nonisolated(unsafe) let words: UnsafeMutablePointer<UInt32>
    private let count: Int
    /// Takes the number of a word from a hash.
    private let shift: UInt32

    init(_ grams: [UInt32]) {
        let wanted = Int.bitWidth - (grams.count * Self.density).leadingZeroBitCount
        let size = min(max(wanted, Self.sizes.lowerBound), Self.sizes.upperBound)
        count = 1 << (size - 5)
        shift = UInt32(UInt32.bitWidth - (size - 5))
        words = .allocate(capacity: count)
        words.initialize(repeating: 0, count: count)
        for gram in grams {
            let hash = Self.hash(gram)
            words[Int(hash >> shift)] |= 1 << (hash & 31)
        }
    }

    deinit {
        explicit_bzero(words, count * MemoryLayout<UInt32>.size)
        words.deallocate()
    }

    /// Whether a window may stand in a spelling.
    @inline(__always)
    func mayHold(_ bytes: UnsafeRawPointer, _ offset: Int) -> Bool {
        let hash = Self.hash(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        return words[Int(truncatingIfNeeded: hash &>> shift)] &>> hash & 1 != 0
    }

    /// The first of the windows, at `from` and behind it in steps of `stride`, that may stand in a spelling; the place behind the last window that was
    /// looked at if none may.
    ///
    /// - Parameters:
    ///   - from: 2 at least.
    ///   - end: the place of the last window that is whole.
    // A function of its own has the registers to itself: within its caller, half of them were loaded again for each window.
    @inline(never)
    func next(_ bytes: UnsafeRawPointer, from: Int, through end: Int, stride: Int) -> Int {
        var at = from
        // Four at once: a window takes seven instructions, and counting and comparing as many again.
        let (second, third, fourth) = (stride, 2 &* stride, 3 &* stride)
        while at <= end &- fourth {
            if mayHold(bytes, at), isAmongOthers(bytes, at, end) { return at }
            if mayHold(bytes, at &+ second), isAmongOthers(bytes, at &+ second, end) { return at &+ second }
            if mayHold(bytes, at &+ third), isAmongOthers(bytes, at &+ third, end) { return at &+ third }
            if mayHold(bytes, at &+ fourth), isAmongOthers(bytes, at &+ fourth, end) { return at &+ fourth }
            at &+= 4 &* stride
        }
        while at <= end {
            if mayHold(bytes, at), isAmongOthers(bytes, at, end) { break }
            at &+= stride
        }
        return at
    }

    /// Whether a window that may stand in a spelling has neighbours that may. A spelling has ``Reflection/shortestSecret`` bytes at least, so that each of
    /// its windows is one of three in a row.
    @inline(never)
    private func isAmongOthers(_ bytes: UnsafeRawPointer, _ at: Int, _ end: Int) -> Bool {
        // Windows that are not whole yet may be any.
        let follows = at + 1 > end || mayHold(bytes, at + 1)
        if mayHold(bytes, at - 1) { return follows || mayHold(bytes, at - 2) }
        return follows && (at + 2 > end || mayHold(bytes, at + 2))
    }

    // MARK: - Hash

    /// The golden ratio's digits, an odd number without a pattern. All bits of a window meet in the upper ones of the product, which name a word; the
    /// lowest five, a permutation of those of the window's first byte, name the bit.
    @inline(__always)
    private static func hash(_ gram: UInt32) -> UInt32 { gram &* 0x9E37_79B1 }
}
