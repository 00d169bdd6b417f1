/// A number that every reader of JSON takes for the same: a whole one up to 2^53 - 1, or one with at most 15 digits and a fraction.
///
/// A reader with doubles (JavaScript, Python's floats) rounds what is longer, so two readers could find it on two sides of a bound. Rounding keeps
/// the order of what is kept here, and two different ones stay different. There is no exponent and no `-0`, which readers hold as different kinds of
/// number or not at all.
package struct PlainNumber: Hashable, Sendable, CustomStringConvertible {
    /// Bytes of a number as it is written.
    package static let maximumLength = 32
    private static let maximumDigits = 15
    private static let maximumInteger: Int64 = 1 << 53 - 1

    /// All digits, as one number.
    private let digits: Int64
    /// How many of them stand behind the point: 0 for a number that is written without one.
    private let fraction: Int

    /// Nil for what readers could take for different numbers.
    ///
    /// - Parameter text: a number by the grammar of JSON.
    package init?(_ text: UnsafeRawBufferPointer) {
        guard text.count <= Self.maximumLength, !text.isEmpty else { return nil }
        let isNegative = text[0] == 0x2D
        var value: Int64 = 0
        var significant = 0
        var fraction: Int?
        for byte in text.dropFirst(isNegative ? 1 : 0) {
            if byte == 0x2E, fraction == nil {
                fraction = 0
                continue
            }
            guard byte.isASCIIDigit else { return nil }
            if value != 0 || byte != 0x30 { significant += 1 }
            guard significant <= 16 else { return nil }
            value = value * 10 + Int64(byte - 0x30)
            if let behind = fraction { fraction = behind + 1 }
        }
        guard fraction == nil ? value <= Self.maximumInteger : significant <= Self.maximumDigits,
            fraction ?? 0 <= Self.maximumDigits, fraction != 0, value != 0 || !isNegative
        else { return nil }
        digits = isNegative ? -value : value
        self.fraction = fraction ?? 0
    }

    /// A number as a file writes it.
    package init(parsing text: String) throws(InvalidValue) {
        let forms = "a whole number up to 9007199254740991, or one of at most 15 digits with a point: 100 -1 0.25"
        var written = text
        guard text.utf8.first(where: { $0 != 0x2D })?.isASCIIDigit == true,
            let number = written.withUTF8({ PlainNumber(UnsafeRawBufferPointer($0)) })
        else {
            throw InvalidValue("'\(text.prefix(40))' is not a number that every reader reads alike", suggestion: forms)
        }
        guard number.fraction == 0 || text.utf8.last != 0x30 else {
            var short = text
            while short.utf8.last == 0x30 { short.removeLast() }
            if short.utf8.last == 0x2E { short.removeLast() }
            throw InvalidValue("'\(text)' has zeros at its end that say nothing", suggestion: short)
        }
        let whole = text.utf8.drop { $0 == 0x2D }
        guard whole.first != 0x30 || whole.count == 1 || whole.dropFirst().first == 0x2E else {
            throw InvalidValue("'\(text)' begins with a zero", suggestion: forms)
        }
        self = number
    }

    /// Whether both are one number, written as the same kind of number: a reader that knows integers takes `1.0` for another thing than `1`.
    package func equals(_ other: PlainNumber) -> Bool {
        (fraction == 0) == (other.fraction == 0) && compare(other) == 0
    }

    package func isAtMost(_ other: PlainNumber) -> Bool { compare(other) <= 0 }

    private func compare(_ other: PlainNumber) -> Int {
        // At most 16 + 15 digits: far below what 128 bits hold.
        let one = Int128(digits) * Self.power(other.fraction)
        let two = Int128(other.digits) * Self.power(fraction)
        return one < two ? -1 : one > two ? 1 : 0
    }

    private static func power(_ exponent: Int) -> Int128 {
        var power: Int128 = 1
        for _ in 0..<exponent { power *= 10 }
        return power
    }

    package var description: String {
        guard fraction > 0 else { return String(digits) }
        let text = String(digits.magnitude)
        let padded = String(repeating: "0", count: max(0, fraction + 1 - text.count)) + text
        return (digits < 0 ? "-" : "") + padded.dropLast(fraction) + "." + padded.suffix(fraction)
    }
}
