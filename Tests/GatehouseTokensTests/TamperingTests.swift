import GatehouseCore
@testable import GatehouseTokens
import GatehouseTestSupport
import SQLiteClient
import Testing

/// Changes by an attacker who can write to the database and has no master key. In each test a fresh process reads it afterwards.
@Suite struct TamperedStores {
    let fixture: StoreFixture
    let store: SealedTokenStore

    init() async throws {
        fixture = try StoreFixture()
        store = try fixture.store()
        try await store.set(.coda, "one")
        try await store.rotate(.coda, "two")
        try await store.set(.other, "untouched")
    }

    /// Asserts that `coda` is refused with `code` by a new process, and that the other token loads all the same.
    private func expectRefused(_ code: TokenError.Code = .tampered, _ location: SourceLocation = #_sourceLocation)
        async throws
    {
        let fresh = try fixture.store()
        let load = try await fresh.load()
        #expect(load.tokens.keys.map(\.text) == ["other"], sourceLocation: location)
        #expect(load.problems.map(\.name) == [.coda], sourceLocation: location)
        #expect(load.problems.map(\.error.code) == [code], sourceLocation: location)
        let list = try await fresh.list()
        #expect(list.map { $0.problem?.code } == [code, nil], sourceLocation: location)
        await #expect(throws: TokenError.self, sourceLocation: location) { try await fresh.value(of: .coda) }
    }

    @Test(arguments: [
        "UPDATE token_versions SET sealed = (SELECT sealed FROM token_versions WHERE name = 'other') WHERE name = 'coda'",
        "UPDATE token_versions SET sealed = (SELECT sealed FROM token_versions WHERE name = 'coda' AND version = 1) WHERE name = 'coda'",
        "UPDATE token_versions SET version = -version WHERE name = 'coda'; UPDATE token_versions SET version = 3 + version WHERE name = 'coda'",
        "UPDATE token_versions SET sealed = CAST('GHS1' || substr(sealed, 5) AS BLOB) WHERE name = 'coda'",
        "UPDATE token_versions SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE name = 'coda'",
        "UPDATE token_versions SET sealed = x'' WHERE name = 'coda'",
        "UPDATE token_versions SET expires_at = 1 WHERE name = 'coda'",
        "UPDATE token_versions SET created_at = 1 WHERE name = 'coda'",
        "UPDATE token_versions SET predecessor = NULL WHERE name = 'coda'",
        "UPDATE token_versions SET actor = 'boss' WHERE name = 'coda'",
        "UPDATE token_heads SET current = 1 WHERE name = 'coda'",
        "UPDATE token_heads SET current = 0 WHERE name = 'coda'",
        "UPDATE token_heads SET latest = 9 WHERE name = 'coda'",
        "UPDATE token_heads SET revision = 9 WHERE name = 'coda'",
        "UPDATE token_heads SET changed_at = 9 WHERE name = 'coda'",
        "UPDATE token_heads SET seal = (SELECT seal FROM token_heads WHERE name = 'other') WHERE name = 'coda'",
        "UPDATE token_heads SET seal = x'00' WHERE name = 'coda'",
        "UPDATE token_heads SET current = -9223372036854775808, latest = 9223372036854775807 WHERE name = 'coda'",
        "DELETE FROM token_heads WHERE name = 'coda'",
        "DELETE FROM token_events WHERE name = 'coda'",
        "DELETE FROM token_events WHERE name = 'coda' AND revision = 2",
        "UPDATE token_events SET version = 1 WHERE name = 'coda'",
        "UPDATE token_events SET note = 'x' WHERE name = 'coda'",
        "INSERT INTO token_events SELECT name, 3, action, version, at, actor, note, seal FROM token_events WHERE name = 'coda' AND revision = 2",
    ])
    func `tampered stores are refused`(_ script: String) async throws {
        try fixture.sql(script)
        try await expectRefused()
    }

    @Test func `tampered stores are refused when the version in use is gone`() async throws {
        try fixture.sql("DELETE FROM token_versions WHERE name = 'coda' AND version = 2")
        try await expectRefused(.versionNotFound)
    }

    @Test func `tampered stores are refused with an old head put back`() async throws {
        try fixture.sql("CREATE TABLE kept AS SELECT * FROM token_heads WHERE name = 'coda'")
        try await store.rotate(.coda, "three")
        try fixture.sql("INSERT OR REPLACE INTO token_heads SELECT * FROM kept")
        try await expectRefused()
        // Nor with the newest change removed, while the version that came with it is there.
        try fixture.sql("DELETE FROM token_events WHERE name = 'coda' AND revision = 3")
        try await expectRefused()
    }

    @Test func `tampered stores with their whole past put back are refused by a process that saw the future`()
        async throws
    {
        for table in ["heads", "events", "versions"] {
            try fixture.sql("CREATE TABLE kept_\(table) AS SELECT * FROM token_\(table)")
        }
        try await store.rotate(.coda, "three")
        for table in ["heads", "events", "versions"] {
            try fixture.sql("DELETE FROM token_\(table); INSERT INTO token_\(table) SELECT * FROM kept_\(table)")
        }
        let load = try await store.load()
        #expect(load.problems.map(\.error.code) == [.tampered])
        #expect(load.problems.first?.error.message.contains("from revision 3 to 2") == true)
        #expect(await code { try await store.rotate(.coda, "four") } == .tampered)
        // The stated limit: one that starts afterwards takes it for a restored backup.
        #expect(try await fixture.store().load().tokens[.coda]?.version == 2)
    }

    @Test func `tampered stores that lost a token are noticed by a process that knew it`() async throws {
        for table in ["heads", "events", "versions"] {
            try fixture.sql("DELETE FROM token_\(table) WHERE name = 'coda'")
        }
        #expect(try await store.load().problems.map(\.name) == [.coda])
        #expect(try await fixture.store().load().problems.isEmpty)
    }

    @Test func `tampered stores take no change but a deletion`() async throws {
        try fixture.sql("UPDATE token_heads SET current = 1, revision = 9223372036854775807 WHERE name = 'coda'")
        #expect(await code { try await store.set(.coda, "x") } == .tampered)
        #expect(await code { try await store.rotate(.coda, "x") } == .tampered)
        #expect(await code { _ = try await store.rollback(.coda, .nothing) } == .tampered)
        let history = try await store.history(of: .coda)
        #expect(history.map { $0.problem?.code } == [.tampered, nil])
        try await store.delete(.coda, .change(actor: "ops"))
        try await store.set(.coda, "anew")
        #expect(try await store.load().tokens[.coda]?.secret.text == "anew")
        let fresh = try fixture.store()
        #expect(try await fresh.load().problems.isEmpty)
        #expect(try await fresh.value(of: .coda).version == 3)
        #expect(try await fresh.history(of: .coda).map(\.action) == [.set, .delete])
    }

    @Test func `tampered stores keep rows with foreign names out of the way`() async throws {
        try fixture.sql("UPDATE token_heads SET name = 'not a name' WHERE name = 'other'")
        let load = try await fixture.store().load()
        #expect(load.tokens.keys.map(\.text) == ["coda"])
        #expect(load.problems.map(\.name) == [.other])
    }

    @Test func `tampered stores never trap on random rows`() async throws {
        var random = SplitMix(seed: 11)
        for _ in 0..<200 {
            let table = ["token_heads", "token_versions", "token_events"].randomElement(using: &random)!
            let number = Int64.random(in: .min ... .max, using: &random)
            let script =
                switch table {
                case "token_heads": "UPDATE token_heads SET current = \(number), seal = randomblob(44)"
                case "token_versions": "UPDATE token_versions SET predecessor = \(number), sealed = randomblob(120)"
                case _: "UPDATE token_events SET version = \(number), at = \(number), action = char(7) || 'x'"
                }
            try fixture.sql("\(script) WHERE name <> '*store'")
            let fresh = try fixture.store()
            #expect(try await fresh.load().tokens.isEmpty)
            _ = try await fresh.list()
            _ = try await fresh.history(of: .coda)
            // Without the store's own record nothing of it is believed.
            if random.next() % 8 == 0 {
                try fixture.sql("CREATE TABLE kept AS SELECT * FROM \(table) WHERE name = '*store'; \(script)")
                if table != "token_versions" {
                    #expect(await code { _ = try await fixture.store().load() } == .tampered)
                }
                try fixture.sql(
                    """
                    DELETE FROM \(table) WHERE name = '*store'; INSERT INTO \(table) SELECT * FROM kept; DROP TABLE kept
                    """
                )
            }
        }
    }
}
