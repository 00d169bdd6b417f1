package import GatehouseCore

/// A client that is registered at an authorization server, and how it proves that it is itself (RFC 6749 section 2.3).
package struct OAuthClient: Sendable {
    package enum Authentication: String, Sendable, CaseIterable {
        /// By HTTP Basic, which every server has to know.
        case basic
        /// In the body.
        case post
        /// Not at all: a public client.
        case none
    }

    package let id: String
    package let secret: SecretSource?
    package let authentication: Authentication

    package init(id: String, secret: SecretSource?, authentication: Authentication) {
        self.id = id
        self.secret = secret
        self.authentication = authentication
    }
}
