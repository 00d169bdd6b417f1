internal import YAMLReader

/// The one key at the top level whose lines keep a text from being YAML: without them the rest can be read, for a command that does not need that
/// section. Never used for serving.
struct BrokenSection {
    let key: String
    /// The text with these lines empty, so that all others keep their numbers.
    let rest: [UInt8]

    /// Nil when more than one part is broken, or none of its own.
    ///
    /// - Parameter line: where the reader gave up. A quote or bracket that is not closed is often noticed only in a later part.
    init?(of text: [UInt8], noticedOn line: Int) {
        let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
        let starts = lines.indices.filter { Self.key(of: lines[$0]) != nil }
        let parts = starts.enumerated().map { index, start in
            start..<(index + 1 < starts.count ? starts[index + 1] : lines.count)
        }
        let noticed = line - 1
        let nearest = parts.sorted { one, other in Self.distance(one, noticed) < Self.distance(other, noticed) }
        for part in nearest {
            var kept = lines
            for index in part { kept[index] = [] }
            let rest = Array(kept.joined(separator: [0x0A]))
            guard YAMLReader.read(rest).root != nil, let key = Self.key(of: lines[part.lowerBound]) else { continue }
            (self.key, self.rest) = (key, rest)
            return
        }
        return nil
    }

    /// The sections that the broken key would fill.
    var sections: Set<Configuration.Section> {
        typealias Fields = ConfigurationFields
        return switch key {
        case Fields.listen.key, Fields.forwardAuth.key: [.listeners]
        case Fields.admin.key, Fields.adminHosts.key: [.admin]
        case Fields.access.key: [.access]
        case Fields.stores.key: [.stores, .store, .tokens]
        case Fields.store.key, Fields.storeRefresh.key, Fields.storeMaxStale.key: [.store]
        case Fields.tokens.key, Fields.state.key: [.tokens]
        case Fields.audit.key: [.audit]
        case Fields.limits.key: [.limits]
        case Fields.reload.key: [.reload]
        case Fields.log.key: [.log]
        case Fields.telemetry.key: [.telemetry]
        case Fields.routes.key: [.routes]
        // An unknown key fills no section.
        case _: []
        }
    }

    /// Parts before the line come first: what is noticed there began in them.
    private static func distance(_ part: Range<Int>, _ line: Int) -> Int {
        if part.contains(line) { return 0 }
        return part.lowerBound > line ? (part.lowerBound - line) * 2 + 1 : (line - part.upperBound + 1) * 2
    }

    /// The key that begins on a line of the block style.
    private static func key(of line: ArraySlice<UInt8>) -> String? {
        guard let first = line.first, let colon = line.firstIndex(of: UInt8(ascii: ":")),
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= first || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= first
                || first == UInt8(ascii: "\"") || first == UInt8(ascii: "'")
        else { return nil }
        let quotes = [UInt8(ascii: "\""), UInt8(ascii: "'")]
        return String(decoding: line[..<colon].filter { !quotes.contains($0) }, as: UTF8.self)
    }
}
