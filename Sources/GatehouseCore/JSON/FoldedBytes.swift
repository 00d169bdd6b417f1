/// The bytes of a name as the most lenient reader could take it: escapes resolved, letters without case as Unicode folds them onto ASCII, and only
/// what is seen of it. Go's encoding/json, for one, matches member names without case, pydantic takes `snake_case` for `camelCase`
/// (`populate_by_name`), and others trim.
package struct FoldedBytes: IteratorProtocol {
    private var rest: JSONString.Resolved
    private var previous: (UInt8, UInt8) = (0, 0)
    private var isFirst = true
    /// Whether something was left out that is no visible ASCII: white space, a control character, any letter but those.
    package private(set) var isHidden = false

    package init(_ name: JSONString) { rest = name.resolved }

    package mutating func next() -> UInt8? {
        while let byte = rest.next() {
            let before = previous
            previous = (before.1, byte)
            let folded: UInt8
            switch (before.0, before.1, byte) {
            // U+017F, the long s, and U+212A, the Kelvin sign.
            case (_, 0xC5, 0xBF): folded = 0x73
            case (0xE2, 0x84, 0xAA): folded = 0x6B
            case (_, _, 0x5F) where !isFirst: continue
            case (_, _, 0x21...0x7E): folded = byte.lowercasedASCII
            case _:
                isHidden = true
                continue
            }
            isFirst = false
            return folded
        }
        return nil
    }

    /// A digest (FNV-1a) of all that is left. It only spares comparisons, so collisions made on purpose gain nothing.
    mutating func digest() -> UInt64 {
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        while let byte = next() { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return digest
    }
}
