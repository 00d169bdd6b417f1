internal import GatehouseCore
internal import YAMLReader

/// Values that can be read and match nothing: each is a warning where it stands.
extension Shape {
    /// The same shape, with a look at each value and at how it is written.
    fileprivate func looked(_ look: @escaping @Sendable (Value, String, YAMLSpan, Decoding) -> Void) -> Shape {
        Shape(form, show: show) { node, decoding in
            guard let decoded = decode(node, decoding) else { return nil }
            if case .scalar(let scalar) = node.content { look(decoded.value, scalar.text, node.span, decoding) }
            return decoded
        }
    }
}

/// How a message calls a value: what a variable holds is not repeated.
private func called(_ written: String, _ value: String) -> String {
    written == value ? PlainText.echo(value) : "what \(PlainText.echo(written)) stands for"
}

extension Shape where Value == String {
    /// Access makes them of 32 random bytes.
    static let audienceTag = text(wanted: "an AUD tag").looked { value, written, span, decoding in
        let hint = "the AUD tag of the Access application: 64 hexadecimal digits"
        if value.utf8.contains(UInt8(ascii: "<")) {
            decoding.warning(
                "\(called(written, value)) is a placeholder: no assertion carries it",
                at: span,
                hint: hint
            )
        } else if value.utf8.count != 64 || !value.utf8.allSatisfy(\.isHexDigit) {
            decoding.doubtUnderAccess(
                "\(called(written, value)) is no AUD tag of Access: no assertion carries it",
                at: span,
                hint: hint
            )
        }
    }
}

extension Shape where Value == Glob {
    /// An e-mail address, or a pattern of some.
    static let user = addressGlob.looked { value, written, span, decoding in
        let pattern = value.pattern
        guard !pattern.utf8.contains(UInt8(ascii: "*")) else { return }
        if pattern.hasPrefix("@") {
            decoding.warning(
                "\(called(written, pattern)) matches nobody: an address has something before its '@'",
                at: span,
                hint: written == pattern
                    ? "for everybody of the domain: \"*\(pattern)\"" : "for everybody of a domain: \"*@example.com\""
            )
        } else if !pattern.utf8.contains(UInt8(ascii: "@")) {
            decoding.warning(
                "\(called(written, pattern)) matches nobody: an address has an '@'",
                at: span,
                hint: "ada@example.com, or \"*@example.com\" for everybody of the domain"
            )
        }
    }

    /// The client id of a service token, or a pattern of some.
    static let clientID = glob(wanted: "a client id").looked { value, written, span, decoding in
        guard !value.pattern.contains("*"), !value.pattern.hasSuffix(".access") else { return }
        decoding.doubtUnderAccess(
            "\(called(written, value.pattern)) matches no service token: client ids of Access end with '.access'",
            at: span,
            hint: "the Client ID as Access shows it, not the token's name"
        )
    }
}

extension Shape where Value == PathPrefix {
    static let pathPrefix = parsed(wanted: "a path prefix", PathPrefix.init(parsing:)).looked {
        value,
        written,
        span,
        decoding in
        guard value.text.contains("*") else { return }
        let stem = value.text.prefix { $0 != "*" }
        let prefix = stem.count > 1 && stem.hasSuffix("/") ? stem.dropLast() : stem
        decoding.warning(
            "the '*' in \(called(written, value.text)) is a character like any other here: a path is a prefix",
            at: span,
            hint: written == value.text ? "\(prefix) also covers what is below it" : "a prefix covers what is below it"
        )
    }
}
