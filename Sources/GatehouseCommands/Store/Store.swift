internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

struct Store: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Prepare the stores of tokens, and move tokens between them.",
        subcommands: [Init.self, Migrate.self]
    )

    struct Init: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Make the tables of a store, or bring them up to date.",
            discussion: """
                Run it as the owner of the database's schema when the serving user may not make tables. Safe to run at any \
                time, also beside a serving instance.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Argument(help: "The store, by its name in `stores` (default: the live one).", completion: Completions.stores)
        var name: String?

        func run() async throws {
            let configuration = try file.load(needing: [.stores])
            let named = try configuration.named(name)
            let store = try StoreAssembly.store(named.settings, names: configuration.tokenNames)
            if let sealed = store as? SealedTokenStore { try await sealed.prepare() }
            if case .postgres(let url, let masterKeys) = named.settings {
                let fleet = FleetDatabase(url: url.secret, keyring: try MasterKeyring(sources: masterKeys.all))
                try await fleet.prepare()
                await fleet.close()
            }
            let load = try await store.load()
            if form.json {
                var json = JSONText()
                json.object { json in
                    json.string("store", named.name.text)
                    json.string("kind", named.settings.kind.rawValue)
                    json.number("tokens", load.tokens.count)
                    json.number("problems", load.problems.count)
                }
                return Terminal.print(json)
            }
            let noun = load.tokens.count == 1 ? "token" : "tokens"
            let problems = load.problems.isEmpty ? "" : ", \(load.problems.count) that cannot be used"
            Terminal.print(
                "store '\(named.name)' (\(named.settings.kind)) is ready: \(load.tokens.count) \(noun)\(problems)"
            )
        }
    }
}

extension Configuration {
    /// A store by its name; the live one without.
    func named(_ name: String?) throws(CommandFailure) -> NamedStore {
        guard let name else { return store }
        guard let named = store(named: name) else {
            let names = stores.map(\.name.text).joined(separator: ", ")
            throw CommandFailure("there is no store '\(name)'", hint: "stores: \(names)")
        }
        return named
    }
}
