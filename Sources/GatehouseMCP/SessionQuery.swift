internal import GatehouseCore

/// Finds the session of the legacy HTTP+SSE transport in a query: `session_id` (Python), `sessionId` (TypeScript, Java), `sessionid` (Go),
/// `mcp-session-id` or `transportId`, in whatever case and with whatever stands between the words.
package enum SessionQuery {
    package enum Found: Equatable, Sendable {
        case none
        /// The position of the one value in the query.
        case one(Range<Int>)
        /// Twice, or under a name or value that one reader decodes and another does not.
        case ambiguous
    }

    /// The names in their normal form: letters and digits alone, in lower case.
    private static let names: [StaticString] = ["sessionid", "mcpsessionid", "transportid"]

    /// `;` separates too: some servers still read it so.
    package static func find(in query: UnsafeRawBufferPointer) -> Found {
        var found = Found.none
        var start = 0
        while start <= query.count {
            var end = start
            while end < query.count, query[end] != 0x26, query[end] != 0x3B { end += 1 }
            let mark = query[start..<end].firstIndex(of: 0x3D) ?? end
            if let isPlain = session(query[start..<mark]) {
                let value = min(mark + 1, end)..<end
                guard isPlain, found == .none, !value.contains(where: { query[$0] == 0x25 || query[$0] == 0x2B }) else {
                    return .ambiguous
                }
                found = .one(value)
            }
            start = end + 1
        }
        return found
    }

    /// Whether the name of a parameter, which some reader takes for a session's, is written plainly: `_`, `-` and letters of either case. Nil for
    /// another name.
    ///
    /// PHP reads white space and dots as `_`, an opening bracket as the beginning of an array's index, and C a NUL as the end.
    private static func session(_ name: Slice<UnsafeRawBufferPointer>) -> Bool? {
        guard (9...maximumName).contains(name.count) else { return nil }
        var normal: [UInt8] = []
        var isPlain = true
        var isEnded = false
        var at = name.startIndex
        while at < name.endIndex {
            var byte = name[at]
            at += 1
            if byte == 0x25, at + 1 < name.endIndex, let high = name[at].hexValue, let low = name[at + 1].hexValue {
                byte = high << 4 | low
                at += 2
                isPlain = false
            }
            if byte.isASCIILetter || byte.isASCIIDigit {
                normal.append(byte.lowercasedASCII)
            } else if byte == 0x5B || byte == 0x00 {
                isPlain = false
                if isSession(normal) { isEnded = true }
            } else if byte != 0x5F && byte != 0x2D {
                isPlain = false
            }
        }
        return isEnded || isSession(normal) ? isPlain : nil
    }

    /// Bytes of a name that is looked at: the longest with each byte encoded, and as much again between them. A longer one is no spelling seen anywhere.
    private static let maximumName = 72

    private static func isSession(_ normal: [UInt8]) -> Bool {
        names.contains { name in
            normal.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        }
    }
}
