internal import GatehouseCore

/// The client as which Gatehouse asks for one token's grants.
struct PersonalClient: Sendable {
    let token: TokenName
    let connection: OAuthConnection
    let store: SealedTokenStore
    let holder: String
    let clock: any WallClock
    let send: IssuerRequest.Send

    /// A client whose secret ends sooner is registered anew, so that it still can fetch what it asks for.
    private static let leastLife: Duration = .seconds(3600)

    /// The client for a new grant. One that registers itself does so once for a server and the pages of the token.
    ///
    /// - Parameter pages: the addresses of the pages from which the token may be connected; the first is the present one.
    func ready(at server: AuthorizationServer, pages: [String]) async throws(ConnectFailure) -> OAuthClient {
        switch connection.client {
        case .registered(let client): return try Self.checked(client)
        case .document:
            guard server.takesDocuments != false else {
                throw ConnectFailure(
                    .unsupported,
                    "the authorization server takes no client by a document",
                    hint: "client: { registration: dynamic }, or a client that you have registered"
                )
            }
            let page = pages.first ?? ""
            return OAuthClient(id: ClientDocument(page: page).url, secret: nil, authentication: .none)
        case .dynamic:
            if let kept = try await kept(), fits(kept, server, pages) { return kept.client }
            return try await register(at: server, pages: pages)
        }
    }

    /// The client to which a grant was given.
    ///
    /// - Returns: nil when it is not known any more.
    func known(as id: String) async throws(ConnectFailure) -> OAuthClient? {
        switch connection.client {
        case .registered(let client): return client.id == id ? try Self.checked(client) : nil
        case .document: return OAuthClient(id: id, secret: nil, authentication: .none)
        case .dynamic: return try await kept().flatMap { $0.id == id ? $0.client : nil }
        }
    }

    /// Before somebody is sent to the vendor in vain.
    private static func checked(_ client: OAuthClient) throws(ConnectFailure) -> OAuthClient {
        do throws(InvalidValue) { _ = try client.secret?.secret() } catch {
            throw ConnectFailure(.configuration, "the client's secret: \(error.message)")
        }
        return client
    }

    private func kept() async throws(ConnectFailure) -> RegisteredClient? {
        let key = GrantKey(token)
        do throws(TokenError) {
            let load = try await store.grants(of: [key])
            if let problem = load.problems[key] { throw problem }
            if case .client(let client)? = load.grants[key]?.kept { return client }
            return nil
        } catch {
            throw ConnectFailure(error)
        }
    }

    /// Registered once, whoever asks at the same time: the lease is that of the client's own row.
    private func register(at server: AuthorizationServer, pages: [String]) async throws(ConnectFailure) -> OAuthClient {
        let lease: GrantLease
        do throws(TokenError) {
            guard case .taken(let taken) = try await store.lease(GrantKey(token), by: holder) else {
                throw TokenError(.unavailable, "Gatehouse is being registered at this moment", hint: "try again")
            }
            lease = taken
        } catch {
            throw ConnectFailure(error)
        }
        if case .client(let kept)? = lease.kept, fits(kept, server, pages) {
            try await release(lease, why: "")
            return kept.client
        }
        var registration = ClientRegistration(
            server: server,
            reach: connection.reach,
            authoritiesFile: connection.authoritiesFile
        )
        registration.send = send
        let redirects = Set(pages).sorted().map { $0 + AuthorizationRequest.callback }
        let registered: RegisteredClient
        do throws(ConnectFailure) {
            registered = try await registration.register(redirects, scopes: connection.scopes)
        } catch {
            try await release(lease, why: error.message)
            throw error
        }
        do throws(TokenError) {
            _ = try await store.keep(.client(registered), under: lease, by: holder)
        } catch {
            throw ConnectFailure(error)
        }
        return registered.client
    }

    private func release(_ lease: GrantLease, why: String) async throws(ConnectFailure) {
        do throws(TokenError) { try await store.release(lease, by: holder, why: why) } catch {
            throw ConnectFailure(error)
        }
    }

    /// Whether a client is that server's, lives for a while, and may send people back to the present page.
    private func fits(_ client: RegisteredClient, _ server: AuthorizationServer, _ pages: [String]) -> Bool {
        let redirect = (pages.first ?? "") + AuthorizationRequest.callback
        if let end = client.expiresAt, end <= clock.now() + Self.leastLife { return false }
        return client.issuer == server.issuer && client.redirects.contains(redirect)
    }
}

extension ConnectFailure {
    init(_ error: TokenError) { self.init(.store, error.message, hint: error.hint) }
}
