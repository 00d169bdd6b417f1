internal import GatehouseConfig
internal import GatehouseCore

/// The values that `init` needs: from its options, or else asked for on the terminal until an answer can be used.
struct InitAnswers {
    /// Whether a person at a terminal can be asked.
    let asks: Bool

    /// Wrong answers to one question, after which nothing is written.
    private static let attempts = 10
    /// The choice that no entry of the catalog is.
    private static let other = "other"

    func team(_ given: String?) throws(CommandFailure) -> String {
        try answer(given, "Access team (the first label of TEAM.cloudflareaccess.com): ") { text throws(InvalidValue) in
            do throws(InvalidValue) {
                _ = try Issuer(team: text)
                return text
            } catch {
                // A whole host or URL, as it stands in the address bar.
                guard let bare = error.suggestion, (try? Issuer(team: bare)) != nil else { throw error }
                return bare
            }
        }
    }

    func host(_ given: String?) throws(CommandFailure) -> String {
        try answer(given, "Public host of the MCP server (as the tunnel has it): ") { text throws(InvalidValue) in
            _ = try HostPattern(parsing: text)
            return text
        }
    }

    func audience(_ given: String?) throws(CommandFailure) -> String {
        try answer(given, "AUD tag of its Access application (64 hexadecimal digits): ") { text throws(InvalidValue) in
            guard text.utf8.count == 64, text.utf8.allSatisfy(\.isHexDigit) else {
                throw InvalidValue(
                    "an AUD tag of Access has 64 hexadecimal digits",
                    suggestion: "it stands on the application's page in Zero Trust"
                )
            }
            return text
        }
    }

    /// - Parameter upstream: says where a server is that the catalog does not know.
    func server(_ given: String?, upstream: String?) throws(CommandFailure) -> CatalogEntry {
        let entries = Catalog.entries
        if given == nil, asks {
            Terminal.say("MCP server:")
            for (index, entry) in entries.enumerated() {
                Terminal.say(
                    "  \(index + 1)  \(entry.name)\(String(repeating: " ", count: max(1, 12 - entry.name.count)))\(entry.title)"
                )
            }
            Terminal.say("  \(entries.count + 1)  \(Self.other)       another one")
        }
        let first = entries[0].name
        let name = try answer(given, "Number or name [\(first)]: ", fallback: first) { text throws(InvalidValue) in
            if let number = Int(text) {
                guard (1...entries.count + 1).contains(number) else {
                    throw InvalidValue("there is no number \(number)", suggestion: "1 to \(entries.count + 1)")
                }
                return number > entries.count ? Self.other : entries[number - 1].name
            }
            if Catalog.entry(named: text) == nil, text != Self.other, !(given != nil && upstream != nil) {
                throw InvalidValue(
                    "the catalog has no '\(text)'",
                    suggestion: "\(entries.map(\.name).joined(separator: ", ")); --upstream for another one"
                )
            }
            return try RouteName(parsing: text).text
        }
        if let entry = Catalog.entry(named: name) { return entry }
        let own =
            try name != Self.other
            ? name : answer(nil, "Its name: ") { text throws(InvalidValue) in try RouteName(parsing: text).text }
        return CatalogEntry(
            name: own,
            title: own,
            upstream: "http://\(own):8080",
            inject: [("Authorization", "Bearer {token}")]
        )
    }

    /// Nil for the catalog's own.
    func upstream(_ given: String?, of entry: CatalogEntry) throws(CommandFailure) -> String? {
        if given == nil, !asks { return nil }
        return try answer(given, "Where it listens [\(entry.upstream)]: ", fallback: entry.upstream) {
            text throws(InvalidValue) in
            _ = try Upstream(parsing: text)
            return text
        }
    }

    /// The names of the tokens in a header's value.
    static func tokens(in template: String, of route: String) -> [String] {
        guard let name = try? RouteName(parsing: route),
            let parsed = try? Injection.Template(parsing: template, ownToken: name.ownToken)
        else { return [] }
        return parsed.tokens.map(\.text)
    }

    // MARK: - Asking

    /// - Parameter fallback: stands for an empty answer.
    private func answer(
        _ given: String?,
        _ question: String,
        fallback: String? = nil,
        _ check: (String) throws(InvalidValue) -> String
    ) throws(CommandFailure) -> String {
        if let given = given ?? (asks ? nil : fallback) {
            do throws(InvalidValue) { return try check(given) } catch {
                throw CommandFailure(error.message, hint: error.suggestion, code: .usage)
            }
        }
        guard asks else { throw CommandFailure("there is nobody to ask", code: .usage) }
        for _ in 0..<Self.attempts {
            Terminal.ask(question)
            guard let line = readLine() else { break }
            let text = line.trimmed
            if text.isEmpty {
                guard let fallback else { continue }
                return fallback
            }
            do throws(InvalidValue) { return try check(text) } catch {
                Terminal.say("  \(error.message.visible)" + (error.suggestion.map { "; \($0.visible)" } ?? ""))
            }
        }
        throw CommandFailure("nothing is written: the question was not answered")
    }
}

extension String {
    /// The text without the spaces around it, which pasting often adds.
    fileprivate var trimmed: String {
        var text = self[...]
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text.drop(while: \.isWhitespace))
    }
}
