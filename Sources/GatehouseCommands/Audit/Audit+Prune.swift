internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

extension Audit {
    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune",
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
        @Flag(name: .long, help: "Delete although the audit does not verify, or most of it would go.")
        var force = false
        @Flag(name: .long, help: "Do not ask whether what --before names is meant.")
        var yes = false

        func run() async throws {
            let configuration = try file.load(needing: [.store, .audit])
            let keys = AuditAssembly.keys(try await InstanceKeys(configuration))
            let now = SystemClock().now()
            let cutoff = try before.map(Filter.time) ?? now + (.zero - configuration.audit.retention)
            let pruning = try AuditAssembly.pruning(configuration.audit)
            // Read beside `now`: a verification may take longer than clocks may be apart.
            let databaseClock = try pruning.clock()
            let moved = dryRun ? 0 : try pruning.joinSchemas()
            if moved > 0 { Terminal.say("gatehouse: \(moved) events were moved from a second schema") }
            let found = try Audit.verify(configuration, keys.chain, [], prunableBefore: cutoff)
            let plan = PrunePlan(found, before: cutoff)
            let chains = plan.chains
            let isMeant = before != nil || force
            let objection = plan.objection(
                at: now,
                databaseClock: databaseClock,
                certsLead: chains.isEmpty || isMeant ? nil : await AccessAssembly.certsLead(configuration),
                isMeant: before != nil
            )
            if !dryRun, !force, let objection {
                throw CommandFailure(
                    "nothing was deleted: \(objection)",
                    hint: "see `gatehouse audit verify` and --dry-run; --force deletes all the same"
                )
            }
            var deleted = 0
            if !dryRun {
                if before != nil, !chains.isEmpty { try confirm(plan) }
                guard try pruning.lock() else { throw CommandFailure("another instance is pruning") }
                let checkpoints = chains.map { $0.checkpoint(at: now, keys: keys) }
                defer { if Terminal.showsProgress { Terminal.progress("") } }
                deleted = try pruning.prune(checkpoints, before: cutoff) { count in
                    if Terminal.showsProgress { Terminal.progress("\(count) events deleted") }
                }
            }
            for chain in found.chains {
                guard let misdated = chain.misdated else { continue }
                Terminal.warning("\(chain.writer.visible): \(misdated.words); they go with those around them")
            }
            report(chains, deleted, before: cutoff)
        }

        private func confirm(_ plan: PrunePlan) throws {
            if yes { return }
            let what = "\(plan.going) of \(plan.stored) events"
            try Terminal.confirm(
                "\(what) would be deleted for good",
                "Delete \(what), all before \(plan.cutoff.rfc3339)? Type yes: ",
                by: "yes",
                orElse: "nothing was deleted"
            )
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
