internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens
internal import Glibc

struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Manage the upstream tokens of a store. Values are never printed.",
        subcommands: [
            Set.self, List.self, Show.self, History.self, Rotate.self, Rollback.self, Revoke.self, Delete.self,
            Follow.self,
        ]
    )

    /// The store that a command works on.
    struct Place: ParsableArguments {
        @OptionGroup var file: ConfigurationOption
        @Option(
            name: .long,
            help: "The store, by its name in `stores` (default: the live one).",
            completion: Completions.stores
        )
        var store: String?

        /// The other stores, routes and all else may be wrong.
        ///
        /// - Parameter whole: sections of which no part may be left out.
        func load(whole: Swift.Set<Configuration.Section> = []) throws(CommandFailure) -> Configuration {
            try file.load(needing: store == nil ? [.store] : [.stores], whole: whole)
        }

        func open() throws -> any TokenStore { try open(try load()) }

        func open(_ configuration: Configuration) throws -> any TokenStore {
            try StoreAssembly.store(try configuration.named(store).settings, names: configuration.tokenNames)
        }

        /// Puts a change that was made into the audit. The token's own history has it in any case.
        func record(
            _ action: AuditChange.Action,
            of name: TokenName,
            version: Int?,
            by change: TokenChange,
            _ configuration: Configuration
        ) async {
            var event = AuditChange(action, by: .operator(change.actor))
            (event.token, event.version) = (name, version)
            event.target = store ?? configuration.store.name.text
            await Token.record(event, configuration)
        }
    }

    static func record(_ event: AuditChange, _ configuration: Configuration) async {
        if let trouble = await CommandAudit.record(event, configuration) {
            Terminal.warning("the audit has no row of this change: \(trouble)")
        }
    }

    /// The owner of a personal token.
    struct Whose: ParsableArguments {
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Whose, of a token that each person has: an e-mail address, ID.access of a service token, or a sub.",
                valueName: "who"
            )
        )
        var owner: String?

        var choice: OwnerChoice? {
            get throws(CommandFailure) {
                try owner.map { text throws(CommandFailure) in try OwnerChoice(parsing: text) }
            }
        }
    }

    /// Options whose values are recorded with every change.
    struct Record: ParsableArguments {
        @Option(name: .long, help: "A few words for the history.")
        var note = ""
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Who does it, for the history (default: the user, or the one who ran sudo).",
                valueName: "name"
            )
        )
        var by: String?

        func change(expiresAt end: Timestamp? = nil) throws -> TokenChange {
            try TokenChange(actor: by ?? Self.user, note: note, expiresAt: end)
        }

        /// The user who became root by sudo, because `root` names no person.
        static var user: String {
            if geteuid() == 0, let name = getenv("SUDO_USER").map({ String(cString: $0) }), !name.isEmpty {
                return name
            }
            return getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "uid \(getuid())"
        }
    }

    /// The end of a new value.
    struct Expiry: ParsableArguments {
        @Option(
            name: [.customLong("expires-at"), .customLong("expires")],
            help: ArgumentHelp("When the upstream ends the token, as in 2027-01-31.", valueName: "date")
        )
        var expires: String?

        func end(at now: Timestamp) throws -> Timestamp? {
            guard let expires else { return nil }
            guard let end = Timestamp(parsing: expires) else {
                throw CommandFailure("'\(expires)' is not a date", hint: "2027-01-31", code: .usage)
            }
            guard end > now else {
                throw CommandFailure(
                    "a token that ended at \(end.rfc3339) works no more: nothing was changed",
                    hint: "give the end of the new value, or none",
                    code: .usage
                )
            }
            return end
        }
    }

    /// Warns of a new value that is probably a mistake and may be meant.
    static func warn(
        of value: Secret,
        for name: TokenName,
        in store: any TokenStore,
        _ configuration: Configuration
    ) async {
        // Routes that could not be read may use it.
        if !configuration.unread.contains(.routes), !configuration.tokenNames.contains(name),
            TokenProbe(of: name, in: configuration).isEmpty
        {
            Terminal.warning("no route uses the token '\(name)'")
        }
        guard store.capabilities.contains(.writing), let old = try? await store.value(of: name) else { return }
        if old.secret == value {
            Terminal.warning("this is the value that '\(name)' has already, as version \(old.version)")
        }
    }

    /// - Throws: for a token that is given by a server and that nobody sets.
    static func mayBeSet(_ name: TokenName, _ configuration: Configuration) throws(CommandFailure) {
        guard let renewal = configuration.renewedTokens[name], !renewal.needsSeed else { return }
        throw CommandFailure(
            "'\(name)' renews itself by \(renewal.kind.rawValue): there is no value to set",
            hint: "gatehouse token show \(name) says how it does"
        )
    }

    static func name(_ text: String) throws(CommandFailure) -> TokenName {
        do throws(InvalidValue) {
            return try TokenName(parsing: text)
        } catch {
            throw CommandFailure(error.message, hint: error.suggestion, code: .usage)
        }
    }
}

