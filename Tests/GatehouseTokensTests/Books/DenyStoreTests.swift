import GatehouseCore
import GatehouseTestSupport
import PostgresClient
import Testing

@testable import GatehouseTokens

/// Deny entries in both databases.
@Suite struct DenialsInAStore {
    private let files: StoreFixture

    init() throws { files = try StoreFixture() }

    private static func users(_ names: String...) -> [(kind: DenyEntry.Kind, text: String)] {
        names.map { (.user, $0) }
    }

    @Test func `deny entries are read as they were made, and are no tokens`() async throws {
        let store = try files.store()
        #expect(try await store.denials()?.book == DenyBook())
        #expect(try await store.denials(beyond: 0) == nil)
        let change = TokenChange.change(actor: "ops", note: "INC-1")
        let added = try await store.deny(Self.users("a@x.de", "*@y.de") + [(.group, "g")], change)
        #expect(
            added.map(\.text) == ["a@x.de", "*@y.de", "g"] && added.allSatisfy { $0.by == "ops" && $0.note == "INC-1" }
        )
        #expect(try await files.store().deny(Self.users("A@X.de"), change).isEmpty)
        let kept = try #require(try await files.store().denials())
        #expect(kept.revision == 1 && kept.book.entries == added)
        #expect(try await store.denials(beyond: 1) == nil)
        #expect(try await files.store().undeny(Self.users("a@x.de", "b@x.de"), change).map(\.text) == ["a@x.de"])
        #expect(try await store.denials(beyond: 1)?.book.entries.count == 2)
        #expect(try await store.list().isEmpty)
        let load = try await store.load()
        #expect(load.tokens.isEmpty && load.problems.isEmpty)
        let many = (0...DenyBook.maximumEntries).map { (kind: DenyEntry.Kind.subject, text: "\($0)") }
        #expect(await code { _ = try await store.deny(many, change) } == .limit)
        #expect(try await store.denials()?.book.entries.count == 2)
    }

    @Test func `deny entries cannot be written, changed or taken back by who writes to the database`() async throws {
        let store = try files.store()
        _ = try await store.deny(Self.users("a@x.de"), .nothing)
        try files.sql(
            """
            CREATE TABLE v AS SELECT * FROM token_versions; CREATE TABLE h AS SELECT * FROM token_heads;
            CREATE TABLE e AS SELECT * FROM token_events
            """
        )
        _ = try await store.deny(Self.users("b@x.de"), .nothing)
        try files.sql(
            """
            CREATE TABLE saved_v AS SELECT * FROM token_versions; CREATE TABLE saved_h AS SELECT * FROM token_heads;
            CREATE TABLE saved_e AS SELECT * FROM token_events
            """
        )
        for script in [
            "UPDATE token_versions SET sealed = (SELECT sealed FROM v WHERE name = '*deny') WHERE name = '*deny'",
            "UPDATE token_heads SET seal = (SELECT seal FROM h WHERE name = '*deny') WHERE name = '*deny'",
            "DELETE FROM token_heads WHERE name = '*deny'", "DELETE FROM token_versions WHERE name = '*deny'",
            "DELETE FROM token_events WHERE name = '*deny'",
            "UPDATE token_versions SET actor = 'x' WHERE name = '*deny'",
        ] {
            try files.sql(script)
            #expect(await code { _ = try await store.denials() } == .tampered, "\(script)")
            #expect(await code { _ = try await self.files.store().denials() } == .tampered, "\(script)")
            for (table, saved) in [
                ("token_versions", "saved_v"), ("token_heads", "saved_h"), ("token_events", "saved_e"),
            ] {
                try files.sql("DELETE FROM \(table); INSERT INTO \(table) SELECT * FROM \(saved)")
            }
            #expect(try await store.denials()?.book.entries.count == 2)
        }
        // The whole past put back: whoever has seen more refuses it.
        try files.sql(
            """
            DELETE FROM token_versions; INSERT INTO token_versions SELECT * FROM v;
            DELETE FROM token_heads; INSERT INTO token_heads SELECT * FROM h;
            DELETE FROM token_events; INSERT INTO token_events SELECT * FROM e
            """
        )
        #expect(await code { _ = try await store.denials() } == .tampered)
        // They can be destroyed, and made anew.
        #expect(try await store.forgetDenials(by: "ops"))
        #expect(try await store.denials()?.book == DenyBook())
        #expect(try await store.deny(Self.users("c@x.de"), .nothing).count == 1)
    }

    @Test func `deny entries move under another master key`() async throws {
        _ = try await files.store().deny(Self.users("a@x.de"), .nothing)
        let report = try await files.store(StoreFixture.newKey, StoreFixture.oldKey).rewrap()
        #expect(report.ended == [StoreFixture.oldKey.id])
        #expect(try await files.store(StoreFixture.newKey).denials()?.book.entries.count == 1)
    }

    @Test(.needsPostgres) func `deny entries that two instances make at once are all kept, with the database's time`()
        async throws
    {
        let fixture = try await PostgresStoreFixture()
        // Clocks that are years apart.
        let stores = [try fixture.store(at: 1_000), try fixture.store(at: 4_000_000_000)]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<20 {
                group.addTask { _ = try await stores[index % 2].deny(Self.users("u\(index)@x.de"), .nothing) }
            }
            try await group.waitForAll()
        }
        let book = try #require(try await stores[0].denials()?.book)
        #expect(book.entries.count == 20)
        let times = book.entries.map(\.at)
        #expect(times == times.sorted() && times.allSatisfy { $0 > Timestamp(seconds: 1_700_000_000) })
        #expect(times.allSatisfy { $0 < Timestamp(seconds: 3_900_000_000) })
    }

    /// The outcome of a change whose connection is killed is unknown to its maker; the entries are whole all the same.
    @Test(.needsPostgres) func `deny entries are whole when sessions are killed under those who add`() async throws {
        let fixture = try await PostgresStoreFixture()
        let store = try fixture.store()
        _ = try await store.deny(Self.users("first@x.de"), .nothing)
        let killing = Task {
            while !Task.isCancelled {
                _ = try await fixture.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        var made: Set<String> = ["first@x.de"]
        for index in 0..<60 {
            if (try? await store.deny(Self.users("u\(index)@x.de"), .nothing))?.count == 1 {
                made.insert("u\(index)@x.de")
            }
        }
        killing.cancel()
        _ = try? await killing.value
        let texts = Set(try #require(try await fixture.store().denials()).book.entries.map(\.text))
        #expect(made.isSubset(of: texts))
        #expect(try await store.deny(Self.users("last@x.de"), .nothing).count == 1)
    }
}
