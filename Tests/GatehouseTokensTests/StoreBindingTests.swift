import Foundation
import GatehouseCore
import SQLiteClient
import Testing

@testable import GatehouseTokens

/// Plays somebody who can write to the database and has no master key, but another database under the same one.
@Suite struct RowsOfAnotherStore {
    let fixture: StoreFixture
    let other: StoreFixture

    init() async throws {
        fixture = try StoreFixture()
        other = try StoreFixture()
        try await fixture.store().set(.coda, "mine")
        try await other.store().set(.coda, "theirs")
    }

    /// Puts the rows of a table there in the place of those here.
    private func take(_ table: String, from path: String, of name: String = "coda") throws {
        try fixture.sql(
            """
            ATTACH '\(path)' AS other;
            DELETE FROM main.\(table) WHERE name = '\(name)';
            INSERT INTO main.\(table) SELECT * FROM other.\(table) WHERE name = '\(name)';
            """
        )
    }

    @Test(arguments: [
        ["token_versions"], ["token_heads", "token_events"], ["token_heads", "token_events", "token_versions"],
    ])
    func `rows of one store open in no other`(_ tables: [String]) async throws {
        for table in tables { try take(table, from: other.file) }
        let load = try await fixture.store().load()
        #expect(load.tokens.isEmpty)
        #expect(load.problems.map(\.error.code) == [.tampered])
        // Nor does re-wrapping take them in.
        let report = try await fixture.store(StoreFixture.newKey, StoreFixture.oldKey).rewrap()
        #expect(!report.problems.isEmpty && report.ended.isEmpty)
    }

    @Test func `rows of one store open in no other with its record, except the whole of it together`() async throws {
        let running = try fixture.store()
        _ = try await running.load()
        try await fixture.store().set(.other, "mine too")
        for table in ["token_versions", "token_heads", "token_events"] {
            try take(table, from: other.file)
            try take(table, from: other.file, of: "*store")
        }
        let load = try await fixture.store().load()
        #expect(load.tokens[.coda]?.secret.text == "theirs")
        #expect(load.problems.map(\.name) == [.other])
        // A process that ran meanwhile notices it.
        #expect(await #expect(throws: TokenError.self) { try await running.load() }?.code == .tampered)
    }

    @Test func `rows of a store are refused when its record is taken away`() async throws {
        let running = try fixture.store()
        _ = try await running.load()
        for table in ["token_heads", "token_events"] { try fixture.sql("DELETE FROM \(table) WHERE name = '*store'") }
        #expect(await #expect(throws: TokenError.self) { try await running.load() }?.code == .tampered)
        let load = try await fixture.store().load()
        #expect(load.tokens.isEmpty && load.problems.map(\.error.code) == [.tampered])
    }

    @Test func `the store of an older release is bound by key rotate`() async throws {
        let old = try StoreFixture()
        let place = DatabasesOfTheFirstRelease.fixtures
        try FileManager.default.copyItem(
            at: place.appendingPathComponent("gatehouse.db"),
            to: URL(fileURLWithPath: old.file)
        )
        let key = try MasterKey(parsing: SecretSource.file(place.appendingPathComponent("master-key").path).read())
        let store = try old.store(key)
        #expect(try await !store.isBound())
        // Rows of a store that is not bound are written as that release reads them.
        try await store.rotate(.coda, "three")
        #expect(try old.blob("SELECT DISTINCT substr(sealed, 1, 4) FROM token_versions") == Array("GHS1".utf8))
        let report = try await store.rewrap(by: "ann")
        #expect(report.isBoundNow && report.problems.isEmpty && report.rewrapped == 7)
        #expect(try await !store.rewrap().isBoundNow)
        #expect(try await store.isBound())
        let load = try await old.store(key).load()
        #expect(load.tokens[.coda]?.secret.text == "three" && load.problems.isEmpty)
        #expect(try await old.store(key).history(of: .coda).allSatisfy { $0.problem == nil })
        #expect(try await old.store(key).rollback(.coda, .nothing).version == 2)
        // From then on a row of before is one that somebody has put back.
        try old.sql("UPDATE token_versions SET sealed = CAST('GHS1' || substr(sealed, 5) AS BLOB) WHERE version = 2")
        #expect(try await old.store(key).load().problems.map(\.error.code) == [.tampered])
    }
}
