internal import GatehouseCore

/// Looks for the member that names a list entry. Strict about that one only: the rest of an entry is for the client that shows it, and an
/// odd description (a lone surrogate, a schema however deep) must not hide a tool that its caller may use.
enum EntryMembers {
    enum Found {
        case one(JSONString)
        /// The member is absent, or two readers could find different names.
        case unclear
    }

    /// - Parameter entry: one value of a list.
    static func find(_ name: StaticString, in entry: UnsafeRawBufferPointer) -> Found {
        do throws(JSONFault) {
            var scanner = try JSONScanner(entry)
            try scanner.beginObject()
            var found: JSONString?
            while let key = try scanner.nextMember() {
                if key == name {
                    guard found == nil else { return .unclear }
                    found = try scanner.string()
                } else {
                    // Go's encoding/json takes `Name` for the name.
                    guard !isLookalike(key, of: name) else { return .unclear }
                    try scanner.skipUnread()
                }
            }
            try scanner.finish()
            return found.map { .one($0) } ?? .unclear
        } catch { return .unclear }
    }

    static func isLookalike(_ key: JSONString, of name: StaticString) -> Bool {
        // Folding keeps the length of what is plain.
        if !key.hasEscapes, key.range.count != name.utf8CodeUnitCount, key.isPlainName { return false }
        return FoldedName(key) == name
    }
}
