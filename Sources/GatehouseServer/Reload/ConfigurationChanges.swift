internal import GatehouseConfig

/// The differences of two configurations, in words: their canonical texts are compared, top-level key by top-level key and route by route.
enum ConfigurationChanges {
    static func between(_ old: Configuration, _ new: Configuration) -> [String] {
        let (before, after) = (texts(old), texts(new))
        let names = old.parts.map(\.name) + new.parts.map(\.name).filter { before[$0] == nil }
        return names.compactMap { name in
            let (one, other) = (before[name], after[name])
            // Byte by byte: two strings are equal that show the same characters.
            if let one, let other, one.utf8.elementsEqual(other.utf8) { return nil }
            return "\(name) \(one == nil ? "is new" : other == nil ? "is gone" : "changed")"
        }
    }

    private static func texts(_ configuration: Configuration) -> [String: String] {
        Dictionary(configuration.parts.map { ($0.name, $0.text) }) { first, _ in first }
    }
}
