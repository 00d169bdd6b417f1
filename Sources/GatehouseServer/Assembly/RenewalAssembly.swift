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
        configuration.tokens.isEmpty ? nil : try StoreAssembly.state(configuration, isUntouched: isUntouched)
    }

    /// The tokens of a store as requests are given them: those that renew themselves as they are now.
    package static func served(_ store: any TokenStore, _ configuration: Configuration) throws -> any TokenStore {
        let state = try self.store(configuration)
        let store = withheld(store, configuration, state: state)
        guard let state else { return store }
        return ServedTokens(store, state: state, names: Set(configuration.renewedTokens.keys))
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
        return WithheldSeeds(store, states: states, declared: Set(configuration.renewedTokens.keys))
    }

    static func tokens(_ settings: [TokenName: TokenSettings]) -> [RenewedToken] {
        settings.compactMap { name, token in token.renewal.map { RenewedToken(name, by: issuer($0)) } }
    }

    static func personal(_ configuration: Configuration) -> [PersonalToken] {
        configuration.personalTokens.keys.map { name in
            let connection = ConnectAssembly.token(name, in: configuration)?.connection
            return PersonalToken(name) { server, registered in issuer(server, registered, connection) }
        }
    }

    /// Asks the server that gave a person's last token for the next one, as the client to which it was given.
    private static func issuer(
        _ server: GrantServer,
        _ registered: RegisteredClient?,
        _ connection: OAuthConnection?
    ) -> TokenEndpoint {
        let client =
            switch connection?.client {
            case .registered(let known)? where known.id == server.clientID: known
            case .dynamic?: registered.flatMap { $0.id == server.clientID ? $0.client : nil }
            case .registered?, .document?, nil: nil as OAuthClient?
            }
        return TokenEndpoint(
            server.tokenURL,
            .refreshToken,
            // A client that is not known any more is refused by the server, which says so.
            client: client ?? OAuthClient(id: server.clientID, secret: nil, authentication: .none),
            resource: connection?.resource,
            reach: connection?.reach ?? .configured,
            authoritiesFile: connection?.authoritiesFile
        )
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
                secret: settings.clientSecret.map { .read($0) },
                authentication: settings.authentication
            ),
            scopes: settings.scopes,
            audience: settings.audience,
            resource: settings.resource,
            authoritiesFile: settings.authorities
        )
    }
}
