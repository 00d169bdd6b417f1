import GatehouseCore
import Testing

@testable import GatehouseTokens

/// A refresh token whose entry has left the configuration is a value like others in its store, and is for no upstream.
@Suite("Refresh tokens that nothing declares") struct WithheldSeedsTests {
    let fixture: StoreFixture
    let store: SealedTokenStore
    let drive = TokenName.name("drive")

    init() async throws {
        fixture = try StoreFixture()
        store = try fixture.store()
        try await store.set(.coda, "a token")
        try await store.set(drive, "the refresh token")
    }

    private func keep(_ seed: String, in store: SealedTokenStore, _ key: GrantKey) async throws {
        guard case .taken(let lease) = try await store.lease(key, by: "one") else {
            throw TokenError(.unavailable, "held")
        }
        let grant = TokenGrant(
            access: Secret("access"),
            issuedAt: Timestamp(seconds: 1_764_000_000),
            expiresAt: nil,
            seed: SeedDigest(of: Secret(seed))
        )
        _ = try await store.keep(.usable(grant), under: lease, by: "one")
    }

    private func withheld(_ states: SealedTokenStore..., declared: TokenName...) -> WithheldSeeds {
        WithheldSeeds(store, states: states, declared: Set(declared))
    }

    @Test func `are withheld and named, and other tokens are not`() async throws {
        try await keep("the refresh token", in: store, GrantKey(drive))
        let load = try await withheld(store).load()
        #expect(load.tokens.mapValues(\.secret.text) == [.coda: "a token"] && load.dates[drive] == nil)
        #expect(load.problems.map(\.name) == [drive] && load.problems.map(\.error.code) == [.configuration])
        let error = try #require(load.problems.first?.error)
        #expect(error.message.contains("drive") && error.hint?.contains("gatehouse token delete drive") == true)
        #expect(!"\(error) \(error.hint ?? "")".contains("the refresh token"))
        #expect(await code { _ = try await withheld(store).value(of: drive) } == .configuration)
        #expect(try await withheld(store).value(of: .coda).secret.text == "a token")
    }

    @Test func `are what a token begins with while it is declared`() async throws {
        try await keep("the refresh token", in: store, GrantKey(drive))
        let load = try await withheld(store, declared: drive).load()
        #expect(load.tokens[drive]?.secret.text == "the refresh token" && load.problems.isEmpty)
    }

    @Test func `are found by grants in another store`() async throws {
        let elsewhere = try StoreFixture()
        try await keep("the refresh token", in: elsewhere.store(), GrantKey(drive))
        #expect(try await withheld(store).load().tokens[drive] != nil)
        #expect(try await withheld(store, elsewhere.store()).load().tokens[drive] == nil)
    }

    @Test func `give way to a token that somebody sets in their place`() async throws {
        try await keep("the refresh token", in: store, GrantKey(drive))
        try await store.rotate(drive, "a token of its own")
        #expect(try await withheld(store).load().tokens[drive]?.secret.text == "a token of its own")
        // Going back would bring it back: it is withheld again.
        _ = try await store.rollback(drive, .nothing)
        #expect(try await withheld(store).load().tokens[drive] == nil)
    }

    @Test func `are taken for such where their grant does not open`() async throws {
        try await keep("the refresh token", in: store, GrantKey(drive))
        try fixture.sql("UPDATE token_versions SET sealed = zeroblob(80) WHERE name LIKE '*grant%'")
        let load = try await withheld(try fixture.store()).load()
        #expect(load.tokens.keys.map(\.text) == ["coda"] && load.problems.map(\.name) == [drive])
    }

    /// A person's own grant says nothing of the value that callers share.
    @Test func `are not those of a person`() async throws {
        try await keep("the refresh token", in: store, GrantKey(drive, owner: TokenOwner(subject: "ada")))
        #expect(try await withheld(store).load().tokens[drive] != nil)
    }
}
