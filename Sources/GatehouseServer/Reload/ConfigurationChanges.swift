internal import GatehouseConfig

/// The differences of two configurations, in words: their canonical texts are compared, top-level key by top-level key and route by route.
enum ConfigurationChanges {
    static func between(_ old: Configuration, _ new: Configuration) -> [String] {
        let (before, after) = (Parts(old), Parts(new))
        return (before.names + after.names.filter { before.texts[$0] == nil }).compactMap { name in
            let (one, other) = (before.texts[name], after.texts[name])
            if one == other { return nil }
            return "\(name) \(one == nil ? "is new" : other == nil ? "is gone" : "changed")"
        }
    }

    /// The text of each key and each route, which stand one after the other.
    private struct Parts {
        private(set) var names: [String] = []
        private(set) var texts: [String: ArraySlice<UInt8>] = [:]

        init(_ configuration: Configuration) {
            // Bytes: in the characters of a String, a thousand routes take as long as reading their file.
            let text = Array(configuration.effective.utf8)
            var (open, end, isInRoutes) = ((name: String, start: Int)?.none, 0, false)
            for line in text.split(separator: UInt8(ascii: "\n")) {
                var name: String?
                if line.first != UInt8(ascii: " ") {
                    let key = String(decoding: line.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
                    isInRoutes = key == "routes"
                    name = key
                } else if isInRoutes, line.starts(with: "  - ".utf8) {
                    name = "route \(String(decoding: line.dropFirst("  - name: ".utf8.count), as: UTF8.self))"
                }
                if let name {
                    close(open, text[..<end])
                    open = name == "routes" ? nil : (name, line.startIndex)
                }
                end = line.endIndex
            }
            close(open, text[..<end])
        }

        private mutating func close(_ open: (name: String, start: Int)?, _ text: ArraySlice<UInt8>) {
            guard let open else { return }
            names.append(open.name)
            texts[open.name] = text[open.start...]
        }
    }
}
