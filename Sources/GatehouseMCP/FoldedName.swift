internal import GatehouseCore

/// A name as the most lenient reader could take it: escapes resolved, letters without case as Unicode folds them onto ASCII.
/// Go's encoding/json, for one, matches member names so.
struct FoldedName {
    /// Bytes kept; no name that is looked for is longer, so a longer one equals none.
    private static let capacity = 24

    private var bytes = InlineArray<24, UInt8>(repeating: 0)
    private var count = 0
    private var isTooLong = false

    init(_ name: JSONString) {
        var previous: (UInt8, UInt8) = (0, 0)
        for byte in name.resolved {
            switch (previous.0, previous.1, byte) {
            // U+017F, the long s, and U+212A, the Kelvin sign.
            case (_, 0xC5, 0xBF): replace(1, with: 0x73)
            case (0xE2, 0x84, 0xAA): replace(2, with: 0x6B)
            case _: append(byte.lowercasedASCII)
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

    private mutating func replace(_ last: Int, with byte: UInt8) {
        guard !isTooLong else { return }
        count -= min(last, count)
        append(byte)
    }

    /// Leaves out spaces at both ends.
    mutating func trim() {
        while count > 0, bytes[count - 1] == 0x20 { count -= 1 }
        var lead = 0
        while lead < count, bytes[lead] == 0x20 { lead += 1 }
        guard lead > 0 else { return }
        for index in lead..<count { bytes[index - lead] = bytes[index] }
        count -= lead
    }

    static func == (folded: FoldedName, name: StaticString) -> Bool {
        guard !folded.isTooLong, folded.count == name.utf8CodeUnitCount else { return false }
        for index in 0..<folded.count where folded.bytes[index] != name.utf8Start[index].lowercasedASCII {
            return false
        }
        return true
    }
}
