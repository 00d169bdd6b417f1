internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

struct Deny: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deny",
        abstract: "Refuse callers on every route at once, on all instances, without a change of the file.",
        discussion: """
            The entries stand in the store that keeps state, beside those of `access.deny`, and hold whatever a grant says. Running instances follow \
            within two seconds, and close the streams of who is denied.
            """,
        subcommands: [Add.self, Remove.self, List.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Deny callers.",
            discussion: "A `*` stands for any run of characters. What is denied already stays as it is."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @OptionGroup var callers: Callers
        @OptionGroup var record: Token.Record

        func run() async throws {
            let configuration = try Deny.load(file)
            let entries = try callers.entries()
            if configuration.access.groups == nil, let group = entries.first(where: { $0.kind == .group }) {
                throw CommandFailure(
                    "nothing says where groups stand in an assertion, so nobody would be denied by '\(group.text)'",
                    hint: "access: { groups: { claim: custom.groups } }"
                )
            }
            let change = try record.change()
            let added = try await Deny.store(configuration).deny(entries, change)
            let known = entries.count - added.count
            if known > 0 { Terminal.say("gatehouse: \(known) of \(entries.count) denied already") }
            try await Deny.tell(.denyAdd, added, by: change, form, configuration)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Take denials back that were made by `deny add`.",
            discussion: """
                An entry is named as `deny list` shows it. With --all nothing is left of them, also when they were changed outside Gatehouse and \
                nothing of them is trusted any more.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @OptionGroup var callers: Callers
        @OptionGroup var record: Token.Record
        @Flag(name: .long, help: "All entries.")
        var all = false
        @Flag(name: .long, help: "With --all: do not ask.")
        var yes = false

        func validate() throws {
            guard all != callers.areNamed else { throw ValidationError("name callers, or all of them: --all") }
        }

        func run() async throws {
            let configuration = try Deny.load(file)
            let change = try record.change()
            if all { return try await removeAll(configuration, change) }
            let entries = try callers.entries()
            let store = try Deny.store(configuration)
            let removed = try await store.undeny(entries, change)
            try await Deny.tell(.denyRemove, removed, by: change, form, configuration)
            for entry in removed where configuration.access.deny.holds(entry) {
                Terminal.warning("the file denies the \(entry) too: access.deny")
            }
            let now = SystemClock().now()
            let wanted = entries.map { DenyEntry($0.kind, $0.text, by: "", at: now) }
            guard let left = wanted.first(where: { entry in !removed.contains { $0.isSame(as: entry) } }) else {
                return
            }
            throw CommandFailure(
                "no entry of `gatehouse deny` is the \(left)",
                hint: configuration.access.deny.holds(left)
                    ? "the file denies it: access.deny.\(left.kind.rawValue)" : "gatehouse deny list"
            )
        }

        private func removeAll(_ configuration: Configuration, _ change: TokenChange) async throws {
            if !yes {
                try Terminal.confirm(
                    "everybody whom `gatehouse deny` denies would be let in again",
                    "Remove all deny entries? Type 'all': ",
                    by: "all",
                    orElse: "nothing was removed"
                )
            }
            guard try await Deny.store(configuration).forgetDenials(by: change.actor) else {
                Terminal.say("gatehouse: there are no deny entries")
                return
            }
            var event = AuditChange(.denyRemove, by: .operator(change.actor))
            event.target = "all"
            await Token.record(event, configuration)
            Terminal.say("gatehouse: no caller is denied by `gatehouse deny` any more")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List who is denied, by command and by the file."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption

        func run() async throws {
            let configuration = try Deny.load(file)
            DenyTable.show(try await DenyAssembly.entries(configuration), configuration.access.deny, json: form.json)
        }
    }

    struct Callers: ParsableArguments {
        @Option(
            name: .long,
            help: ArgumentHelp("A person's e-mail address; may be given more than once.", valueName: "address")
        )
        var user: [String] = []
        @Option(
            name: .long,
            help: ArgumentHelp("A service token's client id; may be given more than once.", valueName: "id")
        )
        var serviceToken: [String] = []
        @Option(name: .long, help: ArgumentHelp("A `sub` claim; may be given more than once.", valueName: "sub"))
        var subject: [String] = []
        @Option(name: .long, help: ArgumentHelp("A group of people; may be given more than once.", valueName: "group"))
        var group: [String] = []

        private var named: [(kind: DenyEntry.Kind, texts: [String])] {
            [(.user, user), (.serviceToken, serviceToken), (.subject, subject), (.group, group)]
        }

        var areNamed: Bool { named.contains { !$0.texts.isEmpty } }

        func entries() throws(CommandFailure) -> [(kind: DenyEntry.Kind, text: String)] {
            var entries: [(kind: DenyEntry.Kind, text: String)] = []
            for (kind, texts) in named {
                for text in texts {
                    do throws(InvalidValue) { entries.append((kind, try DenyEntry.checked(text, kind))) } catch {
                        throw CommandFailure(error.message, hint: error.suggestion, code: .usage)
                    }
                }
            }
            guard !entries.isEmpty else {
                throw CommandFailure(
                    "name who is meant: --user, --service-token, --subject or --group",
                    hint: "gatehouse deny add --user ada@example.com",
                    code: .usage
                )
            }
            return entries
        }
    }
}

extension Deny {
    fileprivate static func load(_ file: ConfigurationOption) throws(CommandFailure) -> Configuration {
        try file.load(needing: [.access, .stores, .store, .tokens, .audit])
    }

    fileprivate static func store(_ configuration: Configuration) throws -> SealedTokenStore {
        guard let store = try DenyAssembly.store(configuration) else {
            throw CommandFailure(
                "no store could keep deny entries: the live one is of kind \(configuration.store.settings.kind.rawValue)",
                hint: "name one of kind sqlite or postgres as `state`, or use access.deny"
            )
        }
        return store
    }

    /// Says what was changed, and records each entry.
    fileprivate static func tell(
        _ action: AuditChange.Action,
        _ entries: [DenyEntry],
        by change: TokenChange,
        _ form: FormOption,
        _ configuration: Configuration
    ) async throws {
        if form.json {
            DenyTable.show(entries)
        } else {
            let word = action == .denyAdd ? "denied" : "denied no more"
            for entry in entries { Terminal.say("gatehouse: \(word): \(entry)".visible) }
        }
        for entry in entries {
            var event = AuditChange(action, by: .operator(change.actor))
            event.target = "\(entry)"
            await Token.record(event, configuration)
        }
    }
}
