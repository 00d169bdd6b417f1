internal import ArgumentParser
internal import GatehouseAudit

extension Audit {
    struct Query: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List messages, the newest last.",
            discussion: "One row a message: its decision with its request's outcome. A batch of three is three rows."
        )

        @OptionGroup var filter: Filter
        @OptionGroup var form: FormOption
        @Option(name: .long, help: "Rows at most, the newest ones; 0 for all.")
        var limit = 100

        func validate() throws {
            guard limit >= 0 else { throw ValidationError("--limit is a number from 0 on") }
        }

        func run() async throws {
            var query = try filter.query()
            let archive = try filter.archive()
            let renderer = AuditRenderer.standard(form.json ? .jsonLines : .table)
            renderer.begin()
            guard limit > 0 else {
                return try archive.messages(query) { row in
                    renderer.add(row)
                    return DataOutput.standard.takesMore
                }
            }
            // One more than is shown tells whether there are more.
            query.limit = min(limit, .max - 1) + 1
            query.order = .newestFirst
            var rows: [AuditEvent] = []
            try archive.messages(query) { row in
                rows.append(row)
                return true
            }
            for row in rows.prefix(limit).reversed() { renderer.add(row) }
            if rows.count > limit { Terminal.hint("these are the newest \(limit); --limit 0 shows all") }
        }
    }
}
