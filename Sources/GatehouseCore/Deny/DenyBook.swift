/// The deny entries that operators make by command, beside those of the file: kept in the store and shared by all instances.
package struct DenyBook: Sendable, Equatable {
    /// Entries at once; a further one is refused.
    package static let maximumEntries = 1000

    /// The oldest first.
    package private(set) var entries: [DenyEntry] = []

    package init() {}

    package init(_ entry: DenyEntry) { entries = [entry] }

    package func texts(_ kind: DenyEntry.Kind) -> [String] {
        entries.filter { $0.kind == kind }.map(\.text)
    }

    /// Whether an entry that names the same callers is there.
    package func holds(_ entry: DenyEntry) -> Bool { entries.contains { $0.isSame(as: entry) } }

    /// Adds what is not there yet.
    ///
    /// - Returns: those that were added; nil, and nothing changes, when there would be too many.
    package mutating func add(_ new: [DenyEntry]) -> [DenyEntry]? {
        var all = entries
        for entry in new where !all.contains(where: { $0.isSame(as: entry) }) { all.append(entry) }
        guard all.count <= Self.maximumEntries else { return nil }
        defer { entries = all }
        return Array(all[entries.count...])
    }

    /// Removes what names the same callers.
    ///
    /// - Returns: the entries that were there.
    package mutating func remove(_ old: [DenyEntry]) -> [DenyEntry] {
        let gone = entries.filter { entry in old.contains { $0.isSame(as: entry) } }
        entries.removeAll { gone.contains($0) }
        return gone
    }
}

/// For each entry: its kind in one byte, its text, its author, its time and its note.
extension DenyBook: KeptBook {
    private static let format: UInt8 = 1
    /// Bytes of the longest one: of each entry three texts of 512 bytes, their lengths, the kind and the time.
    package static let maximumLength = 1 + maximumEntries * (3 * DenyEntry.maximumLength + 21)

    package var encoded: [UInt8] {
        var writer = BookWriter(format: Self.format)
        for entry in entries {
            writer.bytes.append(Self.number(entry.kind))
            writer.text(entry.text)
            writer.text(entry.by)
            writer.time(entry.at)
            writer.text(entry.note)
        }
        return writer.bytes
    }

    package init?(decoding bytes: UnsafeRawBufferPointer) {
        guard var reader = BookReader(bytes, format: Self.format) else { return nil }
        while !reader.isAtEnd {
            guard let number = reader.byte(),
                let kind = DenyEntry.Kind.allCases.first(where: { Self.number($0) == number }),
                let text = reader.string(), let by = reader.string(), let at = reader.time(), let note = reader.string()
            else { return nil }
            entries.append(DenyEntry(kind, text, by: by, at: at, note: note))
        }
    }

    private static func number(_ kind: DenyEntry.Kind) -> UInt8 {
        switch kind {
        case .user: 1
        case .serviceToken: 2
        case .subject: 3
        case .group: 4
        }
    }
}
