internal import ArgumentParser
internal import GatehouseCore
internal import GatehouseTokens

extension Token {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the tokens of a store.")

        @OptionGroup var place: Place
        @OptionGroup var form: FormOption
        @Flag(name: .long, help: "List the tokens of persons, with whose they are.")
        var owners = false

        func run() async throws {
            let configuration = try place.load()
            if owners { return try await PersonalGrants(configuration).show(json: form.json) }
            let summaries = try await place.open(configuration).list()
            TokenTable.show(summaries, try await RenewalTable(configuration, summaries), json: form.json)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show one token by its fingerprint."
        )

        @OptionGroup var place: Place
        @OptionGroup var form: FormOption
        @OptionGroup var whose: Whose
        @Argument(help: "The token's name.", completion: Completions.tokens)
        var name: String

        func run() async throws {
            let name = try Token.name(name)
            let configuration = try place.load()
            if let owner = try whose.choice {
                return try await PersonalGrants(configuration).of(name).of(owner).shownOrMissing(json: form.json)
            }
            let summaries = try await place.open(configuration).list().filter { $0.name == name }
            let renewed = try await RenewalTable(configuration, summaries).of(name)
            guard !summaries.isEmpty || !renewed.rows.isEmpty else {
                throw CommandFailure("there is no token '\(name)'", hint: "gatehouse token list")
            }
            TokenTable.show(summaries, renewed, json: form.json)
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "history",
            abstract: "Show what happened to a token, the newest first."
        )

        @OptionGroup var place: Place
        @OptionGroup var form: FormOption
        @Argument(help: "The token's name.", completion: Completions.tokens)
        var name: String

        func run() async throws {
            TokenTable.show(try await place.open().history(of: try Token.name(name)), json: form.json)
        }
    }
}
