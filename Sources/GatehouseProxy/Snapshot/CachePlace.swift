/// The place of a value in a direct-mapped cache of an event loop. One that meets an occupied place takes it over.
enum CachePlace {
    static let count = 256

    /// The upper bits of a product with the golden ratio's digits, in which all bits of the number meet.
    static func of(_ number: UInt64) -> Int { Int(truncatingIfNeeded: (number &* 0x9E37_79B9_7F4A_7C15) >> 56) }

    static func of(_ one: AnyObject, _ other: AnyObject) -> Int {
        of((number(one) ^ number(other) << 3) >> 4)
    }

    static func of(_ object: AnyObject) -> Int { of(number(object) >> 4) }

    /// Objects begin at multiples of 16.
    private static func number(_ object: AnyObject) -> UInt64 { UInt64(UInt(bitPattern: ObjectIdentifier(object))) }
}
