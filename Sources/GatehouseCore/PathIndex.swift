/// The routes of one host by path: the longest prefix is found by bisection, however many there are.
struct PathIndex: Sendable {
    private struct Entry: Sendable {
        let path: [UInt8]
        let prefix: PathPrefix
        let route: Int
        /// The position of the longest other path that this one begins with, byte by byte; nil when there is none.
        let enclosing: Int?
    }

    /// The entries in the order of their paths' bytes.
    private let entries: [Entry]

    /// - Parameter routes: paths, each once, with the position of their route.
    init(_ routes: [(prefix: PathPrefix, route: Int)]) {
        let sorted = routes.map { (path: Array($0.prefix.text.utf8), $0.prefix, $0.route) }
            .sorted { $0.path.lexicographicallyPrecedes($1.path) }
        var entries: [Entry] = []
        for (path, prefix, route) in sorted {
            // In sorted order a prefix that encloses this path comes before it. Candidates are the previous entry and the entries that enclose that
            // one.
            var enclosing = entries.indices.last
            while let index = enclosing, !path.starts(with: entries[index].path) {
                enclosing = entries[index].enclosing
            }
            entries.append(Entry(path: path, prefix: prefix, route: route, enclosing: enclosing))
        }
        self.entries = entries
    }

    /// The route of the longest prefix that matches, and how many bytes of `path` it covers.
    ///
    /// Whatever `path` begins with sorts at or before it, and is enclosed by whatever sorts between the two: the last entry that is not
    /// behind `path` leads to all prefixes of it.
    func route(_ path: UnsafeRawBufferPointer) -> (route: Int, prefix: Int)? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if Self.isBehind(entries[middle].path, path) { high = middle } else { low = middle + 1 }
        }
        var next = low > 0 ? low - 1 : nil
        while let index = next {
            if let covered = entries[index].prefix.match(path) { return (entries[index].route, covered) }
            next = entries[index].enclosing
        }
        return nil
    }

    private static func isBehind(_ entry: [UInt8], _ path: UnsafeRawBufferPointer) -> Bool {
        for index in 0..<min(entry.count, path.count) where entry[index] != path[index] {
            return entry[index] > path[index]
        }
        return entry.count > path.count
    }
}
