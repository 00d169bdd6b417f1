/// The id of one request: its time and 64 random bits, shown as 32 lower-case hexadecimal digits.
///
/// The time comes first, so that the ids of one moment lie side by side in an index of a database. One of random ids touches another page for each
/// request: draining into SQLite took three times as long, and wrote seven times as much.
package struct RequestID: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Draws an id for a time. Its digits never contain 404 or 405: some MCP clients search error text for these and fall back to another
    /// transport when they find them. Those of the time are 8 to f, three bits each; random ones are drawn again.
    package init(at time: Timestamp, using generator: inout some RandomNumberGenerator) {
        high = Self.spread(UInt64(truncatingIfNeeded: time.microseconds >> Self.timeShift)) | 0x8888_8888_8888_8888
        var random = generator.next()
        while Self.isMisread(random) { random = generator.next() }
        low = random
    }

    /// Microseconds are counted in units of 64: 48 bits of these last for 570 years.
    private static let timeShift: Int64 = 6

    /// The lowest 48 bits as sixteen digits of three bits each.
    private static func spread(_ number: UInt64) -> UInt64 {
        var word = number & 0xFF_FFFF | (number & 0xFFFF_FF00_0000) << 8
        word = word & 0x0000_0FFF_0000_0FFF | (word & 0x00FF_F000_00FF_F000) << 4
        word = word & 0x003F_003F_003F_003F | (word & 0x0FC0_0FC0_0FC0_0FC0) << 2
        return word & 0x0707_0707_0707_0707 | (word & 0x3838_3838_3838_3838) << 1
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

    /// Whether 404 or 405 stands in sixteen digits: all of them are looked at in one step, a mark in the lowest bit of each.
    private static func isMisread(_ digits: UInt64) -> Bool {
        let ones: UInt64 = 0x1111_1111_1111_1111
        func zeroes(_ word: UInt64) -> UInt64 { ~(word | word >> 1 | word >> 2 | word >> 3) & ones }
        let fours = zeroes(digits ^ ones &* 4)
        let foursAndFives = zeroes((digits ^ ones &* 4) & ~ones)
        return fours >> 8 & zeroes(digits) >> 4 & foursAndFives != 0
    }

    /// The length of the text.
    package static let length = 32

    /// Writes the 32 digits.
    ///
    /// - Precondition: `bytes` holds at least ``length``.
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
