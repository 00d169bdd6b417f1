package import GatehouseCore

/// A client that is registered at an authorization server, and how it proves that it is itself (RFC 6749 section 2.3).
package struct OAuthClient: Sendable {
    package let id: String
    package let secret: SecretSource?
    package let authentication: ClientAuthentication

    package init(id: String, secret: SecretSource?, authentication: ClientAuthentication) {
        self.id = id
        self.secret = secret
        self.authentication = authentication
    }
}
