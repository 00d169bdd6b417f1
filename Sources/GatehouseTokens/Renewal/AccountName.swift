internal import GatehouseCore

/// The name of an account at a vendor, shown to its owner and to operators: of what a server says, only what a line of text may hold.
enum AccountName {
    /// Bytes of a name; a longer one is none.
    static let maximumLength = 200
    /// Claims that name somebody (OpenID Connect Core 1.0 section 5.1), the best first.
    private static let claims = ["email", "preferred_username", "name"]

    /// The name in the claims of `userinfo`, or of an ID token.
    static func named(by claims: JSONValue) -> String? {
        self.claims.lazy.compactMap { claims[$0]?.text }.first(where: isPlain)
    }

    /// The name in an ID token, whose signature need not be checked: it came from the token endpoint itself over TLS (section 3.1.3.7). Nothing but
    /// the words on a page depends on it.
    static func named(byToken text: String) -> String? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Array(parts[1].utf8).withUnsafeBytes({ Base64URL.decode($0) }),
            let claims = JSONValue(parsing: bytes)
        else { return nil }
        return named(by: claims)
    }

    private static func isPlain(_ text: String) -> Bool {
        (1...maximumLength).contains(text.utf8.count) && text.unicodeScalars.allSatisfy { !$0.isInvisible }
    }
}
