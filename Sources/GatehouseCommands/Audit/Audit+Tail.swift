internal import ArgumentParser
internal import GatehouseAudit

extension Audit {
    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the newest events.")

        @OptionGroup var filter: Filter
        @OptionGroup var form: FormOption
        @Flag(name: .long, help: "Wait for more.")
        var follow = false
        @Option(name: .long, help: "Events to begin with.")
        var lines = 20

        /// How often the sink is asked for more.
        private static let interval: Duration = .milliseconds(500)
        /// Events taken at once.
        private static let batch = 1000

        func run() async throws {
            var query = try filter.query()
            let archive = try filter.archive()
            let renderer = AuditRenderer.standard(form.json ? .jsonLines : .table)
            var place = try archive.end()
            renderer.begin()
            query.limit = max(0, lines)
            query.order = .newestFirst
            var newest: [AuditEvent] = []
            if lines > 0 {
                try archive.events(query) { event in
                    newest.append(event)
                    return true
                }
            }
            for event in newest.reversed() { renderer.add(event) }
            query.limit = nil
            // What came between the two questions was answered by both.
            let shown = Set(newest.map(\.id))
            while follow, DataOutput.standard.takesMore {
                DataOutput.standard.flush()
                let more = try archive.events(after: place, query, limit: Self.batch)
                place = more.place
                for event in more.events where !shown.contains(event.id) { renderer.add(event) }
                if more.events.isEmpty { try await Task.sleep(for: Self.interval) }
            }
        }
    }
}
