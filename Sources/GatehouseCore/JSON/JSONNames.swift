/// The member names seen in one object, to find a duplicate. Holds the first few in place and allocates beyond them.
///
/// Bounded, because the comparison is quadratic and the bytes may come from anyone.
package struct JSONNames {
    /// Members of an object whose names are kept apart, by default; one more is `.tooManyMembers`.
    package static let defaultLimit = 256

    package enum Insertion { case new, duplicate, full }

    private struct Entry {
        var digest: UInt64
        var name: JSONString
    }

    private let limit: Int
    private var count = 0
    private var first: InlineArray<16, Entry>
    private var more: [Entry] = []

    /// - Parameter limit: distinct names, at least 1.
    package init(limit: Int = JSONNames.defaultLimit) {
        self.limit = max(1, limit)
        let none = JSONString(bytes: UnsafeRawBufferPointer(start: nil, count: 0), range: 0..<0, hasEscapes: false)
        first = InlineArray(repeating: Entry(digest: 0, name: none))
    }

    package mutating func insert(_ name: JSONString) -> Insertion {
        let entry = Entry(digest: Self.digest(name), name: name)
        for index in 0..<min(count, 16) where Self.same(first[index], entry) { return .duplicate }
        for other in more where Self.same(other, entry) { return .duplicate }
        guard count < limit else { return .full }
        if count < 16 {
            first[count] = entry
        } else {
            more.append(entry)
        }
        count += 1
        return .new
    }

    private static func same(_ one: Entry, _ other: Entry) -> Bool {
        one.digest == other.digest && one.name.matches(other.name)
    }

    /// FNV-1a over the resolved bytes: it only spares comparisons, so collisions made on purpose gain nothing.
    private static func digest(_ name: JSONString) -> UInt64 {
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.resolved { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return digest
    }
}
