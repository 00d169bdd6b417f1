internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

extension Store {
    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "migrate",
            abstract: "Copy the current value of every token to another store.",
            discussion: """
                Each token is read, written, read back and compared; nothing changes where it is read. Safe to run twice, and \
                again after it was stopped. What renewed tokens were given last, what was \
                approved of the tools of routes, and who is denied by command, go along between sqlite and postgres stores: stop the instance first, because it would \
                go on renewing them in the old one. An env store cannot be written to: --reveal prints the lines for its environment \
                file on standard output, and the table on standard error.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Flag(name: .customLong("dry-run"), help: "Say what would be done and do nothing.")
        var isDryRun = false
        @Option(name: .long, help: ArgumentHelp("Copy this token alone.", valueName: "name"))
        var only: String?
        @Flag(name: .long, help: "Towards an env store: print the lines of its environment file, values in clear.")
        var reveal = false
        @Argument(help: "The store to copy from, by its name in `stores`.")
        var source: String
        @Argument(help: "The store to copy to.")
        var target: String

        func run() async throws {
            let configuration = try file.load(needing: [.stores])
            let from = try configuration.named(source)
            let to = try configuration.named(target)
            guard from.name != to.name else {
                throw CommandFailure("'\(from.name)' and '\(to.name)' are one store", code: .usage)
            }
            if reveal, to.settings.kind != .env {
                throw CommandFailure(
                    "--reveal is for an env store",
                    hint: "'\(to.name)' takes the tokens itself",
                    code: .usage
                )
            }
            let change = try TokenChange(actor: Token.Record.user, note: "migrated from \(from.name)")
            let old = try StoreAssembly.store(from.settings, names: configuration.tokenNames)
            let new = try StoreAssembly.store(to.settings, names: configuration.tokenNames)
            let rows = try await TokenMigration(
                from: old,
                to: new,
                only: try only.map { try Token.name($0) },
                isDryRun: isDryRun,
                change
            ).run()
            show(rows)
            await record(rows, "\(from.name) to \(to.name)", by: change)
            let failed = rows.count { $0.action == .failed }
            if failed > 0 {
                throw CommandFailure(
                    "\(failed) of \(rows.count) tokens are not copied",
                    hint: "'\(from.name)' is as it was: mend what the table says and run it again"
                )
            }
            if rows.contains(where: { $0.action == .byHand }), !reveal, !isDryRun {
                throw CommandFailure(
                    "an env store cannot be written to: its variables are set where Gatehouse is started",
                    hint: "--reveal prints the lines for its environment file"
                )
            }
        }

        /// Only where the whole of the file can be read: migration needs the stores alone.
        private func record(_ rows: [TokenMigration.Row], _ way: String, by change: TokenChange) async {
            let copied = rows.filter { $0.action == .create || $0.action == .update }
            guard !isDryRun, !copied.isEmpty else { return }
            guard let configuration = try? file.load(needing: [.store, .audit]) else {
                return Terminal.warning("the audit has no row of this: the file does not say where it is")
            }
            for row in copied {
                var event = AuditChange(.tokenMigrate, by: .operator(change.actor))
                switch row.subject {
                case .token(let name), .grant(let name): event.token = name
                case .pins(let route): event.route = route
                case .denials: break
                }
                (event.version, event.target) = (row.target, way)
                await Token.record(event, configuration)
            }
        }

        private func show(_ rows: [TokenMigration.Row]) {
            if form.json, !reveal {
                var json = JSONText()
                json.array { list in
                    for row in rows { list.object { write(row, to: &$0) } }
                }
                return Terminal.print(json)
            }
            let lines = TokenTable.lines(
                [["NAME", "FROM", "TO", "RESULT", "NOTE"]]
                    + rows.map { row in
                        [
                            name(row), row.source.map { "version \($0)" } ?? "-",
                            row.target.map { "version \($0)" } ?? "-", result(row),
                            row.problem?.message ?? row.line.map { "$\($0.variable)" }
                                ?? note(row),
                        ]
                    }
            )
            for line in lines { if reveal { Terminal.say(line) } else { Terminal.print(line) } }
            guard reveal, !isDryRun else { return }
            for row in rows {
                row.line?.revealed.withUnsafeBytes { DataOutput.standard.write(Array($0) + [0x0A]) }
            }
        }

        private func name(_ row: TokenMigration.Row) -> String {
            switch row.subject {
            case .token(let name), .grant(let name): name.text
            case .pins(let route): route.text
            case .denials: "deny entries"
            }
        }

        private func note(_ row: TokenMigration.Row) -> String {
            switch row.subject {
            case .token: ""
            case .grant: "renews itself"
            case .pins: "tools of the route"
            case .denials: row.action == .stays ? "`gatehouse deny list` shows them, for access.deny" : ""
            }
        }

        private func result(_ row: TokenMigration.Row) -> String {
            switch row.action {
            case .create: isDryRun ? "would be created" : "created"
            case .update: isDryRun ? "would be updated" : "updated"
            case .same: "same"
            case .byHand: "set by hand"
            case .stays: "stays there"
            case .failed: "FAILED"
            }
        }

        private func write(_ row: TokenMigration.Row, to json: inout JSONText) {
            json.string("name", name(row))
            switch row.subject {
            case .token: break
            case .grant: json.bool("renewed", true)
            case .pins: json.bool("pins", true)
            case .denials: json.bool("denials", true)
            }
            json.string("result", row.action.rawValue)
            json.bool("done", row.action == .same || [.create, .update].contains(row.action) && !isDryRun)
            if let version = row.source { json.number("from_version", version) }
            if let version = row.target { json.number("to_version", version) }
            if let line = row.line { json.string("variable", line.variable) }
            if let problem = row.problem { json.string("problem", problem.message) }
        }
    }
}
