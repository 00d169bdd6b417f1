import GatehouseCore
import SQLiteClient
import Testing

@testable import GatehouseTokens

@Suite struct KeysKeptForTheAudit {
    static let chain = "gatehouse audit chain v1"
    static let digest = "gatehouse arguments digest v1"

    let fixture: StoreFixture

    init() async throws {
        fixture = try StoreFixture()
        try await fixture.store(StoreFixture.oldKey).set(.coda, "one")
    }

    @Test func `keys kept for the audit outlive their master key`() async throws {
        let report = try await fixture.store(StoreFixture.newKey, StoreFixture.oldKey)
            .rewrap(by: "ann", keeping: [Self.chain, Self.digest])
        #expect(report.kept == [StoreFixture.oldKey.id])
        // The ring has the new key alone from here on.
        let record = try await fixture.store(StoreFixture.newKey).keyRecord()
        let kept = try #require(record.kept.first)
        #expect(record.kept.count == 1 && kept.id == StoreFixture.oldKey.id)
        #expect(kept.end == Timestamp(seconds: 1_764_000_000))
        for purpose in [Self.chain, Self.digest] {
            #expect(kept.derived(for: purpose) == StoreFixture.oldKey.derived(for: purpose))
        }
        // Nothing by which a session or a bearer opens.
        #expect(kept.derived(for: "gatehouse session v1") == nil)
        #expect(try await fixture.store(StoreFixture.newKey).list().map(\.name.text) == ["coda"])
    }

    @Test func `keys for the audit are kept once, and through the next change`() async throws {
        let both = try fixture.store(StoreFixture.newKey, StoreFixture.oldKey)
        _ = try await both.rewrap(keeping: [Self.chain])
        #expect(try await both.rewrap(keeping: [Self.chain]).kept.isEmpty)
        let third = MasterKey(bytes: Secret(200..<232))
        let next = try fixture.store(third, StoreFixture.newKey)
        #expect(try await next.rewrap(keeping: [Self.chain]).kept == [StoreFixture.newKey.id])
        let kept = try await fixture.store(third).keyRecord().kept
        #expect(Set(kept.map(\.id)) == [StoreFixture.oldKey.id, StoreFixture.newKey.id])
    }

    @Test func `keys for the audit are kept of a key that an earlier release retired`() async throws {
        let both = try fixture.store(StoreFixture.newKey, StoreFixture.oldKey)
        #expect(try await both.rewrap().kept.isEmpty)
        let report = try await both.rewrap(keeping: [Self.chain])
        #expect(report.ended.isEmpty && report.kept == [StoreFixture.oldKey.id])
        #expect(try await both.keyEnds().count == 1)
    }

    @Test func `keys kept for the audit go with their store`() async throws {
        _ = try await fixture.store(StoreFixture.newKey, StoreFixture.oldKey).rewrap(keeping: [Self.chain])
        let other = try StoreFixture()
        let target = try other.store(StoreFixture.newKey)
        _ = try await TokenMigration(from: try fixture.store(StoreFixture.newKey), to: target, .nothing).run()
        #expect(try await target.keyRecord().kept.map(\.id) == [StoreFixture.oldKey.id])
    }

    @Test func `the removal of keys kept for the audit is noticed`() async throws {
        _ = try await fixture.store(StoreFixture.newKey, StoreFixture.oldKey).rewrap(keeping: [Self.chain])
        try fixture.sql("DELETE FROM token_versions WHERE name = '*keys'")
        let store = try fixture.store(StoreFixture.newKey)
        #expect(await #expect(throws: TokenError.self) { try await store.keyRecord() }?.code == .tampered)
        // Tokens need none of them.
        #expect(try await store.load().tokens[.coda]?.secret.text == "one")
    }

    @Test func `keys kept for the audit open for nobody without a master key`() async throws {
        _ = try await fixture.store(StoreFixture.newKey, StoreFixture.oldKey).rewrap(keeping: [Self.chain])
        // A genuine token's value in the place of a kept key.
        try fixture.sql(
            "UPDATE token_versions SET sealed = (SELECT sealed FROM token_versions WHERE name = 'coda') WHERE name = '*keys'"
        )
        let store = try fixture.store(StoreFixture.newKey)
        #expect(await #expect(throws: TokenError.self) { try await store.keyRecord() }?.code == .tampered)
    }

    @Test func `reading the keys kept for the audit makes nothing`() async throws {
        let empty = try StoreFixture()
        #expect(try await empty.store().keyRecord().kept.isEmpty)
        #expect(try empty.bytes().isEmpty)
        // A file of somebody else's.
        try empty.sql("CREATE TABLE mine (a)")
        let before = try empty.blob("SELECT CAST(group_concat(name) AS BLOB) FROM sqlite_schema")
        #expect(try await empty.store().keyRecord().kept.isEmpty)
        #expect(try empty.blob("SELECT CAST(group_concat(name) AS BLOB) FROM sqlite_schema") == before)
    }
}
