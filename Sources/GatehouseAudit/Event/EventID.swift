package import GatehouseCore

/// The id of one audit event: a UUID of version 7 (RFC 9562 section 5.7), so that ids sort by time.
package struct EventID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes an id of a time, with microseconds in `rand_a` (section 6.2, method 3), and 62 random bits.
    package init(at time: Timestamp, using generator: inout FastRandom) {
        let micros = UInt64(max(0, time.microseconds))
        let millis = micros / 1000
        let fraction = (micros &- millis &* 1000) &* 4096 / 1000
        high = millis << 16 | 0x7000 | fraction
        low = generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    }

    package init?(parsing text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (place, byte) in bytes.enumerated() {
            if [8, 13, 18, 23].contains(place) {
                guard byte == 0x2D else { return nil }
                continue
            }
            guard let value = byte.hexValue else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | UInt64(value) } else { words.1 = words.1 << 4 | UInt64(value) }
            digits += 1
        }
        self.init(high: words.0, low: words.1)
    }

    package static func < (one: EventID, other: EventID) -> Bool {
        one.high != other.high ? one.high < other.high : one.low < other.low
    }

    /// The length of the text.
    static let length = 36

    /// Writes the text.
    ///
    /// - Precondition: `text` holds at least ``length`` bytes.
    func write(to text: UnsafeMutableRawBufferPointer) {
        let digits: StaticString = "0123456789abcdef"
        var place = 0
        for nibble in 0..<32 {
            if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                text[place] = 0x2D
                place += 1
            }
            let word = nibble < 16 ? high : low
            text[place] = digits.utf8Start[Int(word >> UInt64(60 - nibble % 16 * 4) & 15)]
            place += 1
        }
    }

    package var description: String {
        String(unsafeUninitializedCapacity: Self.length) { text in
            write(to: UnsafeMutableRawBufferPointer(text))
            return Self.length
        }
    }
}
