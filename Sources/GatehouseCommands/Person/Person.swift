internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

struct PersonCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "person",
        abstract: "Look after the people who have tokens of their own.",
        subcommands: [Forget.self]
    )

    /// Offboarding.
    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "forget",
            abstract: "Revoke and delete all tokens of somebody, and say which.",
            discussion: """
                Each token is revoked at its vendor where the vendor offers that, and deleted in any case. A running instance stops \
                using them within a second or two, and ends streams that were opened with them.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @OptionGroup var record: Token.Record
        @Flag(name: .long, help: "Do not ask.")
        var yes = false
        @Argument(help: "The person's e-mail address, ID.access of a service token, or a sub.")
        var who: String

        func run() async throws {
            let choice = try OwnerChoice(parsing: who)
            let configuration = try file.load(needing: [.stores], whole: [.tokens])
            let grants = try await PersonalGrants(configuration).of(choice)
            guard !grants.rows.isEmpty else {
                throw CommandFailure("'\(who)' has no tokens here", hint: "gatehouse token list --owners")
            }
            if !yes {
                if Terminal.isInteractive { grants.show(json: false) }
                try Terminal.confirm(
                    "forgetting somebody is for good",
                    "Revoke and delete these \(grants.rows.count) tokens? Type the address: ",
                    by: who,
                    orElse: "nothing was deleted"
                )
            }
            try await OwnerEnding(configuration, grants.store, .tokenForget, by: try record.change().actor)
                .end(grants.rows, json: form.json)
        }
    }
}
