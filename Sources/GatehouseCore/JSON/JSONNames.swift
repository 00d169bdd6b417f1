/// The member names seen in one object, to find a duplicate.
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

    /// Names that there is room for from the first on: as many as most objects have. In place they would cost every object that holds
    /// this their size in copies.
    private static let usual = 16

    private let limit: Int
    /// A bit for each digest, modulo 64: a name whose bit is not there is new.
    private var seen: UInt64 = 0
    private var entries: [Entry] = []

    /// - Parameter limit: distinct names, at least 1.
    package init(limit: Int = JSONNames.defaultLimit) { self.limit = max(1, limit) }

    package mutating func insert(_ name: JSONString) -> Insertion {
        let digest = name.hasEscapes ? name.withResolvedBytes(Self.digest) : Self.digest(name.raw)
        let bit = 1 as UInt64 &<< (digest &* 0x9E37_79B9_7F4A_7C15 &>> 58)
        if seen & bit != 0, holds(name, digest) { return .duplicate }
        seen |= bit
        guard entries.count < limit else { return .full }
        if entries.isEmpty { entries.reserveCapacity(Self.usual) }
        entries.append(Entry(digest: digest, name: name))
        return .new
    }

    @inline(never)
    private func holds(_ name: JSONString, _ digest: UInt64) -> Bool {
        entries.contains { $0.digest == digest && $0.name.matches(name) }
    }

    /// The length and the bytes at both ends of the resolved name. It only spares comparisons, so collisions made on purpose gain
    /// nothing.
    private static func digest(_ name: UnsafeRawBufferPointer) -> UInt64 {
        guard let base = name.baseAddress, name.count > 0 else { return 0 }
        let count = name.count
        let ends: UInt64
        if count >= 8 {
            ends = ByteWord.load(base, 0) &* 31 ^ ByteWord.load(base, count &- 8)
        } else if count >= 4 {
            ends = UInt64(ByteWord.half(base, 0)) | UInt64(ByteWord.half(base, count &- 4)) << 32
        } else {
            ends = UInt64(name[0]) | UInt64(name[count >> 1]) << 8 | UInt64(name[count &- 1]) << 16
        }
        return ends ^ UInt64(count) << 56
    }
}
