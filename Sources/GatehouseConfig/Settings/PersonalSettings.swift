package import GatehouseCore

/// A token of which each caller has an own one.
package struct PersonalSettings: Equatable, Sendable {
    /// The token that serves a caller who has not connected an own one yet.
    package enum Fallback: String, Sendable, CaseIterable {
        /// Nothing: the caller is asked to connect.
        case none
        /// The one that operators have set under the token's name.
        case route
    }

    package let fallback: Fallback
    package let connect: ConnectSettings
}

/// How people come to their own token.
package enum ConnectSettings: Equatable, Sendable {
    /// At an authorization server.
    case oauth(OAuthSettings)
    /// They copy it from a page of the vendor's.
    case paste(PasteSettings)

    /// As `kind` says it.
    package enum Kind: String, Sendable, CaseIterable {
        case oauth
        case paste
    }

    /// Nil for what people paste.
    package var client: OAuthSettings.Client? {
        if case .oauth(let oauth) = self { oauth.client } else { nil }
    }

    var secrets: [SecretSource] {
        guard case .oauth(let oauth) = self, case .registered(let client) = oauth.client else { return [] }
        return client.secret.map { [$0] } ?? []
    }
}

package struct OAuthSettings: Hashable, Sendable {
    /// Where the authorization server is known from.
    package enum Server: Hashable, Sendable {
        /// The protected resource names it (RFC 9728).
        case discovered
        case told(ToldServer)
    }

    /// The client that asks it.
    package enum Client: Hashable, Sendable {
        case registered(RegisteredClientSettings)
        /// Gatehouse registers itself (RFC 7591).
        case dynamic
        /// A document that Gatehouse serves is the client's id.
        case document
    }

    /// The server that the token is for (RFC 8707); always there where ``server`` is discovered.
    package let resource: WebURL?
    package let server: Server
    package let client: Client
    package let scopes: [String]
    /// A PEM file that replaces the system's certificate authorities.
    package let authorities: String?

    /// The hosts that the file names: they may be on a private network.
    package var hosts: Set<String> {
        var hosts: Set<String> = []
        if let resource { hosts.insert(resource.host) }
        if case .told(let told) = server {
            hosts.formUnion([told.authorize, told.token, told.revoke].compactMap(\.?.host))
        }
        return hosts
    }
}

/// An authorization server whose addresses the file names.
package struct ToldServer: Hashable, Sendable {
    package let authorize: WebURL
    package let token: WebURL
    /// Nil where tokens cannot be taken back (RFC 7009).
    package let revoke: WebURL?
    /// The `iss` of its answers (RFC 9207); nil where they need not name it.
    package let issuer: String?
}

/// A client that an operator has registered.
package struct RegisteredClientSettings: Hashable, Sendable {
    package let id: String
    package let secret: SecretSource?
    package let authentication: ClientAuthentication
}

package struct PasteSettings: Hashable, Sendable {
    /// Where the vendor shows it, in words.
    package let help: String
    package let helpURL: WebURL?
}
