internal import GatehouseCore

/// The URL at which an issuer publishes its signing keys: `https` only, because the server there decides who is let in. `http` is accepted for
/// loopback hosts alone, for tests and demonstrations.
public struct SigningKeysURL: Hashable, Sendable, CustomStringConvertible {
    /// The longest URL, in bytes.
    public static let maximumBytes = 2048

    public let text: String

    /// - Throws: `.invalidURL`, saying what is wrong.
    public init(_ text: String) throws(AccessIdentityError) {
        func invalid(_ why: String) -> AccessIdentityError {
            AccessIdentityError(.invalidURL, "the URL of the keys \(why)")
        }
        guard text.utf8.count <= Self.maximumBytes else { throw invalid("is longer than \(Self.maximumBytes) bytes") }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x5C && $0 != 0x22 }) else {
            throw invalid("has a space, a control character, a quote, a backslash or something beyond ASCII")
        }
        let lower = text.lowercasedASCII()
        let isSecure = lower.hasPrefix("https://")
        guard isSecure || lower.hasPrefix("http://") else { throw invalid("does not start with https://") }
        let rest = text.dropFirst(isSecure ? 8 : 7)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !rest.contains("#") else { throw invalid("has a fragment") }
        guard !authority.contains("@") else { throw invalid("has a user name") }
        guard let host = Self.host(of: authority) else { throw invalid("has no valid host and port") }
        guard isSecure || Self.isLoopback(host) else { throw invalid("is http: only a loopback host may be") }
        self.text = text
    }

    /// The URL of Access for this issuer's keys: `<issuer>/cdn-cgi/access/certs`.
    public init(issuer: String) throws(AccessIdentityError) {
        try self.init((issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer) + "/cdn-cgi/access/certs")
    }

    public var description: String { text }

    /// The host in lower case, without brackets; nil when the authority is not a host with an optional port.
    private static func host(of authority: Substring) -> String? {
        let isBracketed = authority.hasPrefix("[")
        let host: Substring
        var port: Substring
        if isBracketed {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<end]
            port = authority[authority.index(after: end)...]
            guard host.utf8.allSatisfy({ $0.isHexDigit || $0 == 0x3A || $0 == 0x2E }) else { return nil }
        } else {
            host = authority.prefix { $0 != ":" }
            port = authority[host.endIndex...]
            guard host.utf8.allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x2D || $0 == 0x2E }) else {
                return nil
            }
        }
        guard !host.isEmpty, host.first != "." else { return nil }
        if !port.isEmpty {
            guard port.removeFirst() == ":", port.utf8.count <= 5, port.utf8.allSatisfy(\.isASCIIDigit),
                let number = Int(port),
                (1...65535).contains(number)
            else { return nil }
        }
        return String(host).lowercasedASCII()
    }

    /// `localhost`, `::1`, or an address of 127.0.0.0/8 in full; a name that only resembles one is none.
    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(\.isASCIIDigit) && (Int($0) ?? 256) < 256 }
    }
}
