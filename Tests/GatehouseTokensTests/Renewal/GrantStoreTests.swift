import Foundation
import GatehouseCore
import Testing

@testable import GatehouseTokens

@Suite struct GrantsInAStore {
    let fixture: StoreFixture
    let clock = RenewalFixture()
    let key = GrantKey(.name("drive"))

    init() throws { fixture = try StoreFixture() }

    private func store(_ keys: MasterKey...) throws -> SealedTokenStore {
        let keyring = try MasterKeyring(keys.isEmpty ? [StoreFixture.oldKey] : keys)
        return SealedTokenStore.sqlite(path: fixture.file, keyring: keyring, clock: clock)
    }

    private func grant(_ text: String, refresh: String? = nil) -> KeptGrant {
        .usable(
            TokenGrant(
                access: Secret("access-\(text)"),
                refresh: refresh.map { Secret($0) },
                issuedAt: clock.now(),
                expiresAt: clock.now() + .seconds(3600),
                seed: SeedDigest(of: Secret("seed"))
            )
        )
    }

    private func lease(_ store: SealedTokenStore, by holder: String = "one") async throws -> GrantLease? {
        guard case .taken(let lease) = try await store.lease(key, by: holder) else { return nil }
        return lease
    }

    @Test func `grants in a store are read as they were kept`() async throws {
        let store = try store()
        let lease = try #require(try await lease(store))
        #expect(lease.kept == nil)
        #expect(lease.version == 0)
        #expect(try await store.keep(grant("1", refresh: "refresh-1"), under: lease, by: "one") == 1)
        let record = try #require(try await self.store().grants().grants[key])
        #expect(record.version == 1)
        #expect(record.kept.payload == grant("1", refresh: "refresh-1").payload)
        // No token that a route could name, and nothing that could be read beside it.
        #expect(try await store.list().isEmpty)
        #expect(try await store.load().tokens.isEmpty)
        for text in ["access-1", "refresh-1"] { #expect(try fixture.bytes().range(of: Data(text.utf8)) == nil) }
    }

    @Test func `grants in a store are leased to one at a time`() async throws {
        let (one, two) = (try store(), try store())
        let first = try #require(try await lease(one))
        #expect(try await lease(two, by: "two") == nil)
        // Who holds it may take it again: what it did is known to it.
        let again = try #require(try await lease(one))
        #expect(again.unfinished == 0)
        let late = await code { _ = try await one.keep(grant("late"), under: first, by: "one") }
        #expect(late == .superseded)
        _ = try await one.keep(grant("1"), under: again, by: "one")
        #expect(try #require(try await lease(two, by: "two")).unfinished == 0)
    }

    @Test func `grants in a store name holders that died`() async throws {
        _ = try await lease(store(), by: "one")
        clock.advance(SealedTokenStore.leaseTime)
        let second = try #require(try await lease(store(), by: "two"))
        #expect(second.unfinished == 1)
        clock.advance(SealedTokenStore.leaseTime)
        let third = try #require(try await lease(store(), by: "three"))
        #expect(third.unfinished == 2)
        try await store().release(third, by: "three", why: "the server answers 503")
        #expect(try #require(try await lease(store(), by: "four")).unfinished == 0)
    }

    /// One whose clock was years ahead must not keep everybody out.
    @Test func `grants in a store do not wait for a lease of the future`() async throws {
        clock.jump(.seconds(86_400))
        _ = try await lease(store(), by: "one")
        clock.jump(.seconds(-86_400))
        #expect(try await lease(store(), by: "two") != nil)
    }

    @Test func `grants in a store say why the last renewal failed`() async throws {
        let store = try store()
        _ = try await store.keep(grant("1"), under: try #require(try await lease(store)), by: "one")
        let lease = try #require(try await lease(store))
        try await store.release(
            lease,
            by: "one",
            why: "the server answers 503\u{1B}[31m" + String(repeating: "x", count: 999)
        )
        let record = try #require(try await store.grants().grants[key])
        #expect(record.failure?.hasPrefix("the server answers 503[31mx") == true)
        #expect(record.version == 1)
    }

    @Test func `grants in a store keep two versions and few changes`() async throws {
        let store = try store()
        for number in 1...70 {
            let lease = try #require(try await lease(store))
            _ = try await store.keep(grant("\(number)"), under: lease, by: "one")
        }
        #expect(
            try fixture.blob("SELECT CAST(count(*) AS BLOB) FROM token_versions WHERE name LIKE '*grant %'")
                == Array("2".utf8)
        )
        #expect(
            try fixture.blob("SELECT CAST(count(*) AS BLOB) FROM token_events WHERE name LIKE '*grant %'")
                == Array("64".utf8)
        )
        #expect(try await self.store().grants().grants[key]?.version == 70)
    }

