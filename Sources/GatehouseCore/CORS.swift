/// Which other sites' pages may call a route from a browser: the route's `cors`.
package struct CORS: Hashable, Sendable {
    /// Origins of one route; more are an error.
    package static let maximumOrigins = 64
    /// How long a browser may keep the answer to a preflight, in seconds.
    package static let preflightAge = 600

    package let origins: [Origin]

    package init(origins: [Origin]) { self.origins = origins }

    /// The position in ``origins`` of what a request says.
    package func position(of origin: UnsafeRawBufferPointer) -> Int? {
        origins.firstIndex { $0.text.utf8.elementsEqual(origin) }
    }
}

/// The origin of a page as browsers send it: `https://host`, with a port where it is not the scheme's own (RFC 6454 section 6.2).
package struct Origin: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init(parsing raw: String) throws(InvalidValue) {
        let (scheme, port): (String, String)
        if raw.hasPrefix("https://") {
            (scheme, port) = ("https://", ":443")
        } else if raw.hasPrefix("http://") {
            (scheme, port) = ("http://", ":80")
        } else if raw == "*" {
            throw InvalidValue(
                "every origin is none: each page in the world could use its visitor's session",
                suggestion: "https://app.example.com"
            )
        } else {
            throw InvalidValue("an origin is a scheme and a host", suggestion: "https://app.example.com")
        }
        let rest = raw.dropFirst(scheme.utf8.count)
        let bracket = rest.lastIndex(of: "]") ?? rest.startIndex
        let colon = rest[bracket...].lastIndex(of: ":")
        let host: Host
        if rest.contains("/") {
            throw InvalidValue(
                "an origin has no path",
                suggestion: scheme + rest.prefix { $0 != "/" }
            )
        } else {
            host = try Host(parsing: String(rest[..<(colon ?? rest.endIndex)]))
        }
        let given = colon.map { String(rest[$0...]) } ?? ""
        guard given.isEmpty || Self.isPort(given.dropFirst()) else {
            throw InvalidValue("an origin's port is a number from 1 to 65535")
        }
        // What browsers would send: they leave the scheme's own port out.
        text = scheme + host.name + (given == port ? "" : given)
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.allSatisfy(\.isASCIIDigit) && text.utf8.first != 0x30
            && Int(text).map { (1...65_535).contains($0) } ?? false
    }

    package var description: String { text }
}
