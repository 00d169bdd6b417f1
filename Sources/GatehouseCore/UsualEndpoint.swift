/// The paths on which a server is assumed to speak MCP when its route has no `mcp.paths`.
///
/// A caller whom grants limit may write to these paths and no others: a REST API beside MCP acts on every `POST`, whatever its body says, and on a
/// `DELETE`, whatever session it names.
package enum UsualEndpoint: Equatable, Sendable {
    /// An endpoint of streamable HTTP.
    case endpoint
    /// The path to which a client of the legacy transport posts messages, each with the session that it belongs to. REST has words like these, too.
    case messages

    /// - Parameter rest: what follows the route's prefix in a path: empty, or starting with `/`. Nil where no MCP is to be expected.
    package init?(_ rest: UnsafeRawBufferPointer) {
        let segments = rest.split(separator: 0x2F)
        guard let first = segments.first, let last = segments.last else {
            // The route itself names the place.
            self = .endpoint
            return
        }
        if Self.names(first, "mcp") || Self.equals(last, "mcp") || Self.equals(last, "sse") {
            self = .endpoint
        } else if segments.suffix(2).contains(where: { Self.equals($0, "messages") || Self.equals($0, "message") }) {
            self = .messages
        } else {
            return nil
        }
    }

    /// Whether a word of a segment is this one: `mcp_server`, `mcp-test`.
    private static func names(_ segment: Slice<UnsafeRawBufferPointer>, _ word: StaticString) -> Bool {
        segment.split { $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }.contains { equals($0, word) }
    }

    /// Compares without regard to case: a server that ignores case finds the same place, and another has nothing there.
    private static func equals(_ segment: Slice<UnsafeRawBufferPointer>, _ word: StaticString) -> Bool {
        let word = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        return segment.elementsEqual(word) { $0.lowercasedASCII == $1 }
    }
}
