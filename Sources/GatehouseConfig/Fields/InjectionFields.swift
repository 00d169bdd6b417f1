internal import GatehouseCore
internal import YAMLReader

/// A header that a route sets, before it is known which token `{token}` means.
struct InjectionDraft: Sendable {
    let name: HeaderName
    let template: String
    let written: String
    let isSubstituted: Bool
    let keySpan: YAMLSpan
    let span: YAMLSpan
}

/// `inject` of a route and `headers` of its probe.
enum InjectionFields {
    /// Fields of one connection or of the message's framing, and those that Gatehouse itself answers for: injecting one would break
    /// the exchange (RFC 9110 section 7.6.1) or undo a check.
    private static let reserved: Set<String> = [
        "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "content-length",
        "host",
        "expect", "accept-encoding", "x-request-id", "mcp-session-id", "mcp-method", "mcp-name", "mcp-protocol-version",
    ]
    private static let reservedPrefixes = ["proxy-", "cf-access-"]
    /// Header fields for an upstream that is itself behind Access: those of a service token, or the one with the caller's assertion.
    private static let forAccess: Set<String> = ["cf-access-client-id", "cf-access-client-secret", assertionField]
    private static let assertionField = "cf-access-token"

    static func isReserved(_ name: HeaderName) -> Bool {
        guard !forAccess.contains(name.folded) else { return false }
        return reserved.contains(name.folded) || reservedPrefixes.contains { name.folded.hasPrefix($0) }
    }

    static let shape: Shape<[InjectionDraft]> = {
        let table = Shape<[TableEntry<HeaderName, Scalar>]>.table(
            of: .template,
            wanted: "a mapping of header names to values",
            keyWanted: "a header name",
            key: { text throws(InvalidValue) in
                let name = try HeaderName(parsing: text)
                guard !isReserved(name) else {
                    throw InvalidValue(
                        "the header \(name) belongs to the connection or to Gatehouse and cannot be injected"
                    )
                }
                return name
            }
        )
        return Shape<[InjectionDraft]>(table.form, show: { _ in .mapping([]) }) { node, decoding in
            guard let decoded = table.decode(node, decoding) else { return nil }
            var seen: [HeaderName: String] = [:]
            for entry in decoded.value {
                if let first = seen[entry.key] {
                    decoding.error(
                        "the header \(entry.text) is injected twice: upstreams may read it as \(first)",
                        at: entry.keySpan,
                        hint: "leave one of them out"
                    )
                }
                seen[entry.key] = entry.text
            }
            guard seen.count == decoded.value.count else { return nil }
            let drafts = decoded.value.map { entry in
                InjectionDraft(
                    name: entry.key,
                    template: entry.value.text,
                    written: entry.value.written,
                    isSubstituted: entry.value.isSubstituted,
                    keySpan: entry.keySpan,
                    span: entry.span
                )
            }
            return Decoded(value: drafts, shown: decoded.shown)
        }
    }()

    /// Resolves `{token}`. A value without any placeholder or variable under a name that holds secrets is taken for one.
    static func injections(_ drafts: [InjectionDraft], ownToken: TokenName, _ decoding: Decoding) -> [Injection] {
        drafts.compactMap { draft -> Injection? in
            let isSecret = SecretLooks.isSecretName(draft.name.text)
            let placeholders = Injection.Template.placeholders
            do throws(InvalidValue) {
                let template = try Injection.Template(parsing: draft.template, ownToken: ownToken)
                let isLiteral = template.parts.allSatisfy { if case .literal = $0 { true } else { false } }
                guard !(isSecret && isLiteral && !draft.isSubstituted) else {
                    decoding.redact(draft.span)
                    decoding.error(
                        "a secret never stands in this file, and the header \(draft.name) looks like one",
                        at: draft.span,
                        hint: "put the value into the store and write \"{token}\""
                    )
                    return nil
                }
                if isLiteral, !draft.isSubstituted, SecretLooks.isSecretValue(draft.template) {
                    decoding.redact(draft.span)
                    decoding.warning(
                        "the value of \(draft.name) looks like a secret, and none stands in this file",
                        at: draft.span,
                        hint: "put the value into the store and write \"{token}\", or \"{token:NAME}\" for another one"
                    )
                }
                guard draft.name.folded != assertionField || template.parts == [.assertion] else {
                    decoding.error(
                        "the header \(draft.name) holds the caller's assertion and nothing else",
                        at: draft.span,
                        hint:
                            "\"{assertion}\" with forward_assertion: true; a service token is CF-Access-Client-Id and CF-Access-Client-Secret"
                    )
                    return nil
                }
                return Injection(name: draft.name, value: template)
            } catch {
                if isSecret || draft.isSubstituted {
                    if isSecret { decoding.redact(draft.span) }
                    decoding.error(
                        "the value of \(draft.name) is not a template",
                        at: draft.span,
                        hint: "placeholders: \(placeholders)"
                    )
                } else {
                    decoding.error(error.message, at: draft.span, hint: error.suggestion.map { "placeholders: \($0)" })
                }
                return nil
            }
        }
    }
}

extension Shape where Value == Scalar {
    /// A template that is parsed once its route's name is known. Shown as written, because a variable may hold a secret; a literal that looks like
    /// one, of which `check` warns, is not shown.
    fileprivate static let template = Shape(.text(wanted: "a header value"), show: shown) { node, decoding in
        decoding.text(node, wanted: "a header value").map { Decoded(value: $0, shown: shown($0)) }
    }

    private static func shown(_ value: Scalar) -> Shown {
        let looksSecret = !value.isSubstituted && SecretLooks.isSecretValue(value.text)
        return .text(looksSecret ? "(not shown: it looks like a secret)" : value.written)
    }
}
