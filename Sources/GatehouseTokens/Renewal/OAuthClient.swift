package import GatehouseCore

/// A client that is registered at an authorization server, and how it proves that it is itself (RFC 6749 section 2.3).
package struct OAuthClient: Sendable {
    /// Where the client's secret comes from.
    package enum ClientSecret: Sendable {
        /// Read anew each time, so that an operator may replace it.
        case read(SecretSource)
        /// The server gave it when Gatehouse registered itself.
        case kept(Secret)

        func secret() throws(InvalidValue) -> Secret {
            switch self {
            case .read(let source): try source.read()
            case .kept(let secret): secret
            }
        }
    }

    package let id: String
    package let secret: ClientSecret?
    package let authentication: ClientAuthentication

    package init(id: String, secret: ClientSecret?, authentication: ClientAuthentication) {
        self.id = id
        self.secret = secret
        self.authentication = authentication
    }
}
