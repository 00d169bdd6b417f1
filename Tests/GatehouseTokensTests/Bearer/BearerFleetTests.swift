import GatehouseCore
import GatehouseTestSupport
import PostgresClient
import Testing

@testable import GatehouseTokens

/// Credentials of a fleet, in a store that keeps state.
@Suite struct BearersOfAFleet {
    private static let keys = PurposeKeys(current: Secret("instance key"))

    private static func issue(
        _ store: BearerStore,
        _ name: String,
        lasting seconds: Int = 3600
    ) async throws -> (text: BearerText, summary: BearerSummary) {
        try await store.issue(.name(name), for: [.coda], lasting: .seconds(seconds), .change(actor: "ops", note: "n"))
    }

    private static func verdict(_ store: BearerStore, _ text: BearerText, at now: Timestamp) async throws -> Bool {
        let snapshot = try await store.load(keeping: [:])
        let verdict = text.secret.withUnsafeBytes { snapshot.verdict(on: $0, at: now) }
        if case .verified = verdict { return true } else { return false }
    }

    @Test func `a book is read as it was written, and nothing else is`() throws {
        let record = BearerRecord(
            id: "id",
            name: "é",
            digest: Array(0..<32),
            routes: "a,b",
            issuedAt: 1,
            expiresAt: .max,
            issuedBy: "ops",
            note: "",
            revokedAt: nil,
            revokedBy: ""
        )
        var ended = record
        (ended.id, ended.revokedAt, ended.issuedAt) = ("other", 5, 9)
        let book = BearerBook([record, ended])
        #expect(book.records.map(\.id) == ["other", "id"])
        let bytes = book.encoded
        func decoded(_ bytes: some Collection<UInt8>) -> BearerBook? {
            Array(bytes).withUnsafeBytes { BearerBook(decoding: $0) }
        }
        #expect(decoded(bytes) == book && decoded([1]) == BearerBook())
        #expect(
            decoded(bytes + [0]) == nil && decoded([9] + bytes.dropFirst()) == nil && decoded(bytes.dropLast()) == nil
        )
    }

    @Test func `one that ended long ago is forgotten, and no more than 64 live`() throws {
        var book = BearerBook()
        func record(_ number: Int, revoked: Bool) -> BearerRecord {
            BearerRecord(
                id: "\(number)",
                name: "n\(number)",
                digest: [],
                routes: "a",
                issuedAt: Int64(number),
                expiresAt: 1_000_000_000,
                issuedBy: "",
                note: "",
                revokedAt: revoked ? Int64(number) : nil,
                revokedBy: ""
            )
        }
        let now = Timestamp(microseconds: 100_000)
        try book.take((0..<300).map { record($0, revoked: true) }, at: now, keepingEnded: 200)
        #expect(book.records.count == 200 && book.records.last?.id == "100")
        for number in 1000..<1064 { try book.issue(record(number, revoked: false), at: now, keepingEnded: 10) }
        #expect(book.records.count == 74)
        let full = book
        #expect(throws: TokenError.self) { try book.issue(record(2000, revoked: false), at: now, keepingEnded: 10) }
        #expect(throws: TokenError.self) { try book.issue(record(1001, revoked: false), at: now, keepingEnded: 10) }
        #expect(book == full)
        // One that was revoked at either place is revoked.
        try book.take([record(1000, revoked: true), record(1001, revoked: false)], at: now, keepingEnded: 10)
        #expect(book.records.first { $0.id == "1000" }?.revokedAt != nil)
        try book.take([record(1000, revoked: false)], at: now, keepingEnded: 10)
        #expect(book.records.first { $0.id == "1000" }?.revokedAt != nil)
        #expect(book.revoke(by: "ops", at: now).count == 63)
    }

    @Test(.needsPostgres) func `one that is issued at an instance opens at another, until it is revoked at a third`()
        async throws
    {
        let fixture = try await PostgresStoreFixture()
        func store() throws -> BearerStore { BearerStore(in: try fixture.store()) }
        let (one, two) = (try store(), try store())
        let before = try await two.changeStamp()
        let (text, summary) = try await Self.issue(one, "night")
        #expect(try await two.changeStamp() != before)
        // By the database's clock, whatever the clock of the store's maker says.
        #expect(summary.issuedAt > Timestamp(seconds: 1_770_000_000))
        let now = summary.issuedAt
        #expect(try await Self.verdict(two, text, at: now))
        #expect(try await Self.verdict(store(), text, at: now))
        #expect(await code { _ = try await Self.issue(two, "night") } == .limit)
        #expect(try await two.list().map(\.name) == ["night"])
        #expect(try await store().revoke("night", .change(actor: "ops")).map(\.id) == [summary.id])
        #expect(try await !Self.verdict(one, text, at: now))
        #expect(try await !Self.verdict(two, text, at: now))
        #expect(try await two.list().map(\.status) == [.revoked])
        #expect(await code { _ = try await one.revoke("night", .nothing) } == .notFound)
        // Nothing of it can be used by who reads the database.
        let rows = try await fixture.dump("token_versions").joined()
        #expect(!rows.contains(text.secret.text))
    }

    @Test(.needsPostgres) func `those that are issued at once are all kept, and one name once`() async throws {
        let fixture = try await PostgresStoreFixture()
        let stores = [BearerStore(in: try fixture.store()), BearerStore(in: try fixture.store())]
        let issued = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<20 {
                group.addTask { (try? await Self.issue(stores[index % 2], index < 10 ? "same" : "b\(index)")) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(issued == 11)
        #expect(try await stores[0].list().count == 11)
    }

    @Test(.needsPostgres) func `who writes to the database opens nothing, and what they leave can be destroyed`()
        async throws
    {
        let fixture = try await PostgresStoreFixture()
        let store = BearerStore(in: try fixture.store())
        let (text, _) = try await Self.issue(store, "one")
        try await fixture.sql(
            """
            CREATE TABLE old_heads AS SELECT * FROM token_heads; CREATE TABLE old_versions AS SELECT * FROM token_versions;
            CREATE TABLE old_events AS SELECT * FROM token_events
            """
        )
        _ = try await store.revoke("one", .nothing)
        // The whole past, which a process that has seen more refuses.
        for table in ["heads", "versions", "events"] {
            try await fixture.sql("DELETE FROM token_\(table); INSERT INTO token_\(table) SELECT * FROM old_\(table)")
        }
        #expect(await code { _ = try await store.load(keeping: [:]) } == .tampered)
        try await fixture.sql("UPDATE token_versions SET sealed = sealed || '\\x00' WHERE name = '*bearers'")
        #expect(
            await code { _ = try await Self.verdict(BearerStore(in: fixture.store()), text, at: SystemClock().now()) }
                == .tampered
        )
        #expect(await code { _ = try await Self.issue(store, "two") } == .tampered)
        #expect(try await store.revoke(nil, .nothing).isEmpty)
        #expect(try await store.list().isEmpty)
        _ = try await Self.issue(store, "three")
        #expect(try await store.revoke(nil, .nothing).map(\.name) == ["three"])
    }

    @Test(.needsPostgres) func `they move from a file, and back, with all that is known of them`() async throws {
        let (files, fixture) = (try StoreFixture(), try await PostgresStoreFixture())
        let machine = BearerStore(path: files.file, keys: Self.keys)
        let fleet = BearerStore(in: try fixture.store())
        let (live, summary) = try await Self.issue(machine, "live")
        _ = try await Self.issue(machine, "ended")
        _ = try await machine.revoke("ended", .change(actor: "ops"))
        // A row that nobody with the key wrote is not copied.
        try files.sql(
            "INSERT INTO bearers SELECT 'forged', 'forged', digest, routes, issued_at, expires_at, issued_by, note, NULL, '', seal FROM bearers WHERE name = 'live'"
        )
        func migrate(_ from: BearerStore, _ to: BearerStore, isDryRun: Bool = false) async throws -> [String:
            BearerMigration.Action]
        {
            let rows = try await BearerMigration(from: from, to: to, isDryRun: isDryRun).run(by: "ops")
            return Dictionary(rows.map { ($0.summary.name, $0.action) }) { first, _ in first }
        }
        let expected: [String: BearerMigration.Action] = ["live": .create, "ended": .create, "forged": .failed]
        #expect(try await migrate(machine, fleet, isDryRun: true) == expected)
        #expect(try await fleet.list().isEmpty)
        #expect(try await migrate(machine, fleet) == expected)
        #expect(try await migrate(machine, fleet) == ["live": .same, "ended": .same, "forged": .failed])
        #expect(try await Self.verdict(fleet, live, at: SystemClock().now()))
        let moved = try await fleet.list()
        let kept = try await machine.list()
        #expect(moved.map(\.name).sorted() == ["ended", "live"])
        #expect(moved.allSatisfy { one in kept.contains { $0 == one } })
        // The file is as it was; a revocation goes back to it.
        #expect(try await Self.verdict(machine, live, at: SystemClock().now()))
        _ = try await fleet.revoke(summary.id, .change(actor: "ops"))
        _ = try await Self.issue(fleet, "new")
        #expect(try await migrate(fleet, machine) == ["live": .revoke, "ended": .same, "new": .create])
        #expect(try await !Self.verdict(machine, live, at: SystemClock().now()))
        #expect(try await machine.list().first { $0.name == "new" }?.status == .live)
    }
}
