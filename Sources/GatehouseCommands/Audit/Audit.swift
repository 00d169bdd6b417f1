internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Read and verify the audit.",
        subcommands: [
            Query.self, Show.self, Tail.self, Stats.self, Digest.self, Export.self, Verify.self, Prune.self,
            Migrate.self,
            Redeliver.self,
        ]
    )

    /// The options that select rows.
    struct Filter: ParsableArguments {
        @OptionGroup var file: ConfigurationOption
        @Option(
            name: .long,
            help:
                "From then on: a time as in 2026-11-23T09:00:00Z, today, yesterday, or how long ago as in 90m, 24h, 7d."
        )
        var since: String?
        @Option(name: .long, help: "Before then, in the same forms.")
        var until: String?
        @Option(name: .long, help: "request or change: what callers asked for, or what was changed, as a token.")
        var kind: String?
        @Option(name: .long, help: "The route, by name.", completion: Completions.routes)
        var route: String?
        @Option(name: .long, help: "The token that was sent or changed.", completion: Completions.tokens)
        var token: String?
        @Option(name: .long, help: "The principal; * stands for any characters.")
        var principal: String?
        @Option(name: .long, help: "The tool, prompt or resource; * stands for any characters.")
        var target: String?
        @Option(name: .long, help: "allow or deny.")
        var decision: String?
        @Option(name: .long, help: "The precise reason.")
        var reason: String?
        @Option(name: .long, help: "The caller's address; * stands for any characters.")
        var ip: String?
        @Option(name: .long, help: "The status of the answer, as in 502, 5xx or 400-499.")
        var status: String?
        @Option(name: .long, help: "One request, by id.")
        var request: String?

        /// Opens the archive and makes the query.
        ///
        /// Options are parsed before the archive is opened: a mistyped time is the caller's to correct, also where nothing was ever recorded.
        ///
        /// - Throws: a usage error for an option's value that means nothing.
        func open(
            needing needs: Set<Configuration.Section> = [.audit]
        ) throws -> (configuration: Configuration, archive: any AuditArchive, query: AuditQuery) {
            let query = try query()
            let configuration = try file.load(needing: needs)
            let archive = Result { try AuditAssembly.archive(configuration.audit) }
            try meetNames(of: configuration, try? archive.get())
            return (configuration, try archive.get(), query)
        }

        /// - Throws: a usage error for a route or reason that neither the configuration nor the audit knows: an empty table would say that nothing
        ///   happened there.
        private func meetNames(of configuration: Configuration, _ archive: (any AuditArchive)?) throws {
            if let reason, Reason(rawValue: reason) == nil {
                try Self.meet("reason", reason, among: Reason.allCases.map(\.rawValue), archive) { $0.reason = reason }
            }
            // In a file with a broken line some routes may be unknown.
            if let route, !configuration.unread.contains(.routes) {
                let names = configuration.routes.routes.map(\.name.text)
                if !names.contains(route) { try Self.meet("route", route, among: names, archive) { $0.route = route } }
            }
        }

        /// Routes that are no more in the file, and reasons of other releases, are in the audit.
        private static func meet(
            _ what: String,
            _ word: String,
            among known: [String],
            _ archive: (any AuditArchive)?,
            _ filter: (inout AuditQuery) -> Void
        ) throws {
            var query = AuditQuery()
            filter(&query)
            query.limit = 1
            var isKnown = false
            try archive?.messages(query) { _ in
                isKnown = true
                return false
            }
            if isKnown { return }
            let nearest = Spelling.nearest(word, in: known)
            throw CommandFailure(
                "there is no \(what) '\(word)'",
                hint: nearest.map { "did you mean '\($0)'?" } ?? "known: \(known.sorted().joined(separator: ", "))",
                code: .usage
            )
        }

        private func query() throws -> AuditQuery {
            var query = AuditQuery()
            query.clientIP = ip
            query.status = try status.map(Self.statuses)
            query.from = try since.map(Self.time)
            query.until = try until.map(Self.time)
            if let kind {
                guard let kind = AuditQuery.Kind(rawValue: kind) else {
                    throw CommandFailure("'\(kind)' is not a kind", hint: "request or change", code: .usage)
                }
                query.kind = kind
            }
            query.route = route
            query.token = token
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

        private static func statuses(_ text: String) throws -> ClosedRange<Int64> {
            if text.utf8.count == 3, let status = Int64(text), (100...599).contains(status) { return status...status }
            if text.utf8.count == 3, text.hasSuffix("xx"), let hundred = Int64(text.prefix(1)),
                (1...5).contains(hundred)
            {
                return hundred * 100...hundred * 100 + 99
            }
            let bounds = text.split(separator: "-").compactMap { Int64($0) }
            guard bounds.count == 2, bounds[0] <= bounds[1], (100...599).contains(bounds[0]), bounds[1] <= 599 else {
                throw CommandFailure("'\(text)' is not a status", hint: "502, 5xx or 400-499", code: .usage)
            }
            return bounds[0]...bounds[1]
        }

        static func time(_ text: String) throws -> Timestamp {
            if let time = Timestamp(parsing: text) { return time }
            let days = SystemClock().now().seconds / 86_400
            // Days of UTC, as all times are printed.
            if text == "today" { return Timestamp(seconds: days * 86_400) }
            if text == "yesterday" { return Timestamp(seconds: (days - 1) * 86_400) }
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
                    hint: "2026-11-23T09:00:00Z, today, yesterday, or 90m, 24h, 7d",
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
    /// Renders to standard output, a table no wider than the terminal.
    static func standard(_ form: Form) -> AuditRenderer {
        AuditRenderer(form, width: Terminal.width, isColoured: Terminal.isColoured) { DataOutput.standard.write($0) }
    }
}
