import Foundation
import GatehouseCore
import Testing

@testable import GatehouseTokens

/// Pins in both databases: read as they were kept, by every instance, and by nobody else.
@Suite struct PinsInAStore {
    static func tool(_ text: String, _ number: UInt8, length: Int = 20) -> ToolDefinition {
        ToolDefinition(
            name: ToolName(text)!,
            digest: ToolDigest(Array(repeating: number, count: 32))!,
            canonical: Array(repeating: number, count: length)
        )
    }

    private let fixture: StoreFixture
    private let route = RouteName.coda

    init() throws { fixture = try StoreFixture() }

    private func see(_ store: SealedTokenStore, _ tools: [ToolDefinition]) async throws -> [PinBook.Change] {
        try await store.changePins(of: route, by: "gatehouse") { book in
            book.saw(tools, isWhole: false, .approved, at: Timestamp(seconds: 1))
        }.result
    }

    private func approve(_ store: SealedTokenStore, _ tool: String) async throws -> PinBook.Change? {
        try await store.changePins(of: route, by: "ops") { book in
            book.approve(ToolName(tool)!, by: "ops", at: Timestamp(seconds: 2))
        }.result
    }

    @Test func `pins in a store are read as they were kept, also those that fill many rows`() async throws {
        let store = try fixture.store()
        #expect(try await store.pins(of: route)?.book == PinBook())
        #expect(try await store.pins(of: route, beyond: 0) == nil)
        #expect(try await see(store, [Self.tool("a", 1, length: 60_000), Self.tool("b", 2)]).count == 2)
        let kept = try #require(try await fixture.store().pins(of: route))
        #expect(kept.revision == 1 && kept.book.waiting.map(\.description) == ["a", "b"])
        #expect(try await approve(fixture.store(), "a")?.state == .approved)
        let again = try #require(try await store.pins(of: route, beyond: kept.revision))
        #expect(again.book.pins[ToolName("a")!]?.approved?.by == "ops")
        #expect(again.book.pins[ToolName("a")!]?.approved?.canonical.count == 60_000)
        #expect(try await store.pins(of: route, beyond: again.revision) == nil)
        // What changes nothing is not written.
        #expect(try await see(store, [Self.tool("b", 2)]).isEmpty)
        #expect(try await store.pins(of: route, beyond: again.revision) == nil)
        // Neither a token that a route could name, nor another route's.
        #expect(try await store.list().isEmpty)
        #expect(try await store.load().tokens.isEmpty)
        #expect(try await store.pins(of: .other)?.book == PinBook())
        let rows = try fixture.blob("SELECT CAST(count(*) AS BLOB) FROM token_versions WHERE name LIKE '*pins %'")
        #expect(rows == Array("4".utf8))
    }

    @Test func `pins in a store cannot be approved by who writes to the database`() async throws {
        let store = try fixture.store()
        _ = try await see(store, [Self.tool("a", 1, length: 20_000)])
        _ = try await approve(store, "a")
        let old = try fixture.blob("SELECT seal FROM token_heads WHERE name = '*pins coda'")
        _ = try await see(store, [Self.tool("a", 2, length: 20_000)])
        func refuses(_ script: String) async throws {
            let copy = try fixture.blob("SELECT seal FROM token_heads WHERE name = '*pins coda'")
            #expect(!copy.isEmpty)
            try fixture.sql(
                "BEGIN; CREATE TABLE kept AS SELECT * FROM token_versions; CREATE TABLE heads AS SELECT * FROM token_heads; COMMIT"
            )
            try fixture.sql(script)
            #expect(await code { _ = try await self.fixture.store().pins(of: self.route) } == .tampered, "\(script)")
            #expect(await code { _ = try await store.pins(of: self.route) } == .tampered, "\(script)")
            try fixture.sql(
                """
                DELETE FROM token_versions; INSERT INTO token_versions SELECT * FROM kept; DROP TABLE kept;
                DELETE FROM token_heads; INSERT INTO token_heads SELECT * FROM heads; DROP TABLE heads
                """
            )
            #expect(try await store.pins(of: route) != nil)
        }
        #expect(old.count == Attestation.length)
        try await refuses("DELETE FROM token_versions WHERE name = '*pins coda' AND version = 5")
        try await refuses("UPDATE token_heads SET current = current - 1 WHERE name = '*pins coda'")
        try await refuses(
            "UPDATE token_versions SET sealed = (SELECT sealed FROM token_versions WHERE version = 6) WHERE version = 5"
        )
        try await refuses("UPDATE token_versions SET actor = 'ops' WHERE name = '*pins coda'")
        try await refuses("DELETE FROM token_heads WHERE name = '*pins coda'")
        // Those of another route are not this one's.
        for table in ["token_heads", "token_versions", "token_events"] {
            try fixture.sql("UPDATE \(table) SET name = '*pins other' WHERE name = '*pins coda'")
        }
        #expect(await code { _ = try await self.fixture.store().pins(of: .other) } == .tampered)
    }

    @Test func `pins in a store that are not trusted any more can be forgotten, and seen anew`() async throws {
        let store = try fixture.store()
        _ = try await see(store, [Self.tool("a", 1)])
        try fixture.sql("UPDATE token_heads SET changed_at = 1 WHERE name = '*pins coda'")
        #expect(await code { _ = try await store.pins(of: self.route) } == .tampered)
        #expect(try await store.forgetPins(of: route, by: "ops"))
        #expect(try await store.pins(of: route)?.book == PinBook())
        #expect(try await !store.forgetPins(of: route, by: "ops"))
        #expect(try await see(store, [Self.tool("b", 1)]).map(\.state) == [.new])
        #expect(try await fixture.store().pins(of: route)?.book.pins.count == 1)
    }

    @Test func `pins in a store move under another master key, and keep one that they need`() async throws {
        _ = try await see(fixture.store(), [Self.tool("a", 1, length: 40_000)])
        var report = try await fixture.store(StoreFixture.newKey, StoreFixture.oldKey).rewrap()
        #expect(report.ended == [StoreFixture.oldKey.id])
        #expect(try await fixture.store(StoreFixture.newKey).pins(of: route)?.book.pins.count == 1)
        var sealed = try fixture.blob("SELECT sealed FROM token_versions WHERE name = '*pins coda' AND version = 2")
        sealed[40] ^= 1
        try fixture.run("UPDATE token_versions SET sealed = ? WHERE name = '*pins coda' AND version = 2", sealed)
        let third = MasterKey(bytes: Secret(50..<82))
        report = try await fixture.store(third, StoreFixture.newKey).rewrap()
        #expect(report.ended.isEmpty && report.problems.map(\.name) == [.coda])
    }

    /// Two instances that see a list at the same time keep both what they saw.
    @Test(.needsPostgres) func `pins in PostgreSQL are one for all instances`() async throws {
        let fixture = try await PostgresStoreFixture()
        let (one, two) = (try fixture.store(), try fixture.store())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, store) in [one, two, one, two, one, two].enumerated() {
                group.addTask {
                    _ = try await self.see(store, [Self.tool("t\(index)", 1, length: 30_000)])
                }
            }
            try await group.waitForAll()
        }
        #expect(try await one.pins(of: route)?.book.pins.count == 6)
        #expect(try await approve(two, "t3")?.state == .approved)
        #expect(try await one.pins(of: route, beyond: 6)?.book.pins[ToolName("t3")!]?.state == .approved)
        try await fixture.sql("UPDATE token_versions SET note = 'x' WHERE name = '*pins coda'")
        #expect(await code { _ = try await one.pins(of: self.route) } == .tampered)
    }
}
