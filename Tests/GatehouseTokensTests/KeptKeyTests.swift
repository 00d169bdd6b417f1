import GatehouseCore
import SQLiteClient
import Testing

@testable import GatehouseTokens

@Suite struct KeysKeptForTheAudit {
    static let chain = "gatehouse audit chain v1"
    static let digest = "gatehouse arguments digest v1"

    let bench: Workbench

    init() async throws {
        bench = try Workbench()
        try await bench.store(Workbench.oldKey).set(.coda, "one")
    }

    @Test func outliveTheirMasterKey() async throws {
        let report = try await bench.store(Workbench.newKey, Workbench.oldKey)
            .rewrap(by: "ann", keeping: [Self.chain, Self.digest])
        #expect(report.kept == [Workbench.oldKey.id])
        // The ring has the new key alone from here on.
        let record = try await bench.store(Workbench.newKey).keyRecord()
        let kept = try #require(record.kept.first)
        #expect(record.kept.count == 1 && kept.id == Workbench.oldKey.id)
        #expect(kept.end == Timestamp(seconds: 1_764_000_000))
        for purpose in [Self.chain, Self.digest] {
            #expect(kept.derived(for: purpose) == Workbench.oldKey.derived(for: purpose))
        }
        // Nothing by which a session or a bearer opens.
        #expect(kept.derived(for: "gatehouse session v1") == nil)
        #expect(try await bench.store(Workbench.newKey).list().map(\.name.text) == ["coda"])
    }

    @Test func areKeptOnceAndThroughTheNextChange() async throws {
        let both = try bench.store(Workbench.newKey, Workbench.oldKey)
        _ = try await both.rewrap(keeping: [Self.chain])
        #expect(try await both.rewrap(keeping: [Self.chain]).kept.isEmpty)
        let third = MasterKey(bytes: Secret(200..<232))
        let next = try bench.store(third, Workbench.newKey)
        #expect(try await next.rewrap(keeping: [Self.chain]).kept == [Workbench.newKey.id])
        let kept = try await bench.store(third).keyRecord().kept
        #expect(Set(kept.map(\.id)) == [Workbench.oldKey.id, Workbench.newKey.id])
    }

    @Test func areKeptOfAKeyThatAnEarlierReleaseRetired() async throws {
        let both = try bench.store(Workbench.newKey, Workbench.oldKey)
        #expect(try await both.rewrap().kept.isEmpty)
        let report = try await both.rewrap(keeping: [Self.chain])
        #expect(report.ended.isEmpty && report.kept == [Workbench.oldKey.id])
        #expect(try await both.keyEnds().count == 1)
    }

    @Test func goWithTheirStore() async throws {
        _ = try await bench.store(Workbench.newKey, Workbench.oldKey).rewrap(keeping: [Self.chain])
        let other = try Workbench()
        let target = try other.store(Workbench.newKey)
        _ = try await TokenMigration(from: try bench.store(Workbench.newKey), to: target, .nothing).run()
        #expect(try await target.keyRecord().kept.map(\.id) == [Workbench.oldKey.id])
    }

    @Test func areMissedWhenSomebodyTakesThemAway() async throws {
        _ = try await bench.store(Workbench.newKey, Workbench.oldKey).rewrap(keeping: [Self.chain])
        try bench.sql("DELETE FROM token_versions WHERE name = '*keys'")
        let store = try bench.store(Workbench.newKey)
        #expect(await #expect(throws: TokenError.self) { try await store.keyRecord() }?.code == .tampered)
        // Tokens need none of them.
        #expect(try await store.load().tokens[.coda]?.secret.text == "one")
    }

    @Test func areNobodysWithoutAMasterKey() async throws {
        _ = try await bench.store(Workbench.newKey, Workbench.oldKey).rewrap(keeping: [Self.chain])
        // A genuine token's value in the place of a kept key.
        try bench.sql(
            "UPDATE token_versions SET sealed = (SELECT sealed FROM token_versions WHERE name = 'coda') WHERE name = '*keys'"
        )
        let store = try bench.store(Workbench.newKey)
        #expect(await #expect(throws: TokenError.self) { try await store.keyRecord() }?.code == .tampered)
    }

    @Test func areAskedForWithoutMakingAnything() async throws {
        let empty = try Workbench()
        #expect(try await empty.store().keyRecord().kept.isEmpty)
        #expect(try empty.bytes().isEmpty)
        // A file of somebody else's.
        try empty.sql("CREATE TABLE mine (a)")
        let before = try empty.blob("SELECT CAST(group_concat(name) AS BLOB) FROM sqlite_schema")
        #expect(try await empty.store().keyRecord().kept.isEmpty)
        #expect(try empty.blob("SELECT CAST(group_concat(name) AS BLOB) FROM sqlite_schema") == before)
    }
}
