internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

extension Audit {
    struct Migrate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "migrate",
            abstract: "Copy the events of another sink into this one.",
            discussion: """
                For a change of `audit.sink`, before or after it: a chain goes on in the new sink where it was in the old one, and \
                needs what was before it to verify. Places, hashes and signed heads are copied as they are; nothing changes where \
                they are read. Safe to run twice, and again after it was stopped.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Flag(name: .customLong("dry-run"), help: "Say what would be copied, and change nothing.")
        var isDryRun = false
        @Argument(
            help: ArgumentHelp("A configuration file whose `audit.sink` is the one to copy from.", valueName: "path")
        )
        var source: String

        func run() async throws {
            let target = try file.load(needing: [.audit]).audit
            let origin = try ConfigurationOption.load(source).audit
            guard origin.sink != target.sink else {
                throw CommandFailure(
                    "\(source) and \(file.path) have one sink",
                    hint: "copy from the file as it was before `audit.sink` was changed",
                    code: .usage
                )
            }
            let archive = try AuditAssembly.archive(origin)
            let keeper = try AuditAssembly.keeper(target)
            let chains = try Audit.showingProgress(through: archive) { progress in
                try AuditMigration.copy(archive, to: isDryRun ? nil : keeper, progress: progress)
            }
            report(chains)
            let unreadable = chains.reduce(0) { $0 + $1.unreadable }
            guard unreadable == 0 else {
                throw CommandFailure(
                    "\(unreadable) rows are no events any more and stay behind",
                    hint: "`gatehouse audit verify --config \(source)` names them"
                )
            }
        }

        private func report(_ chains: [AuditMigration.Copied]) {
            if form.json {
                var json = JSONText()
                json.array { list in
                    for chain in chains {
                        list.object { line in
                            line.string("writer", chain.writer)
                            line.bool("done", !isDryRun)
                            line.number("events", Int64(chain.events))
                            line.number("heads", Int64(chain.heads))
                            line.number("unreadable", Int64(chain.unreadable))
                        }
                    }
                }
                return Terminal.print(json)
            }
            for chain in chains {
                let events = chain.events == 1 ? "1 event" : "\(chain.events) events"
                let heads = chain.heads == 1 ? "1 head" : "\(chain.heads) heads"
                Terminal.print(
                    "\(chain.writer.visible)  \(events), \(heads) \(isDryRun ? "would be copied" : "copied")"
                )
            }
            Terminal.say(
                chains.isEmpty
                    ? "gatehouse: there are no events to copy"
                    : isDryRun ? "gatehouse: nothing was copied" : "gatehouse: see `gatehouse audit verify`"
            )
        }
    }
}
