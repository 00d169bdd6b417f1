internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read and verify the audit.",
        subcommands: [Query.self, Show.self, Tail.self, Export.self, Verify.self, Prune.self, Migrate.self]
    )

    /// Which rows are wanted.
    struct Filter: ParsableArguments {
        @OptionGroup var file: ConfigurationOption
        @Option(
            name: .long,
            help: "From then on: a time as in 2026-11-23T09:00:00Z, or how long ago as in 90m, 24h, 7d."
        )
        var since: String?
        @Option(name: .long, help: "Before then, in the same forms.")
        var until: String?
        @Option(name: .long, help: "The route, by name.", completion: Completions.routes)
        var route: String?
        @Option(name: .long, help: "The principal; * stands for any characters.")
        var principal: String?
        @Option(name: .long, help: "The tool, prompt or resource; * stands for any characters.")
        var target: String?
        @Option(name: .long, help: "allow or deny.")
        var decision: String?
        @Option(name: .long, help: "The precise reason.")
        var reason: String?
        @Option(name: .long, help: "One request, by id.")
        var request: String?

        func query() throws -> AuditQuery {
            var query = AuditQuery()
            query.from = try since.map(Self.time)
            query.until = try until.map(Self.time)
            query.route = route
            query.principal = principal
            query.target = target
            query.reason = reason
            if let decision {
                guard decision == "allow" || decision == "deny" else {
                    throw CommandFailure("'\(decision)' is not a decision", hint: "allow or deny", code: .usage)
                }
                query.isAllowed = decision == "allow"
            }
            if let request {
                guard let id = RequestID(parsing: request) else {
                    throw CommandFailure(
                        "'\(request)' is not a request id",
                        hint: "32 hexadecimal digits",
                        code: .usage
                    )
                }
                query.requestID = id
            }
            return query
        }

        func archive() throws -> any AuditArchive { try AuditAssembly.archive(try file.load(needing: [.audit]).audit) }

        static func time(_ text: String) throws -> Timestamp {
            if let time = Timestamp(parsing: text) { return time }
            let seconds: Int64? =
                switch text.last {
                case "s": 1
                case "m": 60
                case "h": 3600
                case "d": 86_400
                case _: nil
                }
            guard let seconds, let count = Int64(text.dropLast()), (0...1_000_000_000).contains(count) else {
                throw CommandFailure(
                    "'\(text)' is not a time",
                    hint: "2026-11-23T09:00:00Z, or 90m, 24h, 7d",
                    code: .usage
                )
            }
            return SystemClock().now() + .seconds(-count * seconds)
        }
    }
}

extension Audit {
    /// Does something with every event of an archive, and shows on a terminal how far it is.
    static func showingProgress<Result>(
        through archive: any AuditArchive,
        _ body: (_ progress: (_ events: Int) -> Void) throws -> Result
    ) throws -> Result {
        let total = Terminal.showsProgress ? try archive.count(AuditQuery()) : 0
        defer { if total > 0 { Terminal.progress("") } }
        return try body { count in
            if total > 0 { Terminal.progress(Terminal.bar(count, of: total, "events")) }
        }
    }
}

extension AuditRenderer {
    /// To standard output, a table no wider than the terminal.
    static func standard(_ form: Form) -> AuditRenderer {
        AuditRenderer(form, width: Terminal.width) { DataOutput.standard.write($0) }
    }
}
