internal import GatehouseCore

/// The lines that tell a browser about one origin that a route admits, rendered once (Fetch standard, CORS protocol).
///
/// The origin is named and never `*`: a browser that carries the session of Access takes no other answer.
struct CrossOrigin: Sendable {
    /// The lines of every answer to a page of that origin, refusals too: without them the page would not see the status.
    let lines: [UInt8]
    private let origin: String

    init(_ origin: Origin) {
        self.origin = origin.text
        lines = Array(
            (Self.grant(origin.text) + "Access-Control-Expose-Headers: \(Self.exposed)\r\nVary: Origin\r\n").utf8
        )
    }

    /// The fields that pages may read beyond those that any page may.
    private static let exposed = "Mcp-Session-Id, Mcp-Protocol-Version, WWW-Authenticate, Retry-After, X-Request-Id"
    private static let methods = "GET, POST, DELETE, HEAD, OPTIONS"
    /// The allowed request fields when the browser asks for none, or for too many to repeat.
    private static let fields =
        "Accept, Authorization, Content-Type, Last-Event-Id, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, Mcp-Session-Id"
    /// Bytes of asked-for field names that are repeated.
    static let repeatedFields = 1024

    private static func grant(_ origin: String) -> String {
        "Access-Control-Allow-Origin: \(origin)\r\nAccess-Control-Allow-Credentials: true\r\n"
    }

    /// The lines that answer a preflight.
    ///
    /// - Parameter asked: `Access-Control-Request-Headers`. An origin that is admitted may send any field: what must not go upstream is
    ///   stripped there.
    func preflight(asked: UnsafeRawBufferPointer) -> [UInt8] {
        Array(
            (Self.grant(origin) + Self.preflight(asked: asked) + "Vary: Origin, Access-Control-Request-Headers\r\n")
                .utf8
        )
    }

    /// The same for a document that everyone may read.
    static func publicPreflight(asked: UnsafeRawBufferPointer) -> [UInt8] {
        Array((publicGrant + preflight(asked: asked)).utf8)
    }

    static let publicGrant = "Access-Control-Allow-Origin: *\r\n"

    private static func preflight(asked: UnsafeRawBufferPointer) -> String {
        let isRepeatable =
            !asked.isEmpty && asked.count <= repeatedFields
            && asked.allSatisfy { TokenCharacters.contains($0) || $0 == 0x2C || $0 == 0x20 }
        let fields = isRepeatable ? String(decoding: asked, as: UTF8.self) : fields
        return """
            Access-Control-Allow-Methods: \(methods)\r
            Access-Control-Allow-Headers: \(fields)\r
            Access-Control-Max-Age: \(CORS.preflightAge)\r

            """
    }
}
