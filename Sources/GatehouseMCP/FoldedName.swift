internal import GatehouseCore

/// A name as the most lenient reader could take it, of which there is only one: see ``FoldedBytes``.
struct FoldedName {
    /// Bytes kept; no name that is looked for is longer, so a longer one equals none.
    private static let capacity = 24

    private var bytes = InlineArray<24, UInt8>(repeating: 0)
    private var count = 0
    private var isTooLong = false
    /// Whether something was left out that is no visible ASCII: white space, a control character, any letter but those.
    private(set) var isHidden = false

    init(_ name: JSONString) {
        var folded = FoldedBytes(name)
        while let byte = folded.next() { append(byte) }
        isHidden = folded.isHidden
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
