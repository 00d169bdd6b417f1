package import GatehouseCore

/// Brings people to their own tokens, and ends them: from the page to the vendor, from the vendor back, and into the store.
package struct TokenConnector: Sendable {
    package struct Person: Sendable {
        package let owner: TokenOwner
        package let email: String

        package init(owner: TokenOwner, email: String) {
            self.owner = owner
            self.email = email
        }
    }

    package struct Connected: Sendable {
        package let token: TokenName
        package let wasReplaced: Bool
    }

    /// The vendor's part in the end of a token.
    package enum Ending: Sendable, Equatable {
        case revoked
        /// The vendor offers no revocation, or nothing was left to revoke.
        case notOffered
        case failed(ConnectFailure)
    }

    private let store: SealedTokenStore
    private let keys: @Sendable () -> PurposeKeys
    private let clock: any WallClock
    private let holder: String
    private let servers: KnownServers
    private let used = UsedOnce()
    private let send: IssuerRequest.Send

    /// - Parameters:
    ///   - keys: of the instance for this purpose; asked for each time, because they change while it runs.
    ///   - holder: who takes leases in the store: a name of this process alone.
    package init(
        store: SealedTokenStore,
        keys: @escaping @Sendable () -> PurposeKeys,
        clock: any WallClock,
        holder: String
    ) {
        self.init(store: store, keys: keys, clock: clock, holder: holder, send: IssuerRequest.curl)
    }

    init(
        store: SealedTokenStore,
        keys: @escaping @Sendable () -> PurposeKeys,
        clock: any WallClock,
        holder: String,
        send: @escaping IssuerRequest.Send
    ) {
        self.store = store
        self.keys = keys
        self.clock = clock
        self.holder = holder
        self.send = send
        servers = KnownServers(clock: clock, send: send)
    }

    /// The grants that are kept for somebody.
    package func grants(_ tokens: [TokenName], of owner: TokenOwner) async throws(ConnectFailure) -> GrantLoad {
        do throws(TokenError) { return try await store.grants(of: tokens.map { GrantKey($0, owner: owner) }) } catch {
            throw ConnectFailure(error)
        }
    }

    // MARK: - At an authorization server

    /// Begins an authorization.
    ///
    /// - Parameter pages: the addresses of the pages from which the token may be connected, each with `/` at its end; the first is the present one.
    /// - Returns: the address to which the browser goes.
    package func begin(
        _ token: TokenName,
        by connection: OAuthConnection,
        for owner: TokenOwner,
        pages: [String]
    ) async throws(ConnectFailure) -> String {
        let server = try await servers.server(of: connection)
        let client = try await client(of: token, by: connection).ready(at: server, pages: pages)
        let pending = PendingAuthorization(
            token: token,
            owner: owner,
            page: pages.first ?? "",
            server: GrantServer(
                issuer: server.issuer ?? "",
                tokenURL: server.token.text,
                revocationURL: server.revocation?.text,
                clientID: client.id
            ),
            origin: server.authorization.origin,
            namesIssuer: server.namesIssuer,
            userinfoURL: server.userinfo?.text,
            resource: server.resource,
            verifier: CodeVerifier(),
            mark: UsedOnce.mark()
        )
        let end = clock.now() + PendingAuthorization.lifetime
        return AuthorizationRequest(
            server: server,
            clientID: client.id,
            redirect: pending.redirect,
            scopes: connection.scopes,
            state: ConnectSeal(keys()).seal(pending.texts, as: .state, until: end),
            verifier: pending.verifier
        ).url
    }

    /// Ends an authorization well: the token is kept once this returns.
    ///
    /// - Parameters:
    ///   - page: the address of the page to which the browser came back.
    ///   - connection: how a token is connected now; nil for one that is not connected there any more.
    package func finish(
        _ answer: AuthorizationAnswer,
        for person: Person,
        page: String,
        connection: (TokenName) -> OAuthConnection?
    ) async throws(ConnectFailure) -> Connected {
        let pending = try pending(answer, for: person, page: page)
        let code = try Self.code(answer, of: pending)
        guard let connection = connection(pending.token) else {
            throw ConnectFailure(.unknownState, "the token '\(pending.token)' is not connected here any more")
        }
        guard let client = try await client(of: pending.token, by: connection).known(as: pending.server.clientID) else {
            throw ConnectFailure(.unknownState, "the client that asked is not known any more", hint: "connect again")
        }
        let exchange = CodeExchange(
            pending: pending,
            client: client,
            reach: connection.reach,
            authoritiesFile: connection.authoritiesFile,
            clock: clock,
            send: send
        )
        let grant = try await exchange.grant(for: code, email: person.email)
        return Connected(token: pending.token, wasReplaced: try await keep(grant, of: pending.token, for: person))
    }

    private func pending(
        _ answer: AuthorizationAnswer,
        for person: Person,
        page: String
    ) throws(ConnectFailure) -> PendingAuthorization {
        guard let opened = ConnectSeal(keys()).open(answer.state, as: .state),
            let pending = PendingAuthorization(texts: opened.texts), pending.page == page
        else {
            throw ConnectFailure(
                .unknownState,
                "the answer belongs to nothing that was begun here",
                hint: "connect again"
            )
        }
        guard pending.owner == person.owner else {
            throw ConnectFailure(
                .otherPerson,
                "somebody else began this",
                hint: "connect from your own page, and let nobody send you such links"
            )
        }
        let now = clock.now()
        guard now < opened.endsAt else {
            throw ConnectFailure(
                .expiredState,
                "the answer came later than ten minutes after the beginning",
                hint: "connect again"
            )
        }
        guard used.use(pending.mark, endingAt: opened.endsAt, now: now) else {
            throw ConnectFailure(.usedState, "the answer was used already", hint: "see below whether it is connected")
        }
        guard pending.isAnswered(by: answer.issuer) else {
            throw ConnectFailure(
                .mixedUpIssuer,
                "the answer comes from another authorization server than the one that was asked",
                hint: "nothing was sent to either; tell your operator"
            )
        }
        return pending
    }

    private static func code(
        _ answer: AuthorizationAnswer,
        of pending: PendingAuthorization
    ) throws(ConnectFailure) -> Secret {
        switch answer.content {
        case .code(let code): return code
        case .error(code: "access_denied"):
            throw ConnectFailure(
                .denied,
                "access to '\(pending.token)' was not granted",
                hint: "connect again to grant it"
            )
        case .error(let code):
            throw ConnectFailure(
                .rejected,
                "the authorization server answers with an error" + (code.map { ": \($0)" } ?? ""),
                hint: "connect again; if it stays, tell your operator this code"
            )
        }
    }

    // MARK: - Pasted

    /// Keeps a token that somebody has pasted.
    package func keep(
        pasted token: TokenValue,
        as name: TokenName,
        for person: Person
    ) async throws(ConnectFailure) -> Connected {
        let now = clock.now()
        let grant = TokenGrant(
            access: token.secret,
            issuedAt: now,
            expiresAt: nil,
            person: GrantPerson(email: person.email, connectedAt: now)
        )
        return Connected(token: name, wasReplaced: try await keep(grant, of: name, for: person))
    }

    /// - Returns: whether there was one before. That one is not revoked: servers that end all grants of a client and person together would end the
    ///   new one with it.
    private func keep(
        _ grant: TokenGrant,
        of token: TokenName,
        for person: Person
    ) async throws(ConnectFailure) -> Bool {
        let key = GrantKey(token, owner: person.owner)
        do throws(TokenError) {
            let before = try await store.grants(of: [key])
            _ = try await store.take(.usable(grant), as: key, by: Self.actor(person))
            return before.grants[key] != nil
        } catch {
            throw ConnectFailure(error)
        }
    }

    // MARK: - The end

    /// Ends somebody's token: at the vendor where that is offered, and here in any case.
    ///
    /// - Parameter connection: nil for one that was pasted.
    package func end(
        _ token: TokenName,
        of person: Person,
        by connection: OAuthConnection?
    ) async throws(ConnectFailure) -> Ending {
        let key = GrantKey(token, owner: person.owner)
        let ending = try await revoke(key, by: connection)
        do throws(TokenError) { try await store.deleteGrant(key, by: Self.actor(person)) } catch {
            throw ConnectFailure(error)
        }
        return ending
    }

    /// Under a lease, so that no renewal gets a new refresh token between the end of the old one and the deletion.
    private func revoke(_ key: GrantKey, by connection: OAuthConnection?) async throws(ConnectFailure) -> Ending {
        let kept: KeptGrant?
        do throws(TokenError) {
            switch try await store.lease(key, by: holder) {
            case .taken(let lease): kept = lease.kept
            case .held:
                throw TokenError(
                    .unavailable,
                    "the token is being renewed at this moment",
                    hint: "try again in a moment"
                )
            }
        } catch {
            // A row that does not open is deleted all the same.
            guard error.code != .unavailable else { throw ConnectFailure(error) }
            return .notOffered
        }
        guard let connection, case .usable(let grant)? = kept, let server = grant.person?.server,
            let url = server.revocationURL
        else { return .notOffered }
        do throws(ConnectFailure) {
            guard let client = try await client(of: key.token, by: connection).known(as: server.clientID) else {
                throw ConnectFailure(.registration, "the client that asked for it is not known any more")
            }
            var revocation = TokenRevocation(
                url,
                client: client,
                reach: connection.reach,
                authoritiesFile: connection.authoritiesFile
            )
            revocation.send = send
            try await revocation.revoke(grant)
            return .revoked
        } catch {
            return .failed(error)
        }
    }

    private func client(of token: TokenName, by connection: OAuthConnection) -> PersonalClient {
        PersonalClient(token: token, connection: connection, store: store, holder: holder, clock: clock, send: send)
    }

    private static func actor(_ person: Person) -> String { person.email.isEmpty ? person.owner.text : person.email }
}
