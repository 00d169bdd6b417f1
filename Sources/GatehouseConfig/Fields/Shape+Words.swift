internal import GatehouseCore
internal import YAMLReader

extension Shape where Value == String {
    /// Text that needs no type of its own.
    static func text(wanted: String) -> Shape {
        .parsed(wanted: wanted) { text throws(InvalidValue) in
            guard !text.isEmpty, text.isFieldValueSafe, !text.utf8.contains(0x09) else {
                throw InvalidValue("\(wanted) is wanted: not empty, without control characters")
            }
            return text
        }
    }

    /// An absolute path of the file system.
    static let absolutePath = parsed(wanted: "an absolute path") { text throws(InvalidValue) in
        guard text.utf8.first == 0x2F, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw InvalidValue("\(PlainText.echo(text)) is not an absolute path", suggestion: "a path starts with '/'")
        }
        return text
    }
}

extension Shape where Value == Glob {
    static func glob(wanted: String) -> Shape {
        .parsed(wanted: wanted) { text throws(InvalidValue) in try Glob(parsing: text, wanted: wanted) }
    }

    static let addressGlob = parsed(
        wanted: "an e-mail address",
        show: { .value($0.pattern) },
        Glob.addresses(parsing:)
    )
}

extension Glob {
    init(parsing text: String, wanted: String) throws(InvalidValue) {
        guard !text.isEmpty, text.isFieldValueSafe else {
            throw InvalidValue("\(wanted) is wanted: not empty, without control characters")
        }
        self.init(text)
    }

    /// E-mail addresses are compared with the labels of their domain in Unicode, so a star inside an encoded one would match nobody: on a
    /// deny list that lets somebody in.
    static func addresses(parsing text: String) throws(InvalidValue) -> Glob {
        let glob = try Glob(parsing: text, wanted: "an e-mail address")
        let domain = text[(text.lastIndex(of: "@").map { text.index(after: $0) } ?? text.startIndex)...]
        let isStarred = domain.split(separator: ".").contains {
            $0.contains("*") && $0.prefix(4).lowercased() == "xn--"
        }
        guard !isStarred else {
            throw InvalidValue(
                "a '*' inside an 'xn--' label matches no address",
                suggestion: "write the label in Unicode, as in *@mün*.example"
            )
        }
        return glob.ofAddresses
    }
}

extension Shape where Value == SecretSource {
    /// `{ env: NAME }` or `{ file: PATH }`. Whatever else stands here is taken for the secret itself and never quoted.
    ///
    /// Whether a variable is set is asked of the live store alone: another one may wait for its secrets.
    static let secret = Shape(
        .secret,
        show: { source in
            switch source {
            case .environment(let name): .secret("env", name)
            case .file(let path): .secret("file", path)
            }
        },
        decode: { node, decoding in
            let hint = "write { env: NAME } or { file: /PATH }"
            guard case .mapping(let entries) = node.content else {
                decoding.redact(node.span)
                if node.isEmpty {
                    decoding.error("a secret is missing", at: node.span, hint: hint)
                } else if case .refused = node.content {
                    return nil
                } else {
                    decoding.error("a secret never stands in this file", at: node.span, hint: hint)
                }
                return nil
            }
            guard entries.count == 1, let entry = entries.first, entry.key == "env" || entry.key == "file" else {
                decoding.redact(node.span)
                let nearest = entries.first.flatMap { Spelling.nearest($0.key, in: ["env", "file"]) }
                decoding.error(
                    "a secret is one of { env: NAME } and { file: /PATH }",
                    at: node.span,
                    hint: nearest.map { "did you mean '\($0)'?" }
                )
                return nil
            }
            let isVariable = entry.key == "env"
            let wanted = isVariable ? "the name of an environment variable" : "an absolute path"
            guard let scalar = decoding.text(entry.value, wanted: wanted) else {
                decoding.redact(entry.value.span)
                return nil
            }
            let isSound =
                isVariable
                ? Environment.isName(scalar.text) : scalar.text.hasPrefix("/") && scalar.text.isFieldValueSafe
            guard isSound else {
                decoding.redact(entry.value.span)
                decoding.error("\(wanted) is wanted here", at: entry.value.span, hint: isVariable ? hint : nil)
                return nil
            }
            if isVariable { decoding.secretVariables.append((scalar.text, scalar.span)) }
            let source = isVariable ? SecretSource.environment(scalar.text) : .file(scalar.text)
            return Decoded(value: source, shown: .secret(entry.key, scalar.text))
        }
    )
}

extension Shape where Value == MasterKeys {
    static let masterKeys: Shape = {
        let list = Shape<[SecretSource]>.list(of: .secret, minimum: 1, wanted: "a list of master keys")
        return Shape(list.form, show: { list.show($0.all) }) { node, decoding in
            guard let decoded = list.decode(node, decoding), let keys = MasterKeys(decoded.value) else { return nil }
            return Decoded(value: keys, shown: decoded.shown)
        }
    }()
}

extension Shape where Value == PostgresURL {
    /// Shown as written: the password comes from a variable.
    static let postgresURL = Shape(.text(wanted: "a postgres:// URL"), show: { .value($0.description) }) {
        node,
        decoding in
        guard let scalar = decoding.text(node, wanted: "a postgres:// URL", substituting: PostgresURL.substitute)
        else { return nil }
        guard !PostgresURL.hasLiteralPassword(scalar.written) else {
            decoding.redact(scalar.span)
            decoding.error(
                "a secret never stands in this file, and this URL holds a password",
                at: scalar.span,
                hint: "give the whole URL or its password by a variable: \"postgres://user:${PASSWORD}@host/database\""
            )
            return nil
        }
        return decoding.parse(scalar, wanted: "a postgres:// URL") { text throws(InvalidValue) in
            try PostgresURL(parsing: text)
        }
        .map { Decoded(value: $0, shown: .text(scalar.written)) }
    }
}
