/// A number inside JSON bytes, kept as written. Borrows the bytes that were scanned: use it only while they live.
package struct JSONNumber {
    let bytes: UnsafeRawBufferPointer
    /// Where it stands in the scanned bytes.
    package let range: Range<Int>
    /// Written without fraction and exponent; says nothing about its size.
    package let isInteger: Bool

    init(bytes: UnsafeRawBufferPointer, range: Range<Int>, isInteger: Bool) {
        self.bytes = bytes
        self.range = range
        self.isInteger = isInteger
    }

    /// As written.
    package var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }

    /// The value when it is written as an integer and fits, nil otherwise: `1.0` and `1e3` are not integers here,
    /// because not every parser reads them as such.
    package var integer: Int64? {
        guard isInteger else { return nil }
        let isNegative = raw.first == 0x2D
        var value: Int64 = 0
        for byte in raw.dropFirst(isNegative ? 1 : 0) {
            let digit = Int64(byte &- 0x30)
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = product.addingReportingOverflow(isNegative ? -digit : digit)
            if overflowed || overflows { return nil }
            value = sum
        }
        return value
    }
}
