internal import GatehouseConfig

/// The differences of two configurations, in words: their canonical texts are compared, top-level key by top-level key and route by route.
enum ConfigurationChanges {
    static func between(_ old: Configuration, _ new: Configuration) -> [String] {
        let (before, after) = (parts(of: old), parts(of: new))
        let names = before.map(\.name) + after.map(\.name).filter { name in !before.contains { $0.name == name } }
        return names.compactMap { name in
            let one = before.first { $0.name == name }?.lines
            let other = after.first { $0.name == name }?.lines
            if one == other { return nil }
            return "\(name) \(one == nil ? "is new" : other == nil ? "is gone" : "changed")"
        }
    }

    private static func parts(of configuration: Configuration) -> [(name: String, lines: [Substring])] {
        var parts: [(name: String, lines: [Substring])] = []
        var isInRoutes = false
        for line in configuration.effective.split(separator: "\n") {
            if !line.hasPrefix(" ") {
                let name = String(line.prefix { $0 != ":" })
                isInRoutes = name == "routes"
                if isInRoutes { continue }
                parts.append((name, [line]))
            } else if isInRoutes, line.hasPrefix("  - ") {
                parts.append(("route \(line.dropFirst(10))", [line]))
            } else if !parts.isEmpty {
                parts[parts.count - 1].lines.append(line)
            }
        }
        return parts
    }
}