    /// A row moved to another token or owner does not open.
    @Test func `grants in a store are bound to their names`() async throws {
        let store = try store()
        _ = try await store.keep(grant("1"), under: try #require(try await lease(store)), by: "one")
        for table in ["token_heads", "token_versions", "token_events"] {
            try fixture.sql("UPDATE \(table) SET name = '*grant other' WHERE name = '*grant drive'")
        }
        let load = try await self.store().grants()
        #expect(load.grants.isEmpty)
        #expect(load.problems[GrantKey(.other)]?.code == .tampered)
    }

    @Test func `grants in a store move under another master key`() async throws {
        _ = try await store().keep(grant("1"), under: try #require(try await lease(store())), by: "one")
        let report = try await store(StoreFixture.newKey, StoreFixture.oldKey).rewrap()
        #expect(report.ended == [StoreFixture.oldKey.id])
        #expect(try await store(StoreFixture.newKey).grants().grants[key]?.version == 1)
    }

    /// A key must not end while a row needs it.
    @Test func `grants in a store that do not open keep their master key`() async throws {
        _ = try await store().keep(grant("1"), under: try #require(try await lease(store())), by: "one")
        var sealed = try fixture.blob("SELECT sealed FROM token_versions WHERE name = '*grant drive'")
        sealed[40] ^= 1
        try fixture.run("UPDATE token_versions SET sealed = ? WHERE name = '*grant drive'", sealed)
        let report = try await store(StoreFixture.newKey, StoreFixture.oldKey).rewrap()
        #expect(report.problems.map(\.name) == [key.token])
        #expect(report.ended.isEmpty)
    }

    @Test func `grants in a store are destroyed, and not come back to`() async throws {
        let store = try store()
        _ = try await store.keep(grant("1"), under: try #require(try await lease(store)), by: "one")
        try await store.deleteGrant(key, by: "ann")
        try await store.deleteGrant(key, by: "ann")
        #expect(try await store.grants().grants.isEmpty)
        let lease = try #require(try await lease(store))
        #expect(lease.kept == nil)
        #expect(try await store.keep(grant("2"), under: lease, by: "one") == 2)
    }

    @Test func `grants in a store are taken from another store`() async throws {
        let store = try store()
        #expect(try await store.take(grant("1"), as: key, by: "ann") == 1)
        #expect(try await store.take(grant("1"), as: key, by: "ann") == 1)
        #expect(try await store.take(grant("2"), as: key, by: "ann") == 2)
        #expect(try await store.grants().grants[key]?.version == 2)
    }

    @Test func `the grants of one owner are apart from those of another`() throws {
        let keys = [
            GrantKey(.name("drive")), GrantKey(.name("drive"), owner: TokenOwner(subject: "a b")),
            GrantKey(.name("drive"), owner: TokenOwner(service: "a b")),
        ]
        #expect(Set(keys.map(\.rowName)).count == 3)
        for key in keys { #expect(GrantKey(rowName: key.rowName) == key) }
        #expect(GrantKey(rowName: "*keys") == nil)
    }

    @Test func `grants in a store that need connecting say why`() throws {
        let kept = KeptGrant.needsConnecting(why: "invalid_grant", seed: SeedDigest(of: Secret("seed")))
        guard case .needsConnecting(let why, let seed, nil)? = KeptGrant(payload: kept.payload) else {
            Issue.record("another kind")
            return
        }
        #expect(why == "invalid_grant")
        #expect(seed == kept.seed)
        for bytes in [[], Array("GHG1".utf8), Array("GHG2".utf8) + [0], Array("GHG1".utf8) + [255, 255, 255, 255, 1]] {
            #expect(KeptGrant(payload: Secret(bytes)) == nil)
        }
    }
}
