package import GatehouseCore

/// The facts of a personal grant beside its tokens; sealed with them.
package struct GrantPerson: Sendable, Equatable {
    /// The owner's address when it was connected; empty for a service token.
    package let email: String
    /// As whom the owner is known at the vendor; empty where the vendor does not say.
    package let account: String
    package let connectedAt: Timestamp
    /// Nil for a token that was pasted or that an operator has set.
    package let server: GrantServer?

    package init(email: String, account: String = "", connectedAt: Timestamp, server: GrantServer? = nil) {
        self.email = email
        self.account = account
        self.connectedAt = connectedAt
        self.server = server
    }
}

/// The authorization server that gave a personal grant, and the client to which it gave it: the two that its renewal and its end need.
package struct GrantServer: Sendable, Equatable {
    package let issuer: String
    package let tokenURL: String
    /// Nil where the server offers none (RFC 7009).
    package let revocationURL: String?
    package let clientID: String

    package init(issuer: String, tokenURL: String, revocationURL: String? = nil, clientID: String) {
        self.issuer = issuer
        self.tokenURL = tokenURL
        self.revocationURL = revocationURL
        self.clientID = clientID
    }
}

/// A client that Gatehouse registered by itself (RFC 7591) for one token.
package struct RegisteredClient: Sendable {
    package let issuer: String
    package let id: String
    /// Nil for a public client.
    package let secret: Secret?
    package let authentication: ClientAuthentication
    /// The addresses that the server sends people back to: another one needs another registration.
    package let redirects: [String]
    /// The end of its secret (RFC 7591 section 3.2.1); nil for one without an end.
    package let expiresAt: Timestamp?

    package init(
        issuer: String,
        id: String,
        secret: Secret?,
        authentication: ClientAuthentication,
        redirects: [String],
        expiresAt: Timestamp? = nil
    ) {
        self.issuer = issuer
        self.id = id
        self.secret = secret
        self.authentication = authentication
        self.redirects = redirects
        self.expiresAt = expiresAt
    }

    package var client: OAuthClient {
        OAuthClient(id: id, secret: secret.map { .kept($0) }, authentication: authentication)
    }
}
