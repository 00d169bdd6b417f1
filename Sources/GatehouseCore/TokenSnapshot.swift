/// The upstream tokens as requests see them: immutable, replaced whole by a refresh, a rotation or a reload.
package struct TokenSnapshot: Sendable {
    package let tokens: [TokenName: TokenValue]
    /// When the store was last read in full; nil before the first time.
    package let readAt: Timestamp?
    /// The names of those that renew themselves, whether or not there is one now.
    package let renewed: Set<TokenName>
    /// Those of which each caller has an own one.
    package let personal: PersonalNames
    /// Versions that were served before the present ones, which an upstream may still know.
    private let former: FormerTokens

    /// The names of tokens of which each caller has an own one.
    package struct PersonalNames: Sendable {
        /// For each, whether what operators have set serves who has none.
        package let fallsBack: [TokenName: Bool]
        /// Where people connect theirs, on the route's host.
        package let path: PathPrefix

        package init(_ fallsBack: [TokenName: Bool] = [:], path: PathPrefix = .root) {
            self.fallsBack = fallsBack
            self.path = path
        }
    }

    package init(
        tokens: [TokenName: TokenValue] = [:],
        readAt: Timestamp? = nil,
        renewed: Set<TokenName> = [],
        personal: PersonalNames = PersonalNames(),
        former: FormerTokens = FormerTokens()
    ) {
        self.tokens = tokens
        self.readAt = readAt
        self.renewed = renewed
        self.personal = personal
        self.former = former
    }

    /// The present version of a token, and those before it.
    package func versions(of name: TokenName) -> [TokenValue] {
        (tokens[name].map { [$0] } ?? []) + former.versions(of: name)
    }

    package func following(_ former: FormerTokens) -> TokenSnapshot {
        TokenSnapshot(tokens: tokens, readAt: readAt, renewed: renewed, personal: personal, former: former)
    }

    /// With those of which each caller has an own one: what operators have set under such a name serves only where it is to.
    package func personal(_ names: PersonalNames) -> TokenSnapshot {
        guard !names.fallsBack.isEmpty else { return self }
        return TokenSnapshot(
            tokens: tokens.filter { names.fallsBack[$0.key] ?? true },
            readAt: readAt,
            renewed: renewed,
            personal: names,
            former: former
        )
    }

    /// With those that renew themselves. What the store has under such a name is what the renewal begins with, and is sent to no upstream.
    package func renewing(_ names: Set<TokenName>, _ values: [TokenName: TokenValue]) -> TokenSnapshot {
        guard !names.isEmpty else { return self }
        var tokens = tokens
        for name in names { tokens[name] = values[name] }
        return TokenSnapshot(tokens: tokens, readAt: readAt, renewed: names, personal: personal, former: former)
    }
}

/// One version of one token: header-safe, never empty.
package struct TokenValue: Sendable, Equatable {
    package let secret: Secret
    /// Counts from 1; for stores without versions always 1.
    package let version: Int

    /// Bytes of a value; longer ones are refused.
    package static let maximumLength = 8192

    /// - Throws: ``InvalidValue`` when the value could not be sent in a header: empty, over 8 KiB, a control byte or a
    ///   byte beyond ASCII, a space at either end; or when it is the text that Infisical answers in place of a value that the
    ///   reader may not see.
    package init(validating secret: Secret, version: Int) throws(InvalidValue) {
        if let problem = secret.withUnsafeBytes(Self.problem) { throw InvalidValue(problem) }
        self.secret = secret
        self.version = version
    }

    private static func problem(_ bytes: UnsafeRawBufferPointer) -> String? {
        if bytes.isEmpty { return "the token is empty" }
        if bytes.count > maximumLength { return "the token is longer than \(maximumLength) bytes" }
        if bytes.elementsEqual("<hidden-by-infisical>".utf8) {
            return "the store hides the value (<hidden-by-infisical>): the identity may not read it"
        }
        for byte in bytes where byte < 0x20 || byte >= 0x7F {
            return "the token has a control character or a byte beyond ASCII, which no header may carry"
        }
        if bytes.first == 0x20 || bytes.last == 0x20 { return "the token starts or ends with a space" }
        return nil
    }
}
