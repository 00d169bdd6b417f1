internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

extension Audit {
    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete events that are older than `audit.retention`.",
            discussion: """
                Leaves a signed checkpoint in front of what stays, so that `audit verify` still holds. Verifies before it deletes: \
                what was tampered with must not vanish with its traces.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Option(name: .long, help: "Delete what is older than this instead, as in 30d or 2026-11-01T00:00:00Z.")
        var before: String?
        @Flag(name: .long, help: "Say what would be deleted, and change nothing.")
        var dryRun = false
        @Flag(name: .long, help: "Delete although the audit does not verify.")
        var force = false

        func run() async throws {
            let configuration = try file.load(needing: [.store, .audit])
            let keys = AuditAssembly.keys(try await InstanceKeys(configuration))
            let now = SystemClock().now()
            let cutoff = try before.map(Filter.time) ?? now + (.zero - configuration.audit.retention)
            let pruning = try AuditAssembly.pruning(configuration.audit)
            let found = try Audit.verify(configuration, keys.chain, [], prunableBefore: cutoff)
            let chains = found.chains.compactMap(\.prunable)
            if !dryRun, !force, !chains.isEmpty, !found.holds {
                let what = found.chains.first { !$0.holds }.map { "the chain of \($0.writer.visible) is broken" }
                throw CommandFailure(
                    "nothing was deleted: \(what ?? "the database is not as Gatehouse made it")",
                    hint: "see `gatehouse audit verify`; --force deletes all the same"
                )
            }
            var deleted = 0
            if !dryRun {
                let checkpoints = chains.map { $0.checkpoint(at: now, keys: keys) }
                defer { if Terminal.showsProgress { Terminal.progress("") } }
                deleted = try pruning.prune(checkpoints, before: cutoff) { count in
                    if Terminal.showsProgress { Terminal.progress("\(count) events deleted") }
                }
            }
            report(chains, deleted, before: cutoff)
        }

        private func report(_ chains: [PrunableChain], _ deleted: Int, before cutoff: Timestamp) {
            if form.json {
                var json = JSONText()
                json.object { line in
                    line.string("before", cutoff.rfc3339)
                    line.bool("dry_run", dryRun)
                    line.number("deleted", Int64(deleted))
                    line.object("through") { through in
                        for chain in chains { through.number(chain.writer, chain.sequence) }
                    }
                }
                return Terminal.print(json)
            }
            for chain in chains {
                Terminal.print(
                    "\(chain.writer.visible)  \(dryRun ? "would go" : "gone") through event \(chain.sequence)"
                )
            }
            Terminal.say(
                chains.isEmpty
                    ? "gatehouse: nothing is older than \(cutoff.rfc3339)"
                    : dryRun ? "gatehouse: nothing was deleted" : "gatehouse: \(deleted) events deleted"
            )
        }
    }
}
