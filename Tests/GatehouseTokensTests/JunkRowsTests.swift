import GatehouseCore
import SQLiteClient
import Testing

@testable import GatehouseTokens

/// Plays somebody who can write to the database and has no master key.
@Suite struct StoresFullOfJunk {
    let fixture: StoreFixture

    init() async throws {
        fixture = try StoreFixture()
        try await fixture.store().set(.coda, "one")
    }

    private func fill(_ table: String, _ count: Int) throws {
        let rest = table == "token_heads" ? "0, 0, 0, 0, x'00'" : "1, NULL, 0, NULL, '', '', x'00'"
        try fixture.sql(
            """
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(count))
            INSERT INTO \(table) SELECT 'junk-' || i, \(rest) FROM n
            """
        )
    }

    @Test(arguments: ["token_heads", "token_versions"])
    func `a store full of junk is refused before all of it is read`(_ table: String) async throws {
        try fill(table, 200_000)
        let store = try fixture.store()
        let error = await #expect(throws: TokenError.self) { try await store.load() }
        #expect(error?.code == .tampered && error?.message.contains("more than 10000 tokens") == true)
        _ = try await store.changeStamp()
        // A token that is read by name is still there.
        #expect(try await store.value(of: .coda).secret.text == "one")
    }

    @Test func `a store full of junk keeps no token back while there is room`() async throws {
        try fill("token_heads", 500)
        let load = try await fixture.store().load()
        #expect(load.tokens[.coda]?.secret.text == "one")
        #expect(load.problems.count == 500)
    }
}
