internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

extension Audit {
    struct Query: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "query",
            abstract: "List messages, the newest last.",
            discussion: """
                One row a message: its decision with its request's outcome. A batch of three is three rows. --json prints one array; `export` \
                writes a line each.
                """
        )

        @OptionGroup var filter: Filter
        @OptionGroup var form: FormOption
        @Option(name: .long, help: "Rows at most, the newest ones; 0 for all.")
        var limit = 100

        func validate() throws {
            guard limit >= 0 else { throw ValidationError("--limit is a number from 0 on") }
        }

        func run() async throws {
            let (_, archive, query) = try filter.open()
            _ = try Self.list(query, limit, archive, form)
        }

        /// - Returns: how many rows there are, at most one more than the limit.
        static func list(
            _ query: AuditQuery,
            _ limit: Int,
            _ archive: any AuditArchive,
            _ form: FormOption
        ) throws -> Int {
            var query = query
            let renderer = AuditRenderer.standard(form.json ? .json : .table)
            guard limit > 0 else {
                var count = 0
                renderer.begin()
                try archive.messages(query) { row in
                    renderer.add(row)
                    count += 1
                    return DataOutput.standard.takesMore
                }
                renderer.end()
                return count
            }
            // One row more than is shown is read, to know whether there are more.
            query.limit = min(limit, .max - 1) + 1
            query.order = .newestFirst
            var rows: [AuditEvent] = []
            let progress = ScanProgress()
            try archive.newestMessages(query, progress: { progress.show($0) }) { row in
                rows.append(row)
                return true
            }
            progress.end()
            renderer.begin()
            for row in rows.prefix(limit).reversed() { renderer.add(row) }
            renderer.end()
            if rows.count > limit { Terminal.hint("these are the newest \(limit); --limit 0 shows all") }
            return rows.count
        }
    }

    /// How far back a search has come, on a terminal, when it takes longer than a moment.
    private final class ScanProgress {
        private let start = ContinuousClock.now
        private var isShown = false

        func show(_ time: Timestamp) {
            guard Terminal.showsProgress, ContinuousClock.now - start > .milliseconds(500) else { return }
            isShown = true
            Terminal.progress("searched back to \(time.rfc3339.prefix(19))Z; Ctrl-C ends it, --since bounds it")
        }

        func end() { if isShown { Terminal.progress("") } }
    }
}
