internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

extension Audit {
    struct Redeliver: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "redeliver",
            abstract: "Send events again that the sink has lost and the spool of this machine still has.",
            discussion: """
                For a failover to a standby that lagged behind. A gateway whose database user may read does it by itself with its next \
                connection. What is there already is left alone, so this may be run again and beside the gateway.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Option(
            name: .long,
            help: "From then on: a time as in 2026-11-23T09:00:00Z, yesterday, or how long ago as in 90m, 24h, 7d."
        )
        var since: String
        @Flag(name: .customLong("dry-run"), help: "Say what is missing, and send nothing.")
        var isDryRun = false

        func run() async throws {
            let from = try Filter.time(since)
            let settings = try file.load(needing: [.audit]).audit
            let keeper = try AuditAssembly.keeper(settings)
            // Instances that take over from each other have a folder each.
            let folders = SharedSpool.folders(of: settings.spool)
            let walks = try (folders.isEmpty ? [settings.spool] : folders).map { folder in try SpoolWalk(folder) }
            defer { if Terminal.showsProgress { Terminal.progress("") } }
            var result = AuditRedelivery.Result()
            for walk in walks {
                let before = result.found
                result.add(
                    try AuditRedelivery.send(walk, to: keeper, since: from, isDry: isDryRun) { count in
                        if Terminal.showsProgress { Terminal.progress("\(before + count) events compared") }
                    }
                )
            }
            report(result, from)
        }

        private func report(_ result: AuditRedelivery.Result, _ from: Timestamp) {
            if form.json {
                var json = JSONText()
                json.object { line in
                    line.string("since", from.rfc3339)
                    line.bool("done", !isDryRun)
                    line.number("found", Int64(result.found))
                    if let missing = result.missing { line.number("missing", Int64(missing)) }
                    line.number("sent", Int64(isDryRun ? 0 : result.sent))
                    if let oldest = result.oldest { line.string("oldest", oldest.rfc3339) }
                }
                return Terminal.print(json)
            }
            if let missing = result.missing {
                let what = missing == 1 ? "1 event was missing" : "\(missing) events were missing"
                Terminal.print(
                    "\(what) of \(result.found) that the spool has; \(isDryRun ? "nothing was sent" : "they are sent")"
                )
            } else {
                Terminal.print(
                    "\(result.found) events that the spool has \(isDryRun ? "would be" : "were") sent; the database user may not see which were missing"
                )
            }
            if let oldest = result.oldest, oldest > from {
                Terminal.hint("the spool has nothing of before \(oldest.rfc3339)")
            }
        }
    }
}
