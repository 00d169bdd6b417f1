import Foundation
import GatehouseCore
@testable import GatehouseTokens
import SQLiteClient
import Testing

@Suite struct TheSQLiteStore {
    let fixture: StoreFixture
    let store: SealedTokenStore

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.store()
    }

    private func current(_ store: SealedTokenStore) async throws -> [String: String] {
        let load = try await store.load()
        #expect(load.problems.isEmpty)
        return Dictionary(
            uniqueKeysWithValues: load.tokens.map { ($0.key.text, "\($0.value.version):\($0.value.secret.text)") }
        )
    }

    @Test func `the SQLite store says that its file was taken away, and opens the one that comes back`() async throws {
        try await store.set(.coda, "one")
        #expect(try await store.load().replacedAt == nil)
        try FileManager.default.moveItem(atPath: fixture.file, toPath: "\(fixture.file).away")
        #expect(await code { _ = try await store.load() } == .unavailable)
        #expect(await code { try await store.set(.coda, "two") } == .unavailable)
        // Another file would be a store without tokens.
        #expect(!FileManager.default.fileExists(atPath: fixture.file))
        try FileManager.default.moveItem(atPath: "\(fixture.file).away", toPath: fixture.file)
        let load = try await store.load()
        #expect(load.tokens[.coda]?.secret.text == "one" && load.replacedAt != nil)
    }

    @Test func `the SQLite store notices that its file is another one`() async throws {
        try await store.set(.coda, "one")
        let isTold = Watched(false)
        let watching = Task { [store] in await store.watch { isTold.set(true) } }
        defer { watching.cancel() }
        // The start of the watch is not known here, so the file comes and goes until a change is reported; each state lasts longer than one interval.
        let moving = Task { [file = fixture.file] in
            while !Task.isCancelled {
                try FileManager.default.moveItem(atPath: file, toPath: "\(file).away")
                try? await Task.sleep(for: TokenRefresher.pollInterval * 1.5)
                try FileManager.default.moveItem(atPath: "\(file).away", toPath: file)
                try? await Task.sleep(for: TokenRefresher.pollInterval * 1.5)
            }
        }
        defer { moving.cancel() }
        try await isTold.wait { $0 }
        moving.cancel()
        try await moving.value
    }

    @Test func `a change says who and why without control characters and in 256 bytes`() {
        #expect(throws: TokenError.self) { try TokenChange(actor: "a\u{1B}[2J") }
        #expect(throws: TokenError.self) { try TokenChange(note: String(repeating: "x", count: 257)) }
    }

    @Test func `the SQLite store refuses on reading what another writer put in`() async throws {
        // Sealed with the right key by something that does not check: the value is authentic and still not fit for a header.
        try await store.set(.coda, "one")
        let sealer = TokenSealer(keyring: try MasterKeyring([StoreFixture.oldKey]))
        let row = SealedRow(
            name: "coda",
            version: 1,
            predecessor: nil,
            createdAt: 1_764_000_000_000_000,
            expiresAt: nil,
            actor: "",
            note: ""
        )
        let id = try await store.database.use(.reading) { rows throws(TokenError) in try store.binding(rows) }
        let sealed = try sealer.seal(Secret("a\r\nX-Evil: 1"), in: row, of: id)
        try fixture.run("UPDATE token_versions SET sealed = ?", sealed)
        let load = try await store.load()
        #expect(load.tokens.isEmpty)
        #expect(load.problems.map(\.error.code) == [.invalidValue])
        #expect(load.problems.first?.error.message.contains("Evil") == false)
    }

    @Test func `the SQLite store keeps a bounded number of versions`() async throws {
        for number in 1...(SealedTokenStore.keptVersions + 2) { try await store.set(.coda, "value-\(number)") }
        #expect(await code { _ = try await store.value(of: .coda, version: 2) } == .versionNotFound)
        #expect(try await store.value(of: .coda, version: 3).secret.text == "value-3")
        #expect(try await current(store) == ["coda": "102:value-102"])
    }

    @Test func `the SQLite store leaves no value in any file`() async throws {
        let values = ["plain-text-of-a-token-0123456789", "another-plain-text-of-a-token"]
        try await store.set(.coda, values[0])
        try await store.rotate(.coda, values[1])
        _ = try await store.rollback(.coda, .nothing)
        let bytes = try fixture.bytes()
        #expect(bytes.range(of: Data("token_heads".utf8)) != nil)
        for value in values { #expect(bytes.range(of: Data(value.utf8)) == nil) }
        #expect(bytes.range(of: Data(StoreFixture.oldKey.encoded.text.utf8)) == nil)
    }

    @Test func `the SQLite store destroys what it deletes`() async throws {
        try await store.set(.coda, "one")
        let sealed = try fixture.blob("SELECT sealed FROM token_versions")
        #expect(try fixture.bytes().range(of: Data(sealed)) != nil)
        try await store.delete(.coda, .nothing)
        #expect(try fixture.bytes().range(of: Data(sealed)) == nil)
    }

    @Test func `the SQLite store migrates a database that has other tables only`() async throws {
        try fixture.sql("CREATE TABLE audit_events (a); INSERT INTO audit_events VALUES (1)")
        try await store.set(.coda, "one")
        #expect(try await current(fixture.store()) == ["coda": "1:one"])
        let connection = try SQLiteConnection(path: fixture.file)
        #expect(try connection.schemaVersion(of: "tokens") == TokenSchema.sqlite.count)
    }

    @Test func `the SQLite store refuses a newer database`() async throws {
        try await store.set(.coda, "one")
        try fixture.sql("UPDATE schema_versions SET version = 99")
        let other = try fixture.store()
        #expect(await code { _ = try await other.load() } == .schemaTooNew)
        #expect(await code { try await other.prepare() } == .schemaTooNew)
    }

    @Test func `the SQLite store says that it cannot be opened`() async throws {
        let keyring = try MasterKeyring([StoreFixture.oldKey])
        let store = SealedTokenStore.sqlite(path: "\(fixture.directory)/none/tokens.db", keyring: keyring)
        let error = await #expect(throws: TokenError.self) { try await store.load() }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("none/tokens.db") == true)
        #expect(error?.hint != nil)
    }

    @Test func `the SQLite store's stamp stays when another table of its file changes`() async throws {
        try await store.set(.coda, "one")
        let before = try await store.changeStamp()
        try fixture.sql("CREATE TABLE audit_events (a); INSERT INTO audit_events VALUES (1)")
        #expect(try await store.changeStamp() == before)
        try await store.rotate(.coda, "two")
        #expect(try await store.changeStamp() != before)
    }

    @Test func `the SQLite store reads a restored file in place of the old one`() async throws {
        try await store.set(.coda, "one")
        let elsewhere = try StoreFixture()
        let other = try elsewhere.store()
        try await other.set(.other, "two")
        try elsewhere.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        for suffix in ["-wal", "-shm", ""] { try FileManager.default.removeItem(atPath: fixture.file + suffix) }
        try FileManager.default.copyItem(atPath: elsewhere.file, toPath: fixture.file)
        let load = try await store.load()
        #expect(load.tokens.keys.map(\.text) == ["other"])
        // The token that this process knew is missed, not forgotten.
        #expect(load.problems.map(\.name) == [.coda])
    }
}
