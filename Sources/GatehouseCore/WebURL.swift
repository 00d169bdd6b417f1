/// An absolute `http` or `https` URL that Gatehouse itself asks: no user information and no fragment, so that it may be
/// logged.
package struct WebURL: Hashable, Sendable, CustomStringConvertible {
    /// The URL as it was written.
    package let text: String
    package let isSecure: Bool
    /// The host in lower case, an IPv6 address without its brackets.
    package let host: String
    package let port: Int
    /// The path with the query; empty when there is none.
    package let target: String

    package static let maximumLength = 2048

    package init(parsing text: String) throws(InvalidValue) {
        let rest: Substring
        if text.hasPrefix("https://") {
            isSecure = true
            rest = text.dropFirst(8)
        } else if text.hasPrefix("http://") {
            isSecure = false
            rest = text.dropFirst(7)
        } else {
            throw InvalidValue("a URL starts with https:// or http://")
        }
        guard text.utf8.count <= Self.maximumLength else {
            throw InvalidValue("a URL is at most \(Self.maximumLength) bytes long")
        }
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x5C && $0 != 0x22 }) else {
            throw InvalidValue("a URL has no space, control character, backslash or letter beyond ASCII")
        }
        guard !rest.contains("#") else { throw InvalidValue("a URL here has no fragment ('#')") }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard !rest[..<end].contains("@") else { throw InvalidValue("a URL here has no user information ('@')") }
        let authority = rest[..<end]
        var name = authority
        var port = isSecure ? 443 : 80
        let bracket = authority.lastIndex(of: "]") ?? authority.startIndex
        if let colon = authority[bracket...].lastIndex(of: ":") {
            let digits = authority[authority.index(after: colon)...]
            guard digits.utf8.allSatisfy(\.isASCIIDigit), let number = Int(digits), (1...65_535).contains(number) else {
                throw InvalidValue("a URL's port is a number from 1 to 65535")
            }
            name = authority[..<colon]
            port = number
        }
        let host = try Host(parsing: String(name)).name
        self.text = text
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        self.port = port
        target = String(rest[end...])
    }

    /// A URL whose answers are trusted: `https`, or on this machine.
    package init(trusted text: String) throws(InvalidValue) {
        try self.init(parsing: text)
        guard isSecure || Loopback.contains(host) else {
            throw InvalidValue(
                "this URL must be https: over http anyone on the way could answer",
                suggestion: "https://\(text.dropFirst(7))"
            )
        }
    }

    /// Whether the host is an address, in any form that a resolver takes for one: it ends in a number then.
    package var hasAddress: Bool {
        if host.contains(":") { return true }
        let last = host.split(separator: ".").last ?? ""
        return last.utf8.first.map(\.isASCIIDigit) ?? false
    }

    /// The URL without its path.
    package var origin: String { String(text.dropLast(target.utf8.count)) }

    /// The place of a document about it: a well-known path stands between the host and the path (RFC 8414 section 3.1, RFC 9728 section 3.1).
    package func wellKnown(_ path: String) -> String { origin + path + (target == "/" ? "" : target) }

    package var description: String { text }
}
