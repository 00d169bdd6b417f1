package import GatehouseCore

/// Where a PostgreSQL database is: `postgres://user@host:port/database?options`, with the password when a variable gave one.
package struct PostgresURL: Equatable, Sendable, CustomStringConvertible {
    /// The whole URL, for libpq alone.
    package let secret: Secret
    /// Without password and options.
    package let description: String

    /// - Throws: ``InvalidValue``, never repeating the text, for anything but a `postgres` or `postgresql` URL.
    package init(parsing text: String) throws(InvalidValue) {
        guard let (scheme, rest) = Self.split(text) else {
            throw InvalidValue(
                "a database URL starts with postgres://",
                suggestion: "postgres://user@host:5432/database"
            )
        }
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw InvalidValue(
                "a database URL has no space and no control character",
                suggestion: "percent-encode it: %20"
            )
        }
        let place = rest.prefix { $0 != "?" && $0 != "#" }
        let at = place.lastIndex(of: "@")
        let user = at.map { place[..<$0].prefix { $0 != ":" } + "@" } ?? ""
        let server = at.map { place[place.index(after: $0)...] } ?? place
        secret = Secret(text)
        description = "\(scheme)://\(user)\(server)"
    }

    /// Whether the text, as it stands in the file, holds a password that no variable gives.
    static func hasLiteralPassword(_ written: String) -> Bool {
        guard let (_, rest) = split(written) else {
            // Not a URL, or one that a variable gives whole or in part: look for a password with a literal default.
            return literal(written[...]) && written.contains("@")
        }
        let query = rest.firstIndex(of: "?").map { rest[$0...].dropFirst() } ?? ""
        for option in query.split(separator: "&") {
            let name = option.prefix { $0 != "=" }
            if name == "password" || name == "sslpassword", literal(option.dropFirst(name.count + 1)) { return true }
        }
        let place = rest.prefix { $0 != "?" }
        guard let at = place.lastIndex(of: "@") else { return false }
        // The first ':' after any variable: the one of ${USER:-default} separates nothing.
        var depth = 0
        var index = place.startIndex
        while index < at {
            switch place[index] {
            case "{": depth += 1
            case "}": depth -= 1
            case ":" where depth <= 0: return literal(place[place.index(after: index)..<at])
            case _: break
            }
            index = place.index(after: index)
        }
        return false
    }

    private static func split(_ text: String) -> (scheme: String, rest: Substring)? {
        for scheme in ["postgres", "postgresql"] where text.hasPrefix("\(scheme)://") {
            return (scheme, text.dropFirst(scheme.count + 3))
        }
        return nil
    }

    /// Whether anything but `${NAME}` stands here: a default is a literal, too.
    private static func literal(_ text: Substring) -> Bool {
        var rest = text
        while rest.hasPrefix("${"), let close = rest.firstIndex(of: "}") {
            if rest[..<close].contains(":-"), !rest[..<close].hasSuffix(":-") { return true }
            rest = rest[close...].dropFirst()
        }
        return !rest.isEmpty
    }
}
