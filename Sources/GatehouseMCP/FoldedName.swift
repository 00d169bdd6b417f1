internal import GatehouseCore

/// A name as the most lenient reader could take it, of which there is only one: see ``FoldedBytes``.
struct FoldedName {
    /// Bytes kept; no name that is looked for is longer, so a longer one equals none.
    private static let capacity = 24

    private var bytes = InlineArray<24, UInt8>(repeating: 0)
    private let count: Int
    /// Whether something was left out that is no visible ASCII: white space, a control character, any letter but those.
    let isHidden: Bool

    init(_ name: JSONString) {
        var folded = FoldedBytes(name)
        var count = 0
        while let byte = folded.next() {
            if count < Self.capacity { bytes[count] = byte }
            count += 1
        }
        self.count = count
        isHidden = folded.isHidden
    }

    static func == (folded: FoldedName, name: StaticString) -> Bool {
        folded.count == name.utf8CodeUnitCount && folded.begins(with: name)
    }

    /// Behind a shorter one stand zeros, as in no name.
    func begins(with name: StaticString) -> Bool {
        for index in 0..<name.utf8CodeUnitCount where bytes[index] != name.utf8Start[index].lowercasedASCII {
            return false
        }
        return true
    }
}
