internal import GatehouseCore
internal import GatehouseMCP

/// The fields in the head of a request on an MCP route that the gate looks at.
struct GatedFields {
    struct Sessions {
        /// The value of `Mcp-Session-Id`.
        var field: ByteRange?
        /// The value of the legacy transport's query parameter.
        var query: ByteRange?
    }

    /// Nil when a session is named twice, or so that two readers could find different ones.
    var sessions: Sessions? = Sessions()
    var version: ByteRange?
    var isVersionRepeated = false
    /// Empty when the field stands twice, which agrees with nothing.
    var method: ByteRange?
    var name: ByteRange?
    /// Nil also when the field stands twice.
    var lastEvent: ByteRange?
    var hasLastEvent = false
    /// Whether the body's bytes are JSON text as they stand: neither compressed nor in another encoding than UTF-8, in which the
    /// upstream would read something else.
    var isPlainBody = true

    init(_ head: RequestHead, _ bytes: Span<UInt8>) {
        switch head.occurrence(of: .mcpSessionID, in: bytes) {
        case .missing: break
        case .one(let value): sessions?.field = value
        // An id may hold a comma (any visible ASCII); the field may not stand twice.
        case .duplicate:
            if let value = Self.only(.mcpSessionID, head) { sessions?.field = value } else { sessions = nil }
        }
        if let query = head.query, let range = Self.session(in: query, bytes) {
            switch range {
            case .none: break
            case .one(let value):
                sessions?.query = ByteRange(query.lower + value.lowerBound, query.lower + value.upperBound)
            case .ambiguous: sessions = nil
            }
        }
        switch head.occurrence(of: .mcpProtocolVersion, in: bytes) {
        case .missing: break
        case .one(let value): version = value
        case .duplicate: isVersionRepeated = true
        }
        switch head.occurrence(of: .mcpMethod, in: bytes) {
        case .missing: break
        case .one(let value): method = value
        case .duplicate: method = ByteRange(0, 0)
        }
        // The fields here whose value may hold a comma: a URI, an id of the server's own making.
        if head.has(.mcpName) { name = Self.only(.mcpName, head) ?? ByteRange(0, 0) }
        lastEvent = Self.only(.lastEventID, head)
        hasLastEvent = head.has(.lastEventID)
        if head.isEncoded(bytes) { isPlainBody = false }
        switch head.occurrence(of: .contentType, in: bytes) {
        case .missing: break
        case .one(let type): if !Self.isUTF8(type, bytes) { isPlainBody = false }
        case .duplicate: isPlainBody = false
        }
    }

    private static func only(_ known: KnownField, _ head: RequestHead) -> ByteRange? {
        guard head.has(known) else { return nil }
        var found: ByteRange?
        for field in head.fields where field.known == known && !field.isNominated {
            guard found == nil else { return nil }
            found = field.value
        }
        return found
    }

    private static func session(in query: ByteRange, _ bytes: Span<UInt8>) -> SessionQuery.Found? {
        bytes.withBytes(query) { SessionQuery.find(in: $0) }
    }

    /// Whether a media type names no charset, or names UTF-8 or a part of it once.
    private static func isUTF8(_ type: ByteRange, _ bytes: Span<UInt8>) -> Bool {
        var at = ByteScan.first(0x3B, bytes, from: type.lower, to: type.upper)
        var found = 0
        while at + 7 <= type.upper {
            guard bytes.equalsIgnoringCase(ByteRange(at, at + 7), "charset") else {
                at += 1
                continue
            }
            found += 1
            at += 7
            while at < type.upper, bytes[at] == 0x20 || bytes[at] == 0x3D || bytes[at] == 0x22 { at += 1 }
            let end = ByteScan.first(0x3B, bytes, from: at, to: type.upper)
            var upper = end
            while upper > at, bytes[upper - 1] == 0x20 || bytes[upper - 1] == 0x22 { upper -= 1 }
            let name = ByteRange(at, upper)
            guard
                bytes.equalsIgnoringCase(name, "utf-8") || bytes.equalsIgnoringCase(name, "utf8")
                    || bytes.equalsIgnoringCase(name, "us-ascii")
            else { return false }
            at = end
        }
        return found <= 1
    }
}
