/// The id of one request: 128 random bits, shown as 32 lower-case hexadecimal digits.
package struct RequestID: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Draws an id. One whose digits contain 404 or 405 is drawn again: some MCP clients search error text for these
    /// and fall back to another transport when they find them.
    package init(using generator: inout some RandomNumberGenerator) {
        repeat { self.init(high: generator.next(), low: generator.next()) } while hasMisreadDigits
    }

    package init?(parsing text: String) {
        guard text.utf8.count == 32 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for (index, byte) in text.utf8.enumerated() {
            guard let value = byte.hexValue else { return nil }
            if index < 16 { words.0 = words.0 << 4 | UInt64(value) } else { words.1 = words.1 << 4 | UInt64(value) }
        }
        self.init(high: words.0, low: words.1)
    }

    private var hasMisreadDigits: Bool {
        Self.isMisread(high) || Self.isMisread(low) || Self.isMisread(high << 32 | low >> 32)
    }

    /// Whether 404 or 405 stands in sixteen digits: all of them are looked at in one step, a mark in the lowest bit of each.
    private static func isMisread(_ digits: UInt64) -> Bool {
        let ones: UInt64 = 0x1111_1111_1111_1111
        func zeroes(_ word: UInt64) -> UInt64 { ~(word | word >> 1 | word >> 2 | word >> 3) & ones }
        let fours = zeroes(digits ^ ones &* 4)
        let foursAndFives = zeroes((digits ^ ones &* 4) & ~ones)
        return fours >> 8 & zeroes(digits) >> 4 & foursAndFives != 0
    }

    /// Writes the 32 digits.
    ///
    /// - Precondition: `bytes` holds at least 32.
    package func write(to bytes: UnsafeMutableRawBufferPointer) {
        for index in 0..<16 {
            bytes[index] = Self.digit(high >> UInt64(60 - index * 4))
            bytes[index + 16] = Self.digit(low >> UInt64(60 - index * 4))
        }
    }

    private static func digit(_ value: UInt64) -> UInt8 {
        let nibble = UInt8(truncatingIfNeeded: value & 15)
        return nibble < 10 ? nibble + 0x30 : nibble + 0x57
    }

    package var description: String {
        String(unsafeUninitializedCapacity: 32) { bytes in
            write(to: UnsafeMutableRawBufferPointer(bytes))
            return 32
        }
    }
}