/// How tokens are shown: everything but the value.
enum TokenTable {
    static func show(_ summaries: [TokenSummary], _ renewed: RenewalTable? = nil, json: Bool) {
        let renewals = renewed?.rows ?? []
        if json {
            var text = JSONText()
            text.array { list in
                for summary in summaries {
                    list.object { entry in
                        write(summary, to: &entry)
                        renewals.first { $0.name == summary.name }?.write(to: &entry)
                    }
                }
                let set = Set(summaries.map(\.name))
                for row in renewals where !set.contains(row.name) {
                    list.object { entry in
                        entry.string("name", row.name.text)
                        entry.number("version", 0)
                        row.write(to: &entry)
                    }
                }
            }
            return Terminal.print(text)
        }
        if let renewed, summaries.isEmpty, !renewals.isEmpty { return show(renewed.lines) }
        let rows = summaries.map { summary in
            [
                summary.name.text, String(summary.version), summary.fingerprint?.text ?? "-",
                summary.createdAt?.rfc3339 ?? "-", age(of: summary), expiry(of: summary), summary.actor,
                summary.problem?.message ?? summary.note,
            ]
        }
        show([["NAME", "VERSION", "FINGERPRINT", "SET", "AGE", "EXPIRES", "BY", "NOTE"]] + rows)
        guard let renewed, !renewals.isEmpty else { return }
        Terminal.print("")
        show(renewed.lines)
    }

    static func show(_ events: [TokenEvent], json: Bool) {
        if json {
            var text = JSONText()
            text.array { list in
                for event in events {
                    list.object { entry in
                        entry.number("revision", event.revision)
                        entry.string("action", event.action.rawValue)
                        entry.number("version", event.version)
                        entry.string("at", event.at.rfc3339)
                        entry.string("actor", event.actor)
                        entry.string("note", event.note)
                        entry.bool("current", event.isCurrent)
                        if let fingerprint = event.fingerprint { entry.string("fingerprint", fingerprint.text) }
                        if let problem = event.problem { entry.string("problem", problem.message) }
                    }
                }
            }
            return Terminal.print(text)
        }
        let rows = events.map { event in
            [
                String(event.revision), event.action.rawValue, String(event.version), event.isCurrent ? "current" : "",
                event.fingerprint?.text ?? "-", event.at.rfc3339, event.actor, event.problem?.message ?? event.note,
            ]
        }
        show([["REVISION", "ACTION", "VERSION", "", "FINGERPRINT", "AT", "BY", "NOTE"]] + rows)
    }

    /// The age in whole days or hours, which says more to an operator than the date.
    private static func age(of summary: TokenSummary) -> String {
        guard let created = summary.createdAt else { return "-" }
        let hours = (SystemClock().now() - created).components.seconds / 3600
        return hours < 1 ? "<1h" : hours < 48 ? "\(hours)h" : "\(hours / 24)d"
    }

    private static func expiry(of summary: TokenSummary) -> String {
        guard let expires = summary.expiresAt else { return "-" }
        return expires.rfc3339 + (expires <= SystemClock().now() ? " EXPIRED" : "")
    }

    private static func write(_ summary: TokenSummary, to json: inout JSONText) {
        json.string("name", summary.name.text)
        json.number("version", summary.version)
        if let fingerprint = summary.fingerprint { json.string("fingerprint", fingerprint.text) }
        if let created = summary.createdAt { json.string("created_at", created.rfc3339) }
        if let expires = summary.expiresAt { json.string("expires_at", expires.rfc3339) }
        json.string("actor", summary.actor)
        json.string("note", summary.note)
        if let problem = summary.problem { json.string("problem", problem.message) }
    }

    static func show(_ rows: [[String]]) { for line in lines(rows) { Terminal.print(line) } }

    /// Columns as wide as their widest cell.
    static func lines(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].visible.count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell.visible + String(repeating: " ", count: width - cell.visible.count)
            }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
    }
}
