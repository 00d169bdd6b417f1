internal import GatehouseCore

/// A half-open range of offsets into the bytes of one head. 32 bits are enough: a head is bounded far below 2 GiB.
package struct ByteRange: Hashable, Sendable {
    package let start: Int32
    package let end: Int32

    package static let empty = ByteRange(0, 0)

    @inline(__always)
    package init(_ start: Int, _ end: Int) {
        self.start = Int32(truncatingIfNeeded: start)
        self.end = Int32(truncatingIfNeeded: end)
    }

    @inline(__always) package var lower: Int { Int(start) }
    @inline(__always) package var upper: Int { Int(end) }
    @inline(__always) package var count: Int { Int(end) - Int(start) }
    @inline(__always) package var isEmpty: Bool { start == end }
}

extension Span<UInt8> {
    /// Lends the bytes of a range that was found in this very span.
    @inline(__always)
    package func withBytes<Result, Failure: Error>(
        _ range: ByteRange,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBytes { all throws(Failure) in
            try body(UnsafeRawBufferPointer(rebasing: all[range.lower..<range.upper]))
        }
    }

    /// A copy as text, for logs and tests; never on the hot path.
    package func text(_ range: ByteRange) -> String {
        var bytes: [UInt8] = []
        for index in range.lower..<range.upper { bytes.append(self[index]) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether the bytes of a range are a lower-case word, whatever their case.
    @inline(__always)
    func equalsIgnoringCase(_ range: ByteRange, _ word: StaticString) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        for offset in 0..<word.utf8CodeUnitCount
        where self[range.lower + offset].lowercasedASCII != word.utf8Start[offset] {
            return false
        }
        return true
    }
}
