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
        var window: UInt64 = 0
        for place in stride(from: 60, through: 0, by: -4) {
            window = (window << 4 | (high >> place & 15)) & 0xFFF
            if place <= 52, window == 0x404 || window == 0x405 { return true }
        }
        for place in stride(from: 60, through: 0, by: -4) {
            window = (window << 4 | (low >> place & 15)) & 0xFFF
            if window == 0x404 || window == 0x405 { return true }
        }
        return false
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
