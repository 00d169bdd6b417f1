package import GatehouseConfig
package import GatehouseCore
package import GatehouseTokens

/// Makes the token store that a configuration names.
package enum StoreAssembly {
    /// - Throws: ``GatehouseError`` or ``TokenError`` when a master key cannot be read, or this build has no such store.
    package static func store(
        _ settings: StoreSettings,
        names: some Sequence<TokenName>
    ) throws -> any TokenStore {
        switch settings {
        case .environment(let environment):
            return try EnvironmentTokenStore(names: names, variables: environment.variables)
        case .sqlite(let path, let masterKeys):
            return SealedTokenStore.sqlite(path: path, keyring: try MasterKeyring(sources: masterKeys.all))
        case .postgres:
            throw notYet("postgres")
        case .infisical:
            throw notYet("infisical")
        }
    }

    private static func notYet(_ kind: String) -> GatehouseError {
        GatehouseError(
            .unsupported,
            "stores of kind '\(kind)' are not in this version",
            hint: "use kind: env or kind: sqlite"
        )
    }
}

extension Configuration {
    /// Every token that some route injects.
    package var tokenNames: Set<TokenName> { Set(routes.routes.flatMap(\.tokens)) }
}
