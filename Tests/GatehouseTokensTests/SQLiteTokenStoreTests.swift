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

    @Test func `the SQLite store starts empty`() async throws {
        #expect(try await current(store).isEmpty)
        #expect(try await store.list().isEmpty)
        #expect(await code { _ = try await store.value(of: .coda) } == .notFound)
        #expect(await code { _ = try await store.history(of: .coda) } == .notFound)
        #expect(await code { try await store.rotate(.coda, "x") } == .notFound)
        #expect(await code { _ = try await store.rollback(.coda, .nothing) } == .notFound)
        #expect(await code { try await store.delete(.coda, .nothing) } == .notFound)
    }

    @Test func `the SQLite store sets, rotates and goes back`() async throws {
        let first = try await store.set(.coda, to: Secret("one"), .nothing)
        #expect(first.version == 1)
        try await store.rotate(.coda, "two")
        try await store.set(.coda, "three")
        #expect(try await current(store) == ["coda": "3:three"])
        let back = try await store.rollback(.coda, .nothing)
        #expect(back.version == 2)
        #expect(try await current(store) == ["coda": "2:two"])
        // The next version goes on from the highest, and back from it leads to what was current, not to the rejected one.
        try await store.rotate(.coda, "four")
        #expect(try await current(store) == ["coda": "4:four"])
        #expect(try await store.rollback(.coda, .nothing).version == 2)
        #expect(try await store.rollback(.coda, .nothing).fingerprint == first.fingerprint)
        #expect(await code { _ = try await store.rollback(.coda, .nothing) } == .versionNotFound)
        #expect(try await store.value(of: .coda, version: 3).secret.text == "three")
        #expect(await code { _ = try await store.value(of: .coda, version: 5) } == .versionNotFound)
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
        let (told, teller) = AsyncStream.makeStream(of: Void.self)
        let watching = Task { [store] in await store.watch { teller.yield() } }
        defer { watching.cancel() }
        var changes = told.makeAsyncIterator()
        // The start of the watch is not known here, so the file comes and goes until a change is reported; each state lasts longer than one interval.
        let moving = Task { [file = fixture.file] in
            while !Task.isCancelled {
                try FileManager.default.moveItem(atPath: file, toPath: "\(file).away")
                try? await Task.sleep(for: TokenRefresher.pollInterval * 1.5)
                try FileManager.default.moveItem(atPath: "\(file).away", toPath: file)
                try? await Task.sleep(for: TokenRefresher.pollInterval * 1.5)
            }
        }
        #expect(await changes.next() != nil)
        moving.cancel()
        try await moving.value
    }

    @Test func `the SQLite store keeps its tokens apart`() async throws {
        try await store.set(.coda, "one")
        try await store.set(.other, "two")
        try await store.set(.name("Coda"), "three")
        #expect(try await current(store) == ["coda": "1:one", "other": "1:two", "Coda": "1:three"])
        try await store.delete(.other, .nothing)
        #expect(try await current(fixture.store()) == ["coda": "1:one", "Coda": "1:three"])
    }

    @Test func `the SQLite store records every change`() async throws {
        let expiry = Timestamp(seconds: 1_800_000_000)
        let change = try TokenChange(actor: "ops", note: "first", expiresAt: expiry)
        let set = try await store.set(.coda, to: Secret("one"), change)
        #expect(set.expiresAt == expiry)
        try await store.rotate(.coda, "two")
        _ = try await store.rollback(.coda, .change(actor: "night", note: "rejected"))
        try await store.delete(.coda, .nothing)
        try await store.set(.coda, "three")
        let history = try await store.history(of: .coda)
        #expect(history.map(\.action) == [.set, .delete, .rollback, .rotate, .set])
        #expect(history.map(\.version) == [3, 0, 1, 2, 1])
        #expect(history.map(\.revision) == [5, 4, 3, 2, 1])
        #expect(history.map(\.isCurrent) == [true, false, false, false, false])
        #expect(history[2].actor == "night")
        #expect(history[2].note == "rejected")
        #expect(history[0].at == Timestamp(seconds: 1_764_000_000))
        // Deleted versions are gone; that there were some is not.
        #expect(history.map { $0.fingerprint == nil } == [false, true, true, true, true])
        #expect(history.allSatisfy { $0.problem == nil })
        let list = try await store.list()
        #expect(list.map(\.version) == [3])
    }

    @Test func `the SQLite store refuses a value that no header may carry`() async throws {
        for value in [
            "", " x", "x ", "a\nb", "a\u{7F}", "ü", String(repeating: "x", count: 8193), "<hidden-by-infisical>",
        ] {
            #expect(await code { try await store.set(.coda, value) } == .invalidValue)
        }
        #expect(throws: TokenError.self) { try TokenChange(actor: "a\u{1B}[2J") }
        #expect(throws: TokenError.self) { try TokenChange(note: String(repeating: "x", count: 257)) }
        try await store.set(.coda, String(repeating: "x", count: 8192))
        #expect(try await store.value(of: .coda).secret.count == 8192)
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

    @Test func `the SQLite store's stamp changes with tokens, and only with them`() async throws {
        try await store.set(.coda, "one")
        let writer = try fixture.store()
        let before = try await store.changeStamp()
        #expect(try await store.changeStamp() == before)
        try fixture.sql("CREATE TABLE audit_events (a); INSERT INTO audit_events VALUES (1)")
        #expect(try await store.changeStamp() == before)
        try await writer.rotate(.coda, "two")
        let rotated = try await store.changeStamp()
        #expect(rotated != before)
        try await store.rotate(.coda, "three")
        #expect(try await store.changeStamp() != rotated)
    }

    @Test func `two processes may rotate at once`() async throws {
        try await store.set(.coda, "start")
        let stores = try [fixture.store(), fixture.store()]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, store) in stores.enumerated() {
                group.addTask { for number in 0..<25 { try await store.rotate(.coda, "\(index)-\(number)") } }
            }
            group.addTask {
                // A reader always sees one whole state.
                var last = 0
                for _ in 0..<50 {
                    let load = try await store.load()
                    #expect(load.problems.isEmpty)
                    #expect(load.tokens[.coda]?.version ?? 0 >= last)
                    last = load.tokens[.coda]?.version ?? 0
                }
            }
            try await group.waitForAll()
        }
        let history = try await store.history(of: .coda)
        #expect(history.map(\.version) == Array((1...51).reversed()))
        #expect(Set(history.compactMap(\.fingerprint)).count == 51)
        #expect(history.allSatisfy { $0.problem == nil })
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
