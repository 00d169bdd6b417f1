import GatehouseCore
import Synchronization
import Testing

@testable import GatehouseTokens

/// Tokens of which each person has an own one, as the renewer keeps them.
@Suite struct PersonalRenewalTests {
    let fixture: StoreFixture
    let clock = RenewalFixture()
    let notion = TokenName.name("notion")

    init() throws { fixture = try StoreFixture() }

    private func store() throws -> SealedTokenStore {
        SealedTokenStore.sqlite(path: fixture.file, keyring: try MasterKeyring([StoreFixture.oldKey]), clock: clock)
    }

    private func owner(_ who: String) throws -> TokenOwner { try #require(TokenOwner(subject: who)) }

    private func key(_ who: String) throws -> GrantKey { GrantKey(notion, owner: try owner(who)) }

    private func grant(
        _ access: String,
        of who: String,
        refresh: String? = "refresh",
        lifetime: Duration? = .seconds(3600)
    ) -> KeptGrant {
        let now = clock.now()
        let server = GrantServer(issuer: "https://idp", tokenURL: "https://idp/token", clientID: "c")
        return .usable(
            TokenGrant(
                access: Secret(access),
                refresh: refresh.map { Secret($0) },
                issuedAt: now,
                expiresAt: lifetime.map { now + $0 },
                person: GrantPerson(
                    email: "\(who)@example.com",
                    account: "\(who) at the vendor",
                    connectedAt: now,
                    server: refresh == nil ? nil : server
                )
            )
        )
    }

    private func renewer(
        _ issuer: RenewalFixture.Issuer,
        store: SealedTokenStore,
        holder: String = "one"
    ) -> TokenRenewer {
        clock.renewer([:], store: store, holder: holder, personal: [PersonalToken(notion) { _, _ in issuer }])
    }

    private func served(_ renewer: TokenRenewer, _ who: String) throws -> String? {
        guard case .usable(let value, _)? = renewer.personalTokens[notion, try owner(who)] else { return nil }
        return value.secret.text
    }

    @Test func `each person's token is renewed with their own refresh token, and stays theirs`() async throws {
        let store = try store()
        for who in ["ann", "bob"] {
            _ = try await store.take(grant("of-\(who)", of: who, refresh: "r-\(who)"), as: try key(who), by: who)
        }
        let issuer = RenewalFixture.Issuer(needsSeed: true, clock: clock)
        // A value that operators have set serves who has none, and is nobody's refresh token.
        try clock.seed(notion, "shared")
        let renewer = renewer(issuer, store: store)
        await renewer.tick()
        #expect(try served(renewer, "ann") == "of-ann")
        #expect(try served(renewer, "bob") == "of-bob")
        #expect(issuer.asked.isEmpty)
        clock.advance(.seconds(2880))
        issuer.answer(.grant("new", refresh: "r-new"), .grant("new", refresh: "r-new"))
        await renewer.tick()
        #expect(Set(issuer.asked) == ["r-ann", "r-bob"])
        #expect(try served(renewer, "ann") == "new")
        let record = try await store.grants().grants[try key("ann")]
        #expect(record?.kept.person?.email == "ann@example.com")
        #expect(record?.kept.person?.server?.clientID == "c")
    }

    @Test func `a grant that the server has ended asks its owner and nobody else`() async throws {
        let store = try store()
        for who in ["ann", "bob"] {
            _ = try await store.take(grant("of-\(who)", of: who), as: try key(who), by: who)
        }
        let issuer = RenewalFixture.Issuer(needsSeed: true, clock: clock)
        let renewer = renewer(issuer, store: store)
        await renewer.tick()
        issuer.answer(.failure(RenewalFailure(.ended, "invalid_grant")))
        let outcome = Mutex<[String?]>([])
        renewer.rejected(try key("ann"), version: 1) { value in outcome.withLock { $0.append(value?.secret.text) } }
        await renewer.tick()
        #expect(outcome.withLock { $0 } == [nil])
        #expect(renewer.personalTokens[notion, try owner("ann")] == .needsConnecting)
        #expect(try served(renewer, "bob") == "of-bob")
        let kept = try await store.grants().grants[try key("ann")]?.kept
        #expect(kept?.person?.email == "ann@example.com")
        // Connected anew, it serves at once.
        _ = try await store.take(grant("again", of: "ann"), as: try key("ann"), by: "ann")
        await renewer.tick()
        #expect(try served(renewer, "ann") == "again")
    }

    @Test func `a token that nothing renews serves to its end, and then asks its owner`() async throws {
        let store = try store()
        _ = try await store.take(grant("pasted", of: "ann", refresh: nil, lifetime: nil), as: try key("ann"), by: "ann")
        _ = try await store.take(grant("hour", of: "bob", refresh: nil), as: try key("bob"), by: "bob")
        let issuer = RenewalFixture.Issuer(needsSeed: true, clock: clock)
        let renewer = renewer(issuer, store: store)
        await renewer.tick()
        clock.advance(.seconds(3601))
        await renewer.tick()
        #expect(try served(renewer, "ann") == "pasted")
        #expect(renewer.personalTokens[notion, try owner("bob")] == .needsConnecting)
        #expect(issuer.asked.isEmpty)
        let outcome = Mutex<[String?]>([])
        renewer.rejected(try key("ann"), version: 1) { value in outcome.withLock { $0.append(value?.secret.text) } }
        #expect(outcome.withLock { $0 } == [nil])
    }

    @Test func `a token that its owner has taken back is gone for every process at the next look`() async throws {
        let (one, two) = (try store(), try store())
        _ = try await one.take(grant("of-ann", of: "ann"), as: try key("ann"), by: "ann")
        let issuer = RenewalFixture.Issuer(needsSeed: true, clock: clock)
        let renewer = renewer(issuer, store: two)
        await renewer.tick()
        #expect(try served(renewer, "ann") == "of-ann")
        try await one.deleteGrant(try key("ann"), by: "ann")
        await renewer.tick()
        #expect(renewer.personalTokens[notion, try owner("ann")] == nil)
    }

    @Test func `a row that cannot be trusted serves nobody`() async throws {
        let store = try store()
        _ = try await store.take(grant("of-ann", of: "ann"), as: try key("ann"), by: "ann")
        _ = try await store.take(grant("of-bob", of: "bob"), as: try key("bob"), by: "bob")
        let issuer = RenewalFixture.Issuer(needsSeed: true, clock: clock)
        let renewer = renewer(issuer, store: store)
        await renewer.tick()
        try fixture.sql("UPDATE token_heads SET revision = revision + 1 WHERE name LIKE '*grant notion ann'")
        // It is noticed with the next change in the store.
        _ = try await store.take(grant("again", of: "bob"), as: try key("bob"), by: "bob")
        await renewer.tick()
        #expect(renewer.personalTokens[notion, try owner("ann")] == nil)
        #expect(try served(renewer, "bob") == "again")
    }

    /// An issuer that answers when it is told to.
    private struct Slow: TokenIssuer {
        let needsSeed = true
        let released: AsyncStream<Never>

        func renew(_ refresh: Secret?, seed: SeedDigest?) async throws(RenewalFailure) -> TokenGrant {
            for await _ in released {}
            throw RenewalFailure(.unavailable, "released")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a start waits for no person's renewal, and shared tokens come before those of many people`() async throws {
        let store = try store()
        for number in 0..<8 {
            let who = "person-\(number)"
            _ = try await store.take(grant("of-\(who)", of: who), as: try key(who), by: who)
        }
        clock.advance(.seconds(3000))
        let (released, release) = AsyncStream.makeStream(of: Never.self)
        let shared = RenewalFixture.Issuer(needsSeed: false, clock: clock)
        shared.answer(.grant("shared"))
        let renewer = clock.renewer(
            [.name("app"): shared],
            store: store,
            personal: [PersonalToken(notion) { _, _ in Slow(released: released) }]
        )
        await renewer.begin()
        #expect(renewer.tokens[.name("app")]?.secret.text == "shared")
        #expect(try served(renewer, "person-0") == "of-person-0")
        release.finish()
        await renewer.tick()
    }

    /// The shared tokens are read anew with each change of the store, of which many people make many.
    @Test func `the shared grants are read without those of people`() async throws {
        let store = try store()
        _ = try await store.take(grant("of-ann", of: "ann"), as: try key("ann"), by: "ann")
        _ = try await store.take(grant("shared", of: "nobody"), as: GrantKey(notion), by: "ann")
        try fixture.sql("UPDATE token_versions SET sealed = zeroblob(80) WHERE name LIKE '*grant notion ann'")
        let load = try await store.sharedGrants()
        #expect(Set(load.grants.keys) == [GrantKey(notion)])
        #expect(load.problems.isEmpty)
        #expect(try await store.grants().problems.keys.map(\.owner?.text) == ["ann"])
    }

    /// One grant too many would have every reading refuse the whole store.
    @Test func `a full store takes no further grant, and goes on with those that it has`() async throws {
        let store = try store()
        _ = try await store.take(grant("of-ann", of: "ann"), as: try key("ann"), by: "ann")
        try fixture.sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < \(SealedTokenStore.maximumGrants))
            INSERT INTO token_heads SELECT '*grant other ' || i, 1, 1, 1, 0, zeroblob(40) FROM n
            """
        )
        await #expect(throws: TokenError.self) {
            try await store.take(grant("of-bob", of: "bob"), as: try key("bob"), by: "bob")
        }
        await #expect(throws: TokenError.self) { try await store.lease(try key("bob"), by: "bob") }
        #expect(try await store.take(grant("again", of: "ann"), as: try key("ann"), by: "ann") == 2)
        #expect(try await store.grants(of: [try key("ann")]).grants.count == 1)
    }

    @Test func `personal tokens are served for the time that the configuration says while the store is down`()
        async throws
    {
        let store = try store()
        _ = try await store.take(grant("of-ann", of: "ann", lifetime: nil), as: try key("ann"), by: "ann")
        let issuer = RenewalFixture.Issuer(needsSeed: true, clock: clock)
        let renewer = renewer(issuer, store: store)
        await renewer.tick()
        try fixture.sql("ALTER TABLE token_heads RENAME TO elsewhere")
        clock.advance(TokenRenewer.defaultMaxStale - .seconds(1))
        await renewer.tick()
        #expect(try served(renewer, "ann") == "of-ann")
        clock.advance(.seconds(2))
        await renewer.tick()
        #expect(!renewer.personalTokens.isRead)
        #expect(try served(renewer, "ann") == nil)
    }
}
