internal import Glibc

/// Scans of eight bytes at a time within a 64-bit word: portable, and faster here than the vector types, whose
/// any-of reductions compile to long sequences.
enum ByteScan {
    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let highs: UInt64 = 0x8080_8080_8080_8080

    /// Eight bytes as they lie in memory. Little-endian order is assumed by everything here: lowest address, lowest bits.
    @inline(__always)
    static func word(_ bytes: Span<UInt8>, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Marks the high bit of each byte that is a control (below 0x20, or 0x7F). Carries and borrows can mark one byte
    /// too many above a marked or non-ASCII one, never one too few: a caller looks at the first marked byte itself.
    @inline(__always)
    static func controls(_ word: UInt64) -> UInt64 {
        ((word &- ones &* 0x20) | (word &+ ones)) & ~word & highs
    }

    /// Marks the high bit of the first byte that equals `byte`; bytes above it may be marked too.
    @inline(__always)
    static func matches(_ word: UInt64, _ byte: UInt8) -> UInt64 {
        let difference = word ^ (ones &* UInt64(byte))
        return (difference &- ones) & ~difference & highs
    }

    @inline(__always)
    static func index(_ marks: UInt64) -> Int { marks.trailingZeroBitCount >> 3 }

    @inline(__always)
    static func isControl(_ byte: UInt8) -> Bool { (byte < 0x20 && byte != 0x09) || byte == 0x7F }

    /// The first control byte other than tab in `start..<end`, or `end`.
    ///
    /// - Precondition: `0 <= start` and `end <= bytes.count`, checked once so that the loads need not be.
    @inline(__always)
    static func firstControl(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        precondition(start >= 0 && end <= bytes.count, "a scan stays within its bytes")
        var at = start
        while at &+ 16 <= end {
            let low = controls(unchecked(bytes, at))
            let high = controls(unchecked(bytes, at &+ 8))
            if low | high == 0 {
                at &+= 16
                continue
            }
            at &+= low != 0 ? index(low) : 8 &+ index(high)
            if isControl(bytes[at]) { return at }
            at &+= 1
        }
        while at < end {
            if isControl(bytes[at]) { return at }
            at &+= 1
        }
        return end
    }

    /// The first `byte` in `start..<end`, or `end`.
    ///
    /// - Precondition: `0 <= start` and `end <= bytes.count`, checked once so that the loads need not be.
    @inline(__always)
    static func first(_ byte: UInt8, _ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        precondition(start >= 0 && end <= bytes.count, "a scan stays within its bytes")
        var at = start
        while at &+ 8 <= end {
            let marks = matches(unchecked(bytes, at), byte)
            if marks != 0 { return at &+ index(marks) }
            at &+= 8
        }
        while at < end {
            if bytes[at] == byte { return at }
            at &+= 1
        }
        return end
    }

    /// Whether `byte` is in `start..<end`, which may be long: the C library looks at more bytes at a time than a word has.
    ///
    /// - Precondition: `0 <= start <= end <= bytes.count`.
    static func contains(_ byte: UInt8, _ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
        precondition(0 <= start && start <= end && end <= bytes.count, "a scan stays within its bytes")
        return bytes.withUnsafeBytes { bytes in
            guard let first = bytes.baseAddress, start < end else { return false }
            return memchr(first + start, CInt(byte), end - start) != nil
        }
    }

    /// Whether the eight bytes are letters and `-` alone, as most names are.
    @inline(__always)
    static func isPlainName(_ word: UInt64) -> Bool {
        let folded = word | ones &* 0x20
        let letters = (folded &+ ones &* 0x1F) & ~(folded &+ ones &* 0x05)
        let others = (word ^ ones &* 0x2D) &+ ones &* 0x7F
        // Sums carry into the next byte only from one beyond ASCII, which is refused by the last term.
        return (letters | ~others) & ~word & highs == highs
    }

    /// - Precondition: `0 <= offset` and `offset + 8 <= bytes.count`.
    @inline(__always)
    static func unchecked(_ bytes: Span<UInt8>, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
    }
}

extension UInt8 {
    /// The byte folded as in ``HeaderName/fold(_:)``, inlinable here: lower case, and `_` and `.` read as `-`.
    @inline(__always) var foldedInName: UInt8 {
        self &- 0x41 < 26 ? self | 0x20 : self == 0x5F || self == 0x2E ? 0x2D : self
    }
}
