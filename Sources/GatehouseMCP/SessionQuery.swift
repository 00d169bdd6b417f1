internal import GatehouseCore

/// Finds the session of the legacy HTTP+SSE transport in a query: `session_id` (Python), `sessionId` (TypeScript, Java), `sessionid` (Go)
/// or `transportId`.
package enum SessionQuery {
    package enum Found: Equatable, Sendable {
        case none
        /// Where the value stands in the query.
        case one(Range<Int>)
        /// Twice, or under a name or value that one reader decodes and another does not.
        case ambiguous
    }

    private static let names: [StaticString] = ["session_id", "sessionId", "sessionid", "transportId"]

    /// `;` separates too: some servers still read it so.
    package static func find(in query: UnsafeRawBufferPointer) -> Found {
        var found = Found.none
        var start = 0
        while start <= query.count {
            var end = start
            while end < query.count, query[end] != 0x26, query[end] != 0x3B { end += 1 }
            switch parameter(query, start, end) {
            case .none: break
            case .one(let value): found = found == .none ? .one(value) : .ambiguous
            case .ambiguous: return .ambiguous
            }
            start = end + 1
        }
        return found
    }

    private static func parameter(_ query: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Found {
        var isOther = false
        for name in names {
            guard let (after, isExact) = match(name, query, start, end) else { continue }
            guard isExact else {
                isOther = true
                continue
            }
            let value = min(after + 1, end)..<end
            return value.contains { query[$0] == 0x25 || query[$0] == 0x2B } ? .ambiguous : .one(value)
        }
        return isOther ? .ambiguous : .none
    }

    /// The end of the name, nil when it is another; exact when it is written without escapes and in its own case.
    private static func match(
        _ name: StaticString,
        _ query: UnsafeRawBufferPointer,
        _ start: Int,
        _ end: Int
    ) -> (end: Int, isExact: Bool)? {
        var at = start
        var isExact = true
        for index in 0..<name.utf8CodeUnitCount {
            guard at < end else { return nil }
            var byte = query[at]
            at += 1
            if byte == 0x25, at + 1 < end, let high = query[at].hexValue, let low = query[at + 1].hexValue {
                byte = high << 4 | low
                at += 2
                isExact = false
            }
            let expected = name.utf8Start[index]
            guard byte.lowercasedASCII == expected.lowercasedASCII else { return nil }
            if byte != expected { isExact = false }
        }
        return at == end || query[at] == 0x3D ? (at, isExact) : nil
    }
}
