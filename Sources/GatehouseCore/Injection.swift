/// One header field that a route sets on the upstream request: a name and a template for its value.
package struct Injection: Hashable, Sendable {
    package let name: HeaderName
    package let value: Template

    package init(name: HeaderName, value: Template) {
        self.name = name
        self.value = value
    }

    /// A value with placeholders: `{token}` `{token:NAME}` `{email}` `{subject}` `{principal}` `{assertion}` `{claim:PATH}`.
    package struct Template: Hashable, Sendable {
        package enum Part: Hashable, Sendable {
            case literal(String)
            case token(TokenName)
            /// The caller's e-mail address; empty for a service token.
            case email
            case subject
            /// The caller's name, whatever its kind.
            case principal
            /// The assertion that established the caller, as it came; empty for a break-glass credential.
            case assertion
            /// A claim of the assertion. The request of a caller without it is refused.
            case claim(MemberPath)
        }

        /// The placeholders, as a hint lists them.
        package static let placeholders = "{token} {token:NAME} {email} {subject} {principal} {assertion} {claim:PATH}"

        package let parts: [Part]

        /// One placeholder and nothing else.
        init(_ part: Part) { parts = [part] }

        /// - Parameter ownToken: what a bare `{token}` means: the token named like the route.
        /// - Throws: ``InvalidValue`` for an unknown placeholder, an unclosed brace, a control byte, or empty text.
        package init(parsing text: String, ownToken: TokenName) throws(InvalidValue) {
            guard !text.isEmpty else { throw InvalidValue("an injected value is empty") }
            guard text.isFieldValueSafe else { throw InvalidValue("an injected value has a control character") }
            var parts: [Part] = []
            var rest = text[...]
            while let open = rest.firstIndex(of: "{") {
                if open > rest.startIndex { parts.append(.literal(String(rest[..<open]))) }
                guard let close = rest[open...].firstIndex(of: "}") else {
                    throw InvalidValue("a '{' is not closed")
                }
                let word = rest[rest.index(after: open)..<close]
                switch word {
                case "token": parts.append(.token(ownToken))
                case "email": parts.append(.email)
                case "subject": parts.append(.subject)
                case "principal": parts.append(.principal)
                case "assertion": parts.append(.assertion)
                case _ where word.hasPrefix("claim:"):
                    parts.append(.claim(try MemberPath(parsing: String(word.dropFirst(6)))))
                case _ where word.hasPrefix("token:"):
                    parts.append(.token(try TokenName(parsing: String(word.dropFirst(6)))))
                case _:
                    throw InvalidValue(
                        "'{\(word)}' is not a placeholder",
                        suggestion: Self.placeholders
                    )
                }
                rest = rest[rest.index(after: close)...]
            }
            if !rest.isEmpty { parts.append(.literal(String(rest))) }
            self.parts = parts
        }

        package var tokens: [TokenName] {
            parts.compactMap { if case .token(let name) = $0 { name } else { nil } }
        }

        package var claims: [MemberPath] {
            parts.compactMap { if case .claim(let path) = $0 { path } else { nil } }
        }

        package var forwardsAssertion: Bool { parts.contains(.assertion) }
    }
}
