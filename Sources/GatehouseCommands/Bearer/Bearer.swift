internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

struct Bearer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bearer",
        abstract: "Issue and revoke break-glass credentials, for when Access itself is out.",
        discussion: """
            They open routes with `authenticate: [access, bearer]` and come as `Authorization: Bearer gh_…`. A running instance sees a change
            within a second. Where `state` is a PostgreSQL, all instances do, within two. Otherwise they stand in a file of this machine: run it as the \
            user that runs Gatehouse.
            """,
        subcommands: [Issue.self, List.self, Revoke.self, Migrate.self]
    )

    struct Issue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "issue",
            abstract: "Make a credential and print it, this once.",
            discussion: "It is printed on standard output and kept nowhere: only a digest of it is stored."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Argument(help: "What the audit calls its bearer.")
        var name: String
        @Option(name: .long, help: "The routes that it opens, with commas between.", completion: Completions.routes)
        var routes: [String]
        @Option(
            name: .customLong("for"),
            help: "How long it lasts: from \(Bearer.shortest) to \(Bearer.longest)."
        )
        var lifetime: String = "\(DurationText(BearerStore.defaultLifetime))"
        @Option(name: .long, help: "A few words for the list.")
        var note = ""

        func run() async throws {
            let name = try Token.name(name)
            let configuration = try file.load(needing: Bearer.sections)
            let routes = try self.routes.flatMap { $0.split(separator: ",") }.map { text in
                let route = try configuration.route(named: String(text))
                guard route.credentials.contains(.bearer) else {
                    throw CommandFailure(
                        "the route '\(route.name)' takes no bearers",
                        hint: "authenticate: [access, bearer] on the route"
                    )
                }
                return route.name
            }
            let change = try TokenChange(actor: Token.Record.user, note: note)
            let (text, summary) = try await BearerAssembly.store(configuration)
                .issue(name, for: Set(routes), lasting: try duration(), change)
            show(text, summary)
            await Bearer.record(.bearerIssue, summary, by: change, configuration)
        }

        private func duration() throws -> Duration {
            let duration: Duration
            do throws(InvalidValue) { duration = try DurationText(parsing: lifetime).duration } catch {
                throw CommandFailure(error.message, hint: error.suggestion, code: .usage)
            }
            guard BearerStore.lifetimeRange.contains(duration) else {
                throw CommandFailure(
                    "a bearer lasts from \(Bearer.shortest) to \(Bearer.longest)",
                    hint: "issue another one when it ends",
                    code: .usage
                )
            }
            return duration
        }

        private func show(_ text: BearerText, _ summary: BearerSummary) {
            guard form.json else {
                text.secret.withUnsafeBytes { DataOutput.standard.write(Array($0) + [0x0A]) }
                let routes = summary.routes.map(\.text).joined(separator: ", ")
                Terminal.say(
                    "gatehouse: bearer '\(summary.name)' (\(summary.id)) opens \(routes) until \(summary.expiresAt.rfc3339)"
                )
                return
            }
            var json = JSONText()
            json.object { json in
                json.string("bearer", text.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
                BearerTable.write(summary, to: &json)
            }
            Terminal.print(json)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the credentials that are alive."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Flag(name: .long, help: "Also those that have ended.")
        var all = false

        func run() async throws {
            let list = try await BearerAssembly.existing(file.load(needing: Bearer.sections))?.list() ?? []
            BearerTable.show(
                all ? list : list.filter { $0.status == .live || $0.status == .untrusted },
                json: form.json
            )
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "End a credential now, and what was opened with it."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Flag(name: .long, help: "All that are alive; works also when those of a fleet were changed outside Gatehouse.")
        var all = false
        @Argument(help: "Its name or id.")
        var name: String?

        func validate() throws {
            guard all != (name != nil) else { throw ValidationError("name one, or all of them: --all") }
        }

        func run() async throws {
            let change = try TokenChange(actor: Token.Record.user)
            let configuration = try file.load(needing: Bearer.sections)
            let revoked = try await BearerAssembly.store(configuration).revoke(name, change)
            BearerTable.show(revoked, json: form.json)
            for summary in revoked { await Bearer.record(.bearerRevoke, summary, by: change, configuration) }
            guard revoked.isEmpty else { return }
            var event = AuditChange(.bearerRevoke, by: .operator(change.actor))
            event.target = "all, which were not trusted any more"
            await Token.record(event, configuration)
            Terminal.say("gatehouse: the bearers were changed outside Gatehouse, and all are destroyed")
        }
    }

    static let sections: Set<Configuration.Section> = [.stores, .store, .tokens, .audit]

    static func record(
        _ action: AuditChange.Action,
        _ summary: BearerSummary,
        by change: TokenChange,
        _ configuration: Configuration
    ) async {
        var event = AuditChange(action, by: .operator(change.actor))
        let routes = summary.routes.map(\.text).sorted().joined(separator: ", ")
        event.target = "\(summary.name) (\(summary.id)) for \(routes) until \(summary.expiresAt.rfc3339)"
        await Token.record(event, configuration)
    }

    private static var shortest: DurationText { DurationText(BearerStore.lifetimeRange.lowerBound) }
    private static var longest: DurationText { DurationText(BearerStore.lifetimeRange.upperBound) }
}

/// How credentials are shown: everything but what opens a route.
enum BearerTable {
    static func show(_ summaries: [BearerSummary], json: Bool) {
        if json {
            var text = JSONText()
            text.array { list in
                for summary in summaries { list.object { write(summary, to: &$0) } }
            }
            return Terminal.print(text)
        }
        let rows = summaries.map { summary in
            [
                summary.name, summary.id, summary.status.rawValue, summary.routes.map(\.text).joined(separator: ","),
                summary.issuedAt.rfc3339, summary.expiresAt.rfc3339, summary.issuedBy, summary.note,
            ]
        }
        TokenTable.show([["NAME", "ID", "STATUS", "ROUTES", "ISSUED", "EXPIRES", "BY", "NOTE"]] + rows)
    }

    static func write(_ summary: BearerSummary, to json: inout JSONText) {
        json.string("name", summary.name)
        json.string("id", summary.id)
        json.string("status", summary.status.rawValue)
        json.array("routes") { list in
            for route in summary.routes { list.string(nil, route.text) }
        }
        json.string("issued_at", summary.issuedAt.rfc3339)
        json.string("expires_at", summary.expiresAt.rfc3339)
        json.string("issued_by", summary.issuedBy)
        json.string("note", summary.note)
        if let revoked = summary.revokedAt {
            json.string("revoked_at", revoked.rfc3339)
            json.string("revoked_by", summary.revokedBy)
        }
    }
}
