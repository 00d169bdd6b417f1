internal import GatehouseCore

/// One header field, as ranges of the head's bytes.
package struct Field: Sendable {
    package let name: ByteRange
    /// The value without the whitespace around it.
    package let value: ByteRange
    package let known: KnownField
    /// Whether `Connection` names the field, which makes it hop-by-hop (RFC 9110 section 7.6.1).
    package var isNominated = false

    /// Reads one line, which has no control byte but tab. Nil when it starts with whitespace (obs-fold), has no colon, no name,
    /// or a name with a byte that no token has, a space before the colon included.
    @inline(__always)
    init?(_ bytes: Span<UInt8>, start: Int, end: Int) {
        let colon = ByteScan.first(0x3A, bytes, from: start, to: end)
        guard colon < end else { return nil }
        let (known, isToken) = KnownField.classify(bytes, start, colon &- start)
        guard isToken else { return nil }
        var lower = colon &+ 1
        var upper = end
        while lower < upper, bytes[lower] == 0x20 || bytes[lower] == 0x09 { lower &+= 1 }
        while lower < upper, bytes[upper &- 1] == 0x20 || bytes[upper &- 1] == 0x09 { upper &-= 1 }
        self.name = ByteRange(start, colon)
        self.value = ByteRange(lower, upper)
        self.known = known
    }
}

/// How often a field that may stand once was sent.
package enum FieldOccurrence: Equatable, Sendable {
    case missing
    case one(ByteRange)
    /// Two fields, or one that holds a comma: a server that joins fields cannot distinguish these (RFC 9110 section 5.3).
    case duplicate

    mutating func add(_ value: ByteRange, in bytes: Span<UInt8>) {
        let isList = ByteScan.contains(0x2C, bytes, from: value.lower, to: value.upper)
        self = self == .missing && !isList ? .one(value) : .duplicate
    }
}

extension Span<UInt8> {
    /// The number written in plain digits, nil for anything else, nothing, or one that a signed 64-bit integer cannot hold.
    @inline(__always)
    func decimal(_ range: ByteRange) -> Int? {
        guard !range.isEmpty else { return nil }
        var number = 0
        for index in range.lower..<range.upper {
            let digit = self[index] &- 0x30
            guard digit < 10 else { return nil }
            let (product, overflows) = number.multipliedReportingOverflow(by: 10)
            let (sum, carries) = product.addingReportingOverflow(Int(digit))
            guard !overflows, !carries else { return nil }
            number = sum
        }
        return number
    }
}
