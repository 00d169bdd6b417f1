internal import Glibc

/// The four-byte strings that occur in the spellings of some secrets, as a Bloom filter. A window of four bytes that is not among them stands in no
/// spelling, which one multiplication and one load tell.
///
/// Zeroed on release: it tells parts of the secrets.
struct GramFilter: ~Copyable, Sendable {
    /// Bytes of a window.
    static let window = 4
    /// Bits for each string: less than one window in 24 passes the first filter by chance, and one in 600 both.
    private static let density = 24
    /// Bits of a filter, as a power of two: from 16 KiB on, and 128 KiB for many secrets at once.
    private static let sizes = 17...20

    /// Two filters with a hash function each. The second one is asked about the windows that the first one knows.
    // Written in init and never again, freed in deinit: no access can race.
    private nonisolated(unsafe) let bits: UnsafeMutablePointer<UInt64>
    /// Words of one filter.
    private let words: Int
    /// Takes the number of a word from a hash.
    private let shift: UInt32

    init(_ grams: [UInt32]) {
        let wanted = Int.bitWidth - (grams.count * Self.density).leadingZeroBitCount
        let size = min(max(wanted, Self.sizes.lowerBound), Self.sizes.upperBound)
        words = 1 << (size - 6)
        shift = UInt32(32 - (size - 6))
        bits = .allocate(capacity: 2 * words)
        bits.initialize(repeating: 0, count: 2 * words)
        for gram in grams {
            let first = Self.first(gram)
            bits[word(first)] |= 1 << UInt64(first & 63)
            let second = Self.second(gram)
            bits[words + word(second)] |= 1 << UInt64(second & 63)
        }
    }

    deinit {
        explicit_bzero(bits, 2 * words * MemoryLayout<UInt64>.size)
        bits.deallocate()
    }

    /// Whether a window may stand in a spelling.
    @inline(__always)
    func mayHold(_ bytes: UnsafeRawPointer, _ offset: Int) -> Bool {
        let gram = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        return passesFirst(gram) && passesSecond(gram)
    }

    /// The first of the windows, at `from` and behind it in steps of `stride`, that may stand in a spelling; the place behind the last window that was
    /// looked at if none may.
    ///
    /// - Parameter end: the place of the last window that is whole.
    @inline(__always)
    func next(_ bytes: UnsafeRawPointer, from: Int, through end: Int, stride: Int) -> Int {
        var at = from
        while at <= end {
            let gram = bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)
            if passesFirst(gram), passesSecond(gram) { break }
            at &+= stride
        }
        return at
    }

    @inline(__always)
    private func passesFirst(_ gram: UInt32) -> Bool {
        let hash = Self.first(gram)
        return bits[word(hash)] &>> UInt64(hash) & 1 == 1
    }

    private func passesSecond(_ gram: UInt32) -> Bool {
        let hash = Self.second(gram)
        return bits[words &+ word(hash)] &>> UInt64(hash) & 1 == 1
    }

    /// Odd numbers without a pattern in their bits (the golden ratio's, and one of MurmurHash3's).
    @inline(__always)
    private static func first(_ gram: UInt32) -> UInt32 { gram &* 0x9E37_79B1 }

    @inline(__always)
    private static func second(_ gram: UInt32) -> UInt32 {
        let mixed = (gram ^ gram &>> 15) &* 0x85EB_CA6B
        return mixed ^ mixed &>> 13
    }

    /// The word of a hash, by its upper bits; the lower ones name the bit.
    @inline(__always)
    private func word(_ hash: UInt32) -> Int { Int(truncatingIfNeeded: hash &>> shift) }
}
