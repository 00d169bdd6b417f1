internal import GatehouseCore

/// A name as the most lenient reader could take it: escapes resolved, letters without case as Unicode folds them onto ASCII, and only
/// what is seen of it. Go's encoding/json, for one, matches member names without case, pydantic takes `snake_case` for `camelCase`
/// (`populate_by_name`), and others trim.
struct FoldedName {
    /// Bytes kept; no name that is looked for is longer, so a longer one equals none.
    private static let capacity = 24

    private var bytes = InlineArray<24, UInt8>(repeating: 0)
    private var count = 0
    private var isTooLong = false
    /// Whether something was left out that is no visible ASCII: white space, a control character, any letter but those.
    private(set) var isHidden = false

    init(_ name: JSONString) {
        var previous: (UInt8, UInt8) = (0, 0)
        for byte in name.resolved {
            switch (previous.0, previous.1, byte) {
            // U+017F, the long s, and U+212A, the Kelvin sign.
            case (_, 0xC5, 0xBF): append(0x73)
            case (0xE2, 0x84, 0xAA): append(0x6B)
            case (_, _, 0x5F) where count > 0: break
            case (_, _, 0x21...0x7E): append(byte.lowercasedASCII)
            case _: isHidden = true
            }
            previous = (previous.1, byte)
        }
    }

    private mutating func append(_ byte: UInt8) {
        guard count < Self.capacity else {
            isTooLong = true
            return
        }
        bytes[count] = byte
        count += 1
    }

    static func == (folded: FoldedName, name: StaticString) -> Bool {
        !folded.isTooLong && folded.count == name.utf8CodeUnitCount && folded.begins(with: name)
    }

    func begins(with name: StaticString) -> Bool {
        guard count >= name.utf8CodeUnitCount else { return false }
        for index in 0..<name.utf8CodeUnitCount where bytes[index] != name.utf8Start[index].lowercasedASCII {
            return false
        }
        return true
    }
}
