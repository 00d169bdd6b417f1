package import GatehouseConfig
internal import GatehouseCore
package import GatehouseTokens

/// Makes what renews the tokens that a configuration says renew themselves.
package enum RenewalAssembly {
    /// The store that keeps them; nil where there are none.
    ///
    /// - Parameter isUntouched: for who only looks.
    /// - Throws: ``TokenError`` when a master key cannot be read.
    package static func store(
        _ configuration: Configuration,
        isUntouched: Bool = false
    ) throws -> SealedTokenStore? {
        guard let state = configuration.state else { return nil }
        return try StoreAssembly.store(state.settings, names: [], isUntouched: isUntouched) as? SealedTokenStore
    }

    /// The tokens of a store as requests are given them: those that renew themselves as they are now.
    package static func served(_ store: any TokenStore, _ configuration: Configuration) throws -> any TokenStore {
        let state = try self.store(configuration)
        let store = withheld(store, configuration, state: state)
        guard let state else { return store }
        return ServedTokens(store, state: state, names: Set(configuration.tokens.keys))
    }

    /// A store without the refresh tokens that nothing declares any more.
    ///
    /// - Parameter state: that of the configuration, when it is open already.
    static func withheld(
        _ store: any TokenStore,
        _ configuration: Configuration,
        state: SealedTokenStore? = nil
    ) -> any TokenStore {
        var states = [store as? SealedTokenStore].compactMap { $0 }
        if let place = configuration.state, place != configuration.store,
            let state = try? state ?? self.store(configuration)
        {
            states.append(state)
        }
        guard !states.isEmpty else { return store }
        return WithheldSeeds(store, states: states, declared: Set(configuration.tokens.keys))
    }

    static func tokens(_ settings: [TokenName: TokenSettings]) -> [RenewedToken] {
        settings.map { RenewedToken($0.key, by: issuer($0.value.renewal)) }
    }

    private static func issuer(_ renewal: RenewalSettings) -> any TokenIssuer {
        switch renewal {
        case .githubApp(let app):
            GitHubApp(
                app: app.app,
                installation: app.installation,
                privateKey: app.privateKey,
                api: app.api.text,
                authoritiesFile: app.authorities
            )
        case .clientCredentials(let endpoint): self.endpoint(endpoint, .clientCredentials)
        case .refreshToken(let endpoint): self.endpoint(endpoint, .refreshToken)
        }
    }

    private static func endpoint(_ settings: TokenEndpointSettings, _ grant: TokenEndpoint.Grant) -> TokenEndpoint {
        TokenEndpoint(
            settings.url.text,
            grant,
            client: OAuthClient(
                id: settings.clientID,
                secret: settings.clientSecret,
                authentication: settings.authentication
            ),
            scopes: settings.scopes,
            audience: settings.audience,
            resource: settings.resource,
            authoritiesFile: settings.authorities
        )
    }
}
