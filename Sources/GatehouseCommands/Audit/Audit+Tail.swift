internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseServer

extension Audit {
    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "tail",
            abstract: "Show the newest messages, each when its request has ended.",
            discussion:
                "One line a message with who, what and what became of it; --events shows every event as it comes."
        )

        @OptionGroup var filter: Filter
        @OptionGroup var form: FormOption
        @Flag(name: .long, help: "Wait for more.")
        var follow = false
        @Flag(name: .long, help: "Every event by itself, decisions before their outcomes.")
        var events = false
        @Option(name: .long, help: "Lines to begin with.")
        var lines = 20

        /// How often the sink is asked for more.
        private static let interval: Duration = .milliseconds(500)
        /// Events, or requests that ended, taken at once.
        private static let batch = 1000

        func run() async throws {
            var (_, archive, query) = try filter.open()
            let renderer = AuditRenderer.standard(form.json ? .jsonLines : .line)
            var place = try archive.end()
            renderer.begin()
            query.isEnded = !events
            query.limit = max(0, lines)
            query.order = .newestFirst
            var newest: [AuditEvent] = []
            func add(_ event: AuditEvent) -> Bool {
                newest.append(event)
                return true
            }
            if lines > 0 {
                if events { try archive.events(query, add) } else { try archive.messages(query, add) }
            }
            for event in newest.reversed() { renderer.add(event) }
            query.limit = nil
            // Events that came between the two queries are in the results of both.
            let shown = Set(newest.map(\.id))
            while follow, DataOutput.standard.takesMore {
                DataOutput.standard.flush()
                let before = place
                let more: [AuditEvent]
                if events {
                    (more, place) = try archive.events(after: place, query, limit: Self.batch)
                } else {
                    (more, place) = try archive.messages(endedAfter: place, query, limit: Self.batch)
                }
                for event in more where !shown.contains(event.id) { renderer.add(event) }
                if place == before { try await Task.sleep(for: Self.interval) }
            }
        }
    }
}
