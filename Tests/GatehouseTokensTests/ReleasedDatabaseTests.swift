import Foundation
import GatehouseCore
import PostgresClient
import SQLiteClient
import Testing

@testable import GatehouseTokens

/// A database as release 0.1.0 left it: a token with two versions, a bearer and ten audit events. The first four events were made with an env
/// store, under `instance-key`; the others after the change to this file. Made by running that release on 2026-11-27.
@Suite struct DatabasesOfTheFirstRelease {
    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/0.1.0")
    /// While the bearer is alive.
    static let now: Int64 = 1_795_900_000

    let fixture: StoreFixture
    let old: MasterKey

    init() throws {
        fixture = try StoreFixture()
        let file = URL(fileURLWithPath: fixture.file)
        try FileManager.default.copyItem(at: Self.fixtures.appendingPathComponent("gatehouse.db"), to: file)
        old = try MasterKey(parsing: SecretSource.file(Self.fixtures.appendingPathComponent("master-key").path).read())
    }

    private func bearers(_ keys: MasterKey..., ended: [MasterKey] = []) -> BearerStore {
        func derived(_ key: MasterKey) -> Secret { key.derived(for: "gatehouse bearer v1") }
        let purpose = PurposeKeys(
            current: derived(keys[0]),
            older: keys.dropFirst().map(derived),
            ended: ended.map { .init(key: derived($0), at: Timestamp(seconds: Self.now)) }
        )
        return BearerStore(path: fixture.file, keys: purpose, clock: FixedClock(Self.now))
    }

    @Test func `databases of the first release go on working`() async throws {
        let store = try fixture.store(old, at: Self.now)
        #expect(try await store.load().tokens[.coda]?.secret.text == "fixture-token-2")
        #expect(try await store.history(of: .coda).map(\.action) == [.rotate, .set])
        #expect(try await store.rollback(.coda, .nothing).version == 1)
        try await store.rotate(.coda, "three")
        #expect(try await store.load().tokens[.coda]?.version == 3)
        #expect(try await bearers(old).list().map(\.status) == [.live])
        #expect(try await bearers(old).load(keeping: [:]).bearers.map(\.name) == ["oncall"])
    }

    @Test func `databases of the first release retire their key`() async throws {
        let both = try fixture.store(StoreFixture.newKey, old, at: Self.now)
        #expect(try await bearers(StoreFixture.newKey, old).reseal() == 1)
        #expect(try await both.rewrap().ended == [old.id])
        #expect(try await fixture.store(StoreFixture.newKey).load().tokens[.coda]?.secret.text == "fixture-token-2")
        #expect(try await bearers(StoreFixture.newKey, ended: [old]).list().map(\.status) == [.live])
        // The release that made them still knows the tables, and passes over what it does not know in them.
        let versions = try SQLiteConnection(path: fixture.file)
            .prepare("SELECT version FROM schema_versions WHERE component = 'tokens'")
        #expect(try versions.step())
        #expect(try versions.integer(0) == 1)
    }

    /// The tables are the same: a renewal writes into them as they are, and that release goes on beside it.
    @Test func `databases of the first release take grants`() async throws {
        let key = GrantKey(.other)
        let store = try fixture.store(old, at: Self.now)
        guard case .taken(let lease) = try await store.lease(key, by: "one") else {
            Issue.record("the lease is held")
            return
        }
        let grant = TokenGrant(access: Secret("access"), issuedAt: Timestamp(seconds: Self.now), expiresAt: nil)
        #expect(try await store.keep(.usable(grant), under: lease, by: "one") == 1)
        #expect(try await fixture.store(old, at: Self.now).grants().grants[key]?.version == 1)
        #expect(try await store.load().tokens.keys.map(\.text) == ["coda"])
        // `key rotate` binds all rows of the store, those of grants as well.
        #expect(try await fixture.store(StoreFixture.newKey, old, at: Self.now).rewrap().ended == [old.id])
        #expect(try await fixture.store(StoreFixture.newKey, at: Self.now).grants().grants[key]?.version == 1)
    }

    /// What a fleet keeps since then, in the tables of before: deny entries, pins and bearers are rows of them.
    private func keepsWhatIsNew(_ store: SealedTokenStore, _ again: SealedTokenStore) async throws {
        _ = try await store.deny([(.user, "gone@x.de")], .change(actor: "ops"))
        let tool = ToolDefinition(
            name: try #require(ToolName("read")),
            digest: try #require(ToolDigest(Array(repeating: 1, count: 32))),
            canonical: [1]
        )
        _ = try await store.changePins(of: .coda, by: "gatehouse") { book in
            book.saw([tool], isWhole: true, .approved, at: Timestamp(seconds: Self.now))
        }
        #expect(try await again.denials()?.book.texts(.user) == ["gone@x.de"])
        #expect(try await again.pins(of: .coda)?.book.pins.count == 1)
        #expect(try await again.load().tokens.mapValues(\.secret.text) == [.coda: "fixture-token-2"])
        #expect(try await again.list().map(\.name) == [.coda])
        // The older instance's next change, which knows nothing of those rows.
        try await store.rotate(.coda, "three")
        #expect(try await again.denials()?.book.entries.count == 1)
    }

    @Test func `databases of the first release take deny entries and pins`() async throws {
        try await keepsWhatIsNew(fixture.store(old, at: Self.now), fixture.store(old, at: Self.now))
    }

    @Test(.needsPostgres) func `databases of the first release in PostgreSQL become those of a fleet`() async throws {
        let server = try await PostgresStoreFixture()
        try await server.sql(
            String(contentsOf: Self.fixtures.appendingPathComponent("postgres.sql"), encoding: .utf8)
        )
        try await keepsWhatIsNew(server.store(old), server.store(old))
        let bearers = BearerStore(in: try server.store(old))
        _ = try await bearers.issue(.name("night"), for: [.coda], lasting: .seconds(3600), .change(actor: "ops"))
        #expect(try await BearerStore(in: server.store(old)).list().map(\.status) == [.live])
        let database = FleetDatabase(url: Secret(server.url), keyring: try MasterKeyring([old]))
        let card = InstanceCard(
            id: "one",
            name: "one",
            version: "2",
            since: Timestamp(seconds: Self.now),
            configuration: "c"
        )
        #expect(try await database.report(card).instances.map(\.card) == [card])
        _ = try await database.exchange([(5, 100)], of: "one")
        #expect(try await database.exchange([], of: "two").others.map(\.spent) == [100])
        // The tables of before are those of before: an instance of that release goes on.
        let versions = try await server.sql("SELECT component, version FROM schema_versions ORDER BY 1")
        #expect(try versions?.map { row in try "\(row.text(0)) \(row.int(1))" } == ["fleet 1", "tokens 1"])
        await database.close()
    }
}
