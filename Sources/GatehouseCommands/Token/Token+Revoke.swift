internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens

extension Token {
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "End one person's token: at the vendor where that is offered, and here in any case."
        )

        @OptionGroup var place: Place
        @OptionGroup var form: FormOption
        @OptionGroup var record: Record
        @OptionGroup var whose: Whose
        @Argument(help: "The token's name.", completion: Completions.tokens)
        var name: String

        func run() async throws {
            let name = try Token.name(name)
            guard let owner = try whose.choice else {
                throw CommandFailure(
                    "whose token is to end?",
                    hint: "--owner WHO; a token that callers share is ended by 'gatehouse token delete'",
                    code: .usage
                )
            }
            let configuration = try place.load(whole: [.tokens])
            let grants = try await PersonalGrants(configuration).of(name).of(owner)
            guard !grants.rows.isEmpty else {
                throw CommandFailure("there is no such token", hint: "gatehouse token list --owners")
            }
            try await OwnerEnding(configuration, grants.store, .tokenRevoke, by: try record.change().actor)
                .end(grants.rows, json: form.json)
        }
    }
}
