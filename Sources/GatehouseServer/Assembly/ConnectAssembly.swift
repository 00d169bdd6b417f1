package import GatehouseConfig
package import GatehouseCore
package import GatehouseTokens

/// Makes what connects people's own tokens as a configuration says it.
package enum ConnectAssembly {
    /// - Returns: nil for a token that is not personal.
    package static func token(_ name: TokenName, in configuration: Configuration) -> ConnectableToken? {
        configuration.personalTokens[name].map { settings in
            ConnectableToken(name, by: way(settings.connect), hasFallback: settings.fallback == .route)
        }
    }

    static func site(_ configuration: Configuration) -> ConnectSite {
        ConnectSite(
            path: configuration.connectPath.folder,
            routes: configuration.routes.routes,
            tokens: configuration.personalTokens.keys.compactMap { token($0, in: configuration) }
        )
    }

    private static func way(_ connect: ConnectSettings) -> ConnectableToken.Way {
        switch connect {
        case .paste(let paste): .paste(help: paste.help, url: paste.helpURL)
        case .oauth(let oauth):
            .oauth(
                OAuthConnection(
                    server: server(oauth),
                    client: client(oauth.client),
                    scopes: oauth.scopes,
                    authoritiesFile: oauth.authorities
                )
            )
        }
    }

    private static func server(_ oauth: OAuthSettings) -> OAuthConnection.Server {
        switch (oauth.server, oauth.resource) {
        case (.told(let told), let resource):
            .told(
                OAuthConnection.Told(
                    authorization: told.authorize,
                    token: told.token,
                    revocation: told.revoke,
                    issuer: told.issuer,
                    resource: resource?.text
                )
            )
        case (.discovered, let resource?): .discovered(from: resource)
        case (.discovered, nil): preconditionFailure("the configuration names what a server is discovered from")
        }
    }

    private static func client(_ client: OAuthSettings.Client) -> OAuthConnection.Client {
        switch client {
        case .registered(let known):
            .registered(
                OAuthClient(
                    id: known.id,
                    secret: known.secret.map { .read($0) },
                    authentication: known.authentication
                )
            )
        case .dynamic: .dynamic
        case .document: .document
        }
    }
}
