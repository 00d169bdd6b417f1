internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

extension Audit {
    struct Stats: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stats",
            abstract: "Count messages by route, decision, reason and principal.",
            discussion: "Of the last 24 hours, unless --since says otherwise. Takes the filters of `query`."
        )

        @OptionGroup var filter: Filter
        @OptionGroup var form: FormOption

        /// Lines of each list; `--json` has all.
        private static let shown = 10

        func run() async throws {
            var (_, archive, query) = try filter.open()
            if filter.since == nil { query.from = try Filter.time("24h") }
            var tally = AuditTally()
            try archive.messages(query) { row in
                tally.add(row)
                return true
            }
            if form.json { return Terminal.print(json(tally, query)) }
            Terminal.print("since     \(query.from?.rfc3339 ?? "the beginning")")
            Terminal.print("messages  \(tally.messages)")
            Terminal.print("denied    \(tally.denied)")
            if let median = tally.percentile(50), let slow = tally.percentile(95) {
                Terminal.print("duration  half within \(median) ms, 95 % within \(slow) ms")
            }
            for (title, counts) in tally.lists where !counts.isEmpty {
                Terminal.print("\n\(title)")
                for (name, count) in counts.prefix(Self.shown) {
                    let digits = String(count)
                    let space = String(repeating: " ", count: max(1, 10 - digits.count))
                    Terminal.print("\(space)\(digits)  \(name.visible)")
                }
                if counts.count > Self.shown { Terminal.print("            and \(counts.count - Self.shown) more") }
            }
        }

        private func json(_ tally: AuditTally, _ query: AuditQuery) -> JSONText {
            var json = JSONText()
            json.object { line in
                if let from = query.from { line.string("since", from.rfc3339) }
                if let until = query.until { line.string("until", until.rfc3339) }
                line.number("messages", Int64(tally.messages))
                line.number("denied", Int64(tally.denied))
                if let median = tally.percentile(50) { line.number("p50_ms", Int64(median)) }
                if let slow = tally.percentile(95) { line.number("p95_ms", Int64(slow)) }
                for (title, counts) in tally.lists {
                    line.object(title) { object in
                        for (name, count) in counts { object.number(name, Int64(count)) }
                    }
                }
            }
            return json
        }
    }
}
