internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

extension Bearer {
    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "migrate",
            abstract: "Copy the credentials in this machine's file to the store that keeps those of all instances.",
            discussion: """
                For an installation whose `state` is a PostgreSQL now, once on each machine. Each credential is read, written, read back and compared; \
                nothing changes where it is read, one that was revoked at either place is revoked, and --back copies in the other direction. Safe to \
                run twice.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Flag(name: .customLong("dry-run"), help: "Say what would be done and do nothing.")
        var isDryRun = false
        @Flag(name: .long, help: "From the store to this machine's file, as for a release that knows no other place.")
        var back = false

        func run() async throws {
            let change = try TokenChange(actor: Token.Record.user)
            let configuration = try file.load(needing: Bearer.sections)
            let path = BearerAssembly.path(configuration)
            guard case .state(let state) = BearerAssembly.place(configuration) else {
                throw CommandFailure(
                    "bearers are kept in \(path): there is no other place",
                    hint: "they are shared where `state` is a store of kind postgres"
                )
            }
            let machine = BearerAssembly.file(configuration, keys: try await InstanceKeys(configuration))
            let fleet = try await BearerAssembly.store(configuration)
            let (source, target) = back ? (fleet, machine) : (machine, fleet)
            let rows = try await BearerMigration(from: source, to: target, isDryRun: isDryRun).run(by: change.actor)
            show(rows)
            let way = back ? "\(state.name) to \(path)" : "\(path) to \(state.name)"
            if !isDryRun {
                for row in rows where row.action == .create || row.action == .revoke {
                    var event = AuditChange(.bearerMigrate, by: .operator(change.actor))
                    event.target = "\(row.summary.name) (\(row.summary.id)) from \(way)"
                    await Token.record(event, configuration)
                }
            }
            let failed = rows.count { $0.action == .failed }
            guard failed == 0 else {
                throw CommandFailure(
                    "\(failed) of \(rows.count) bearers are not copied: they are not trusted where they are read",
                    hint: "gatehouse bearer issue makes others"
                )
            }
        }

        private func show(_ rows: [BearerMigration.Row]) {
            if form.json {
                var json = JSONText()
                json.array { list in
                    for row in rows {
                        list.object { entry in
                            entry.string("name", row.summary.name)
                            entry.string("id", row.summary.id)
                            entry.string("status", row.summary.status.rawValue)
                            entry.string("result", row.action.rawValue)
                            entry.bool("done", row.action == .same || row.action != .failed && !isDryRun)
                        }
                    }
                }
                return Terminal.print(json)
            }
            TokenTable.show(
                [["NAME", "ID", "STATUS", "RESULT"]]
                    + rows.map { [$0.summary.name, $0.summary.id, $0.summary.status.rawValue, result($0.action)] }
            )
        }

        private func result(_ action: BearerMigration.Action) -> String {
            switch action {
            case .create: isDryRun ? "would be copied" : "copied"
            case .revoke: isDryRun ? "would be revoked" : "revoked"
            case .same: "same"
            case .failed: "FAILED"
            }
        }
    }
}
