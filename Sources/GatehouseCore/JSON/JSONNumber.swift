/// A number inside JSON bytes, kept as written. Borrows the bytes that were scanned: use it only while they live.
package struct JSONNumber {
    let base: UnsafeRawPointer
    /// The number's position in the scanned bytes.
    package let range: Range<Int>
    /// Whether the number is written without fraction and exponent; this says nothing about its size.
    package let isInteger: Bool

    init(base: UnsafeRawPointer, range: Range<Int>, isInteger: Bool) {
        self.base = base
        self.range = range
        self.isInteger = isInteger
    }

    /// The number as it is written.
    package var raw: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// The value when it is written as an integer and fits, nil otherwise: `1.0` and `1e3` are not integers here,
    /// because not every parser reads them as such.
    package var integer: Int64? {
        guard isInteger else { return nil }
        let raw = raw
        let isNegative = raw[0] == 0x2D
        var value: Int64 = 0
        // Eighteen digits fit, whatever they are.
        if raw.count <= 18 {
            for index in (isNegative ? 1 : 0)..<raw.count { value = value &* 10 &+ Int64(raw[index] &- 0x30) }
            return isNegative ? -value : value
        }
        for index in (isNegative ? 1 : 0)..<raw.count {
            let digit = Int64(raw[index] &- 0x30)
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = product.addingReportingOverflow(isNegative ? -digit : digit)
            if overflowed || overflows { return nil }
            value = sum
        }
        return value
    }
}
