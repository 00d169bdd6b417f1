package import GatehouseCore

/// The way to somebody's token at an authorization server, as the configuration says it.
package struct OAuthConnection: Sendable {
    package enum Server: Sendable, Hashable {
        /// Its documents are found from the resource that the token is for (RFC 9728).
        case discovered(from: WebURL)
        case told(Told)
    }

    package struct Told: Sendable, Hashable {
        package let authorization: WebURL
        package let token: WebURL
        package let revocation: WebURL?
        /// The `iss` of its answers (RFC 9207); nil where they need not name it.
        package let issuer: String?
        /// The server that the token is for (RFC 8707).
        package let resource: String?

        package init(
            authorization: WebURL,
            token: WebURL,
            revocation: WebURL? = nil,
            issuer: String? = nil,
            resource: String? = nil
        ) {
            self.authorization = authorization
            self.token = token
            self.revocation = revocation
            self.issuer = issuer
            self.resource = resource
        }
    }

    package enum Client: Sendable {
        case registered(OAuthClient)
        /// Gatehouse registers itself (RFC 7591).
        case dynamic
        /// The address of a document that Gatehouse serves is its id.
        case document
    }

    package let server: Server
    package let client: Client
    package let scopes: [String]
    /// A PEM file that replaces the system's certificate authorities.
    package let authoritiesFile: String?

    package init(server: Server, client: Client, scopes: [String] = [], authoritiesFile: String? = nil) {
        self.server = server
        self.client = client
        self.scopes = scopes
        self.authoritiesFile = authoritiesFile
    }

    /// The server that the token is for (RFC 8707); nil where nobody has said.
    package var resource: String? {
        switch server {
        case .discovered(let resource): resource.text
        case .told(let told): told.resource
        }
    }

    /// Where its servers may stand: the configuration names those hosts alone.
    package var reach: IssuerReach {
        switch server {
        case .discovered(let resource): .discovered(naming: [resource.host])
        case .told: .configured
        }
    }
}
