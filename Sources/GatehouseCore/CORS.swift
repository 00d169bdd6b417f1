/// The sites whose pages may call a route from a browser: the route's `cors`.
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

/// The origin of a page as browsers send it: `https://host`, with a port where it is not the scheme's own (RFC 6454 section 6.2). Pages of
/// programs have schemes of their own: `chrome-extension://ID`, `vscode-file://vscode-app`, `app://NAME`.
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
            text = try Self.ofProgram(raw)
            return
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
        // Browsers leave the scheme's default port out of `Origin`, so it is left out here.
        text = scheme + host.name + (given == port ? "" : given)
    }

    /// The origin of a program, kept as it is written: such an origin is compared byte for byte, and nothing in it has a default.
    private static func ofProgram(_ raw: String) throws(InvalidValue) -> String {
        let scheme = raw.utf8.prefix { $0 != 0x3A }
        let host = raw.utf8.dropFirst(scheme.count + 3)
        guard let first = scheme.first, (0x61...0x7A).contains(first),
            raw.utf8.dropFirst(scheme.count).starts(with: "://".utf8),
            // RFC 3986 section 3.1, in the small letters that browsers send.
            scheme.allSatisfy({
                (0x61...0x7A).contains($0) || $0.isASCIIDigit || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E
            }),
            !host.isEmpty, raw.utf8.count <= 255
        else { throw InvalidValue("an origin is a scheme and a host", suggestion: "https://app.example.com") }
        guard !["file", "data", "blob", "javascript", "about"].contains(String(Substring(scheme))) else {
            throw InvalidValue("browsers send the origin of such a page as 'null', which any page can have")
        }
        guard host.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"/?#@\\\"".utf8.contains($0) }) else {
            throw InvalidValue("an origin has no path, and its host no such character", suggestion: "app://name")
        }
        return raw
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.allSatisfy(\.isASCIIDigit) && text.utf8.first != 0x30
            && Int(text).map { (1...65_535).contains($0) } ?? false
    }

    package var description: String { text }
}
