package import GatehouseCore

/// A token that is more than a stored value.
package enum TokenSettings: Equatable, Sendable {
    /// One for all callers, which renews itself.
    case shared(RenewalSettings)
    /// Each caller has an own one.
    case personal(PersonalSettings)

    /// The callers whom the token serves, as `per` says it.
    package enum Sharing: String, Sendable, CaseIterable {
        case route
        case person
    }

    /// Nil for a personal one, whose grants say how each is renewed.
    package var renewal: RenewalSettings? {
        if case .shared(let renewal) = self { renewal } else { nil }
    }

    package var personal: PersonalSettings? {
        if case .personal(let personal) = self { personal } else { nil }
    }

    /// Where its secrets are read from.
    package var secrets: [SecretSource] {
        switch self {
        case .shared(let renewal): renewal.secrets
        case .personal(let personal): personal.connect.secrets
        }
    }
}

/// How a token renews itself.
package enum RenewalSettings: Equatable, Sendable {
    case githubApp(GitHubAppSettings)
    case clientCredentials(TokenEndpointSettings)
    /// The first refresh token is the value that operators set.
    case refreshToken(TokenEndpointSettings)

    /// As `kind` says it.
    package enum Kind: String, Sendable, CaseIterable {
        case githubApp = "github_app"
        case clientCredentials = "client_credentials"
        case refreshToken = "refresh_token"
    }

    package var kind: Kind {
        switch self {
        case .githubApp: .githubApp
        case .clientCredentials: .clientCredentials
        case .refreshToken: .refreshToken
        }
    }

    /// Whether an operator sets the refresh token that a first renewal shows.
    package var needsSeed: Bool { kind == .refreshToken }

    /// Where its secrets are read from.
    package var secrets: [SecretSource] {
        switch self {
        case .githubApp(let app): [app.privateKey]
        case .clientCredentials(let endpoint), .refreshToken(let endpoint): endpoint.clientSecret.map { [$0] } ?? []
        }
    }
}

package struct GitHubAppSettings: Hashable, Sendable {
    /// The app's id or client id.
    package let app: String
    package let installation: String
    package let privateKey: SecretSource
    package let api: WebURL
    /// A PEM file that replaces the system's certificate authorities.
    package let authorities: String?
}

/// An OAuth token endpoint and how it is asked.
package struct TokenEndpointSettings: Hashable, Sendable {
    package let url: WebURL
    package let clientID: String
    package let clientSecret: SecretSource?
    package let authentication: ClientAuthentication
    package let scopes: [String]
    package let audience: String?
    package let resource: String?
    /// A PEM file that replaces the system's certificate authorities.
    package let authorities: String?
}
