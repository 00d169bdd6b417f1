package import GatehouseCore

/// The signer of assertions: the `iss` claim, compared exactly, and the beginning of `certs_url`.
package struct Issuer: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    private init(unchecked text: String) { self.text = text }

    package init(parsing text: String) throws(InvalidValue) {
        let url = try WebURL(trusted: text)
        guard !url.target.contains("?") else { throw InvalidValue("an issuer has no query") }
        guard !text.hasSuffix("/") else {
            throw InvalidValue(
                "an issuer ends without '/': assertions carry it so, and it is compared exactly",
                suggestion: String(text.dropLast())
            )
        }
        self.text = text
    }

    /// The domain behind a team's name.
    private static let domain = ".cloudflareaccess.com"

    /// Whether Access itself signs.
    var isAccess: Bool { text.hasSuffix(Self.domain) }

    /// The issuer of an Access team: `https://TEAM.cloudflareaccess.com`.
    package init(team: String) throws(InvalidValue) {
        let domain = Self.domain
        guard (1...63).contains(team.utf8.count),
            team.utf8.allSatisfy({
                $0 | 0x20 == $0.lowercasedASCII && $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x2D
            }),
            team.utf8.first != 0x2D, team.utf8.last != 0x2D
        else {
            let name = team.hasSuffix(domain) ? String(team.dropLast(domain.count)) : team
            let bare = name.hasPrefix("https://") ? String(name.dropFirst(8)) : name
            throw InvalidValue(
                "a team is the first label of its Access host: letters, digits and '-'",
                suggestion: bare != team ? bare : nil
            )
        }
        self.init(unchecked: "https://\(team.lowercasedASCII())\(domain)")
    }

    package var description: String { text }
}
