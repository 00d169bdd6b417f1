package import GatehouseConfig
package import GatehouseCore
package import GatehouseTokens

/// Makes the token store that a configuration names.
package enum StoreAssembly {
    /// - Parameter isUntouched: for reading only: no database, schema or file is made, and none migrated.
    /// - Throws: ``TokenError`` when a master key cannot be read.
    package static func store(
        _ settings: StoreSettings,
        names: some Sequence<TokenName>,
        isUntouched: Bool = false
    ) throws -> any TokenStore {
        switch settings {
        case .environment(let environment):
            return try EnvironmentTokenStore(names: names, variables: environment.variables)
        case .file(let path): return FileTokenStore(names: Set(names), folder: path)
        case .exec(let exec):
            let command = TokenCommand(words: exec.command, variables: exec.variables)
            return CommandTokenStore(names: Set(names), command: command, cache: exec.cache)
        case .sqlite(let path, let masterKeys):
            let keyring = try MasterKeyring(sources: masterKeys.all)
            return SealedTokenStore.sqlite(path: path, keyring: keyring, isUntouched: isUntouched)
        case .postgres(let url, let masterKeys):
            let keyring = try MasterKeyring(sources: masterKeys.all)
            return SealedTokenStore.postgres(url: url.secret, keyring: keyring, isUntouched: isUntouched)
        case .infisical(let infisical):
            return InfisicalTokenStore(
                InfisicalPlace(
                    site: infisical.site.text,
                    project: infisical.project,
                    environment: infisical.environment,
                    path: infisical.path,
                    clientID: infisical.clientID,
                    clientSecret: infisical.clientSecret,
                    authoritiesFile: infisical.authorities
                )
            )
        case .vault(let vault): return VaultTokenStore(VaultPlace(vault))
        }
    }
}

extension StoreAssembly {
    /// The store that keeps renewed tokens, pins and deny entries; nil where the configuration has none.
    ///
    /// - Throws: ``TokenError`` when a master key cannot be read.
    static func state(_ configuration: Configuration, isUntouched: Bool) throws -> SealedTokenStore? {
        guard let state = configuration.state else { return nil }
        return try store(state.settings, names: [], isUntouched: isUntouched) as? SealedTokenStore
    }
}

extension Configuration {
    package var pinnedRoutes: [Route] { routes.routes.filter { $0.pin != nil } }

    /// Every token that some route injects.
    package var tokenNames: Set<TokenName> { Set(routes.routes.flatMap(\.tokens)) }
}

extension VaultPlace {
    fileprivate init(_ vault: VaultStoreSettings) {
        let identity: Identity =
            switch vault.identity {
            case .token(let token): .token(token)
            case .role(let id, let secret, let mount): .role(id: id, secret: secret, mount: mount.text)
            }
        self.init(
            address: vault.address,
            nodes: vault.nodes,
            mount: vault.mount.text,
            path: vault.path.text,
            namespace: vault.namespace?.text,
            identity: identity,
            authoritiesFile: vault.authorities
        )
    }
}
