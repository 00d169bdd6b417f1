package import GatehouseCore

/// The URL of a PostgreSQL database: `postgres://user@host:port/database?options`, with the password when a variable gave one.
package struct PostgresURL: Equatable, Sendable, CustomStringConvertible {
    /// The whole URL, for libpq alone.
    package let secret: Secret
    /// The URL without password and options.
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
        // libpq ends user and password at the first '@' and the server at the first '/': with another behind it, it would take a part
        // of the password for the name of a server, ask the resolver for it and print it.
        guard at == nil || place.firstIndex(where: { $0 == "@" || $0 == "/" }) == at else {
            throw InvalidValue(
                "the user or password of a database URL holds an '@' or a '/'",
                suggestion: "percent-encode it, %40 or %2F, or give the password by a variable of its own"
            )
        }
        let user = at.map { place[..<$0].prefix { $0 != ":" } + "@" } ?? ""
        let server = at.map { place[place.index(after: $0)...] } ?? place
        secret = Secret(text)
        description = "\(scheme)://\(user)\(server)"
    }

    /// Substitutes variables. Where user and password are written apart, a variable's value is percent-encoded (RFC 3986 section 3.2.1), so that no
    /// character of it ends them; everywhere else it is taken unchanged.
    static func substitute(
        _ written: String,
        _ environment: Environment
    ) throws(Substitution.Failure) -> Substitution {
        guard let (scheme, rest) = split(written), let colon = passwordColon(rest),
            let at = rest.prefix(while: { $0 != "?" }).lastIndex(of: "@")
        else { return try Substitution(written, environment) }
        return Substitution([
            try Substitution("\(scheme)://", environment),
            try Substitution(String(rest[..<colon]), environment, encode: encode),
            try Substitution(String(rest[colon..<at]), environment, encode: encode),
            try Substitution(String(rest[at...]), environment),
        ])
    }

    private static func encode(_ value: String) -> String {
        var encoded = ""
        for byte in value.utf8 {
            switch byte {
            // Unreserved (RFC 3986 section 2.3).
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            case _:
                let digits = Array("0123456789ABCDEF")
                encoded += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return encoded
    }

    /// The ':' between user and password in the text behind the scheme, as it is written.
    private static func passwordColon(_ rest: Substring) -> String.Index? {
        let place = rest.prefix { $0 != "?" }
        guard let at = place.lastIndex(of: "@") else { return nil }
        // The first ':' after any variable: the one of ${USER:-default} separates nothing.
        var depth = 0
        var index = place.startIndex
        while index < at {
            switch place[index] {
            case "{": depth += 1
            case "}": depth -= 1
            case ":" where depth <= 0: return index
            case _: break
            }
            index = place.index(after: index)
        }
        return nil
    }

    /// Whether the text, as it stands in the file, holds a password that no variable gives.
    static func hasLiteralPassword(_ written: String) -> Bool {
        guard let (_, rest) = split(written) else {
            // The text is no URL, or a variable gives it whole or in part: look for a password with a literal default.
            return literal(written[...]) && written.contains("@")
        }
        let query = rest.firstIndex(of: "?").map { rest[$0...].dropFirst() } ?? ""
        for option in query.split(separator: "&") {
            let name = option.prefix { $0 != "=" }
            if name == "password" || name == "sslpassword", literal(option.dropFirst(name.count + 1)) { return true }
        }
        let place = rest.prefix { $0 != "?" }
        guard let colon = passwordColon(rest), let at = place.lastIndex(of: "@") else { return false }
        return literal(place[place.index(after: colon)..<at])
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
