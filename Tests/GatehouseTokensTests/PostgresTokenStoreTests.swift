import Foundation
import GatehouseCore
import GatehouseTestSupport
@testable import GatehouseTokens
import PostgresClient
import SQLiteClient
import Synchronization
import Testing

@Suite("Tokens in PostgreSQL", .needsPostgres, .timeLimit(.minutes(5)))
struct PostgresTokenStoreTests {
    /// By it an instance knows that its own clock is wrong.
    @Test func `tells the clock of its server, which a file has not`() async throws {
        let fixture = try await PostgresStoreFixture()
        let load = try await fixture.store().load()
        let now = SystemClock().now()
        let lead = try #require(load.clock?.lead(of: now))
        #expect(abs(lead.microseconds) < 10_000_000)
        let ahead = try #require(load.clock?.lead(of: now + .seconds(600)))
        #expect(abs(ahead.microseconds - 600_000_000) < 10_000_000)
        let file = try StoreFixture()
        #expect(try await file.store().load().clock == nil)
    }

    @Test func `takes the rows of an SQLite store byte for byte`() async throws {
        let file = try StoreFixture()
        let old = try file.store()
        try await old.set(.coda, "one")
        try await old.rotate(.coda, "two")
        try await old.set(.other, "three")
        let fixture = try await PostgresStoreFixture()
        let store = try fixture.store()
        try await store.prepare()
        try await fixture.sql("DELETE FROM token_heads; DELETE FROM token_events")
        let database = TokenRows(sql: SQLiteTokenSQL(try SQLiteConnection(path: file.file)))
        let target = PostgresTokenDatabase(url: Secret(fixture.url))
        for name in try database.names() {
            let head = try #require(try database.head(of: name))
            let events = try database.events(of: name, limit: 100)
            let versions = try database.versionKeys().filter { $0.name == name }.map { key in
                try #require(try database.version(key.version, of: name))
            }
            try await target.use(.changing) { rows throws(TokenError) in
                for (row, sealed) in versions { try rows.insert(row, sealed: sealed) }
                for (event, seal) in events { try rows.insert(event, seal: seal) }
                try rows.replace(head.head, seal: head.seal)
            }
        }
        let load = try await store.load()
        #expect(load.problems.isEmpty)
        #expect(load.tokens.mapValues(\.secret.text) == [.coda: "two", .other: "three"])
        #expect(try await store.rollback(.coda, .nothing).version == 1)
    }

    @Test(arguments: [
        "UPDATE token_versions SET sealed = (SELECT sealed FROM token_versions WHERE name = 'other') WHERE name = 'coda'",
        "UPDATE token_versions SET sealed = (SELECT sealed FROM token_versions WHERE name = 'coda' AND version = 1) WHERE name = 'coda'",
        "UPDATE token_versions SET version = -version WHERE name = 'coda'; UPDATE token_versions SET version = 3 + version WHERE name = 'coda'",
        "UPDATE token_versions SET sealed = 'GHS1'::bytea || substr(sealed, 5) WHERE name = 'coda'",
        "UPDATE token_versions SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE name = 'coda'",
        "UPDATE token_versions SET sealed = ''::bytea WHERE name = 'coda'",
        "UPDATE token_versions SET expires_at = 1 WHERE name = 'coda'",
        "UPDATE token_versions SET predecessor = NULL WHERE name = 'coda'",
        "UPDATE token_heads SET current = 1 WHERE name = 'coda'",
        "UPDATE token_heads SET revision = 9 WHERE name = 'coda'",
        "UPDATE token_heads SET seal = (SELECT seal FROM token_heads WHERE name = 'other') WHERE name = 'coda'",
        "UPDATE token_heads SET seal = 'GHE1'::bytea || substr(seal, 5) WHERE name = 'coda'",
        "UPDATE token_heads SET current = -9223372036854775808, latest = 9223372036854775807 WHERE name = 'coda'",
        "DELETE FROM token_heads WHERE name = 'coda'",
        "DELETE FROM token_events WHERE name = 'coda' AND revision = 2",
        "UPDATE token_events SET note = 'x' WHERE name = 'coda'",
    ])
    func `refuses rows that somebody else changed`(_ script: String) async throws {
        let fixture = try await PostgresStoreFixture()
        let store = try fixture.store()
        try await store.set(.coda, "one")
        try await store.rotate(.coda, "two")
        try await store.set(.other, "untouched")
        try await fixture.sql(script)
        let load = try await fixture.store().load()
        #expect(load.tokens.keys.map(\.text) == ["other"])
        #expect(load.problems.map(\.error.code) == [.tampered])
    }

    @Test func `refuses a head that was put back`() async throws {
        let fixture = try await PostgresStoreFixture()
        let store = try fixture.store()
        try await store.set(.coda, "one")
        try await store.rotate(.coda, "two")
        try await fixture.sql("CREATE TABLE kept AS SELECT * FROM token_heads")
        try await store.rotate(.coda, "three")
        try await fixture.sql("DELETE FROM token_heads; INSERT INTO token_heads SELECT * FROM kept")
        #expect(try await fixture.store().load().problems.map(\.error.code) == [.tampered])
        try await fixture.sql(
            "DELETE FROM token_events WHERE revision = 3; DELETE FROM token_versions WHERE version = 3"
        )
        // The whole past is put back: only a process that saw the future knows.
        #expect(try await store.load().problems.map(\.error.code) == [.tampered])
    }

    @Test func `holds nothing of a value in clear`() async throws {
        let fixture = try await PostgresStoreFixture()
        let store = try fixture.store()
        try await store.set(.coda, "secret-value-8f2c")
        try await store.rotate(.coda, "secret-value-9a1d")
        let hex = Array("secret-value".utf8).map { String(format: "%02x", $0) }.joined()
        for table in ["token_versions", "token_heads", "token_events"] {
            let dump = try await fixture.dump(table).joined()
            #expect(!dump.isEmpty && !dump.contains("secret-value") && !dump.contains(hex))
        }
    }

    @Test func `makes its tables once however many start at once`() async throws {
        let fixture = try await PostgresStoreFixture()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 { group.addTask { try await fixture.store().prepare() } }
            try await group.waitForAll()
        }
        #expect(try await fixture.dump("schema_versions") == ["(tokens,1)"])
        try await fixture.sql("UPDATE schema_versions SET version = 99")
        #expect(await code { try await fixture.store().prepare() } == .schemaTooNew)
    }

    @Test func `a session looks into temporary tables last, and no function of the schema has its owner's rights`()
        async throws
    {
        let fixture = try await PostgresStoreFixture()
        try await fixture.store().prepare()
        // The rows of the store's own session record the path that it resolves names by.
        try await fixture.sql(
            "ALTER TABLE gatehouse.token_versions ADD COLUMN seen_path text DEFAULT pg_catalog.current_setting('search_path')"
        )
        try await fixture.store().set(.coda, "one")
        let paths = try await fixture.sql("SELECT DISTINCT seen_path FROM gatehouse.token_versions")
        #expect(try paths?.map { row in try row.text(0) } == ["gatehouse, pg_temp"])
        let functions = try await fixture.sql(
            "SELECT count(*) FROM pg_catalog.pg_proc WHERE prosecdef AND pronamespace = 'gatehouse'::regnamespace"
        )
        #expect(try functions?[0].int(0) == 0)
    }

    @Test func `serves a user who may only read and refuses its changes`() async throws {
        let fixture = try await PostgresStoreFixture()
        let owner = try fixture.store()
        try await owner.set(.coda, "one")
        let role = "reader_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        try await fixture.sql("CREATE ROLE \(role) LOGIN PASSWORD 'pw'; GRANT USAGE ON SCHEMA gatehouse TO \(role)")
        try await fixture.sql("GRANT SELECT ON ALL TABLES IN SCHEMA gatehouse TO \(role)")
        var place = try #require(URLComponents(string: fixture.url))
        place.user = role
        place.password = "pw"
        let reader = try fixture.store(url: place.string ?? "")
        #expect(try await reader.load().tokens[.coda]?.secret.text == "one")
        #expect(try await reader.changeStamp() != nil)
        #expect(await code { try await reader.rotate(.coda, "two") } == .unavailable)
        #expect(try await owner.load().tokens[.coda]?.version == 1)
        try await fixture.sql("DROP OWNED BY \(role); DROP ROLE \(role)")
    }

    @Test func `the documented roles can do what they are for, and no more`() async throws {
        let fixture = try await PostgresStoreFixture()
        let owner = try fixture.store(StoreFixture.oldKey)
        try await owner.set(.coda, "one")
        func fleet(_ url: String) throws -> FleetDatabase {
            FleetDatabase(url: Secret(url), keyring: try MasterKeyring([StoreFixture.newKey]))
        }
        try await fleet(fixture.url).prepare()
        let mark = UUID().uuidString.lowercased().prefix(8)
        var stores: [String: String] = [:]
        for role in ["ops", "serve"] {
            try await fixture.sql("CREATE ROLE gatehouse_\(role)_\(mark) LOGIN PASSWORD 'pw'")
            var place = try #require(URLComponents(string: fixture.url))
            place.user = "gatehouse_\(role)_\(mark)"
            place.password = "pw"
            stores[role] = place.string
        }
        for statement in try DocumentedGrants.statements(in: "MIGRATION.md")
        where statement.contains("gatehouse_serve") || statement.contains("gatehouse_ops") {
            var statement = statement
            for role in ["ops", "serve"] { statement.replace("gatehouse_\(role)", with: "gatehouse_\(role)_\(mark)") }
            try await fixture.sql(statement)
        }
        let ops = try fixture.store(StoreFixture.newKey, StoreFixture.oldKey, url: stores["ops"])
        try await ops.rotate(.coda, "two")
        #expect(try await ops.rollback(.coda, .nothing).version == 1)
        try await ops.rotate(.coda, "three")
        try await ops.set(.other, "x")
        try await ops.delete(.other, .nothing)
        #expect(try await ops.rewrap().ended == [StoreFixture.oldKey.id])
        #expect(try await ops.deny([(.user, "a@x.de")], .nothing).count == 1)
        // With what `auto_revert` needs, which the document grants too.
        let serve = try fixture.store(StoreFixture.newKey, StoreFixture.oldKey, url: stores["serve"])
        #expect(try await serve.load().tokens[.coda]?.secret.text == "three")
        #expect(try await serve.keyEnds().count == 1)
        #expect(try await serve.rollback(.coda, .nothing).version == 1)
        #expect(await code { try await serve.rotate(.coda, "four") } == .unavailable)
        #expect(await code { try await serve.delete(.coda, .nothing) } == .unavailable)
        #expect(try await serve.denials()?.book.entries.count == 1)
        #expect(await code { _ = try await serve.undeny([(.user, "a@x.de")], .nothing) } == .unavailable)
        let instance = try fleet(try #require(stores["serve"]))
        let card = InstanceCard(id: "i", name: "n", version: "v", since: Timestamp(seconds: 1), configuration: "c")
        #expect(try await instance.report(card).instances.count == 1)
        _ = try await instance.exchange([(1, 2)], of: "i")
        try await instance.leave("i")
        for role in ["ops", "serve"] {
            try await fixture.sql("DROP OWNED BY gatehouse_\(role)_\(mark); DROP ROLE gatehouse_\(role)_\(mark)")
        }
    }

    @Test func `a user who may only read cannot keep others from changing, and is told of a newer schema`() async throws
    {
        let fixture = try await PostgresStoreFixture()
        let owner = try fixture.store()
        try await owner.set(.coda, "one")
        let role = "reader_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        try await fixture.sql("CREATE ROLE \(role) LOGIN PASSWORD 'pw'; GRANT USAGE ON SCHEMA gatehouse TO \(role)")
        try await fixture.sql("GRANT SELECT ON ALL TABLES IN SCHEMA gatehouse TO \(role)")
        var place = try #require(URLComponents(string: fixture.url))
        place.user = role
        place.password = "pw"
        let url = try #require(place.string)
        let holder = try await PostgresConnection.open(PostgresOptions(url: url))
        // The locks that the first release waited for, and every lock on the table that the role can have.
        for lock in [0x6761_7465_686F_7573, 0x6761_7465_686F_7574, 0x6761_7465_6861_7573] as [Int64] {
            try await holder.query("SELECT pg_advisory_lock($1)", [.int(lock)])
        }
        try await holder.query("BEGIN")
        try await holder.query("LOCK TABLE gatehouse.token_heads IN ACCESS SHARE MODE")
        try await owner.rotate(.coda, "two")
        await #expect(throws: PostgresError.self) {
            try await holder.query("LOCK TABLE gatehouse.token_heads IN ROW EXCLUSIVE MODE")
        }
        try await holder.query("ROLLBACK")
        try await fixture.sql("UPDATE schema_versions SET version = 99")
        #expect(await code { try await fixture.store(url: url).prepare() } == .schemaTooNew)
        // A first start waits for its turn, and then goes on. Advisory locks are those of one database.
        try await fixture.sql("DROP SCHEMA gatehouse CASCADE")
        try await fixture.store().set(.coda, "three")
        await holder.close()
        try await fixture.sql("DROP OWNED BY \(role); DROP ROLE \(role)")
    }

    @Test func `says without the password why a server cannot be reached`() async throws {
        let store = try await PostgresStoreFixture().store(url: "postgres://gatehouse:hunter2@127.0.0.1:1/none")
        do {
            _ = try await store.load()
            Issue.record("nobody listens there")
        } catch {
            #expect(error.code == .unavailable)
            #expect(!"\(error) \(String(describing: error.underlying))".contains("hunter2"))
        }
    }

    @Test func `re-wraps to the first key, goes on where it stopped, refuses unknown keys`() async throws {
        let fixture = try await PostgresStoreFixture()
        let old = try fixture.store()
        try await old.set(.coda, "one")
        try await old.rotate(.coda, "two")
        let stranger = try fixture.store(StoreFixture.newKey)
        let before = try await fixture.dump("token_versions")
        #expect(await code { _ = try await stranger.rewrap() } == .keyUnknown)
        #expect(try await fixture.dump("token_versions") == before)
        let both = try fixture.store(StoreFixture.newKey, StoreFixture.oldKey)
        // Some rows under the one key and some under the other are what a killed run leaves.
        try await both.rotate(.coda, "three")
        let report = try await both.rewrap()
        #expect(report.problems.isEmpty && report.rewrapped > 0)
        #expect(try await both.rewrap().rewrapped == 0)
        let new = try fixture.store(StoreFixture.newKey)
        #expect(try await new.load().tokens[.coda]?.secret.text == "three")
        #expect(try await new.history(of: .coda).allSatisfy { $0.problem == nil })
        try await fixture.sql(
            "UPDATE token_versions SET sealed = substr(sealed, 1, 60) || substr(sealed, 1, 80) WHERE version = 1"
        )
        let damaged = try await fixture.dump("token_versions").first
        let third = MasterKey(bytes: Secret(200..<232))
        let again = try await fixture.store(third, StoreFixture.newKey, StoreFixture.oldKey).rewrap()
        #expect(again.problems.map(\.error.code) == [.tampered])
        #expect(try await fixture.dump("token_versions").contains(try #require(damaged)))
    }

    @Test func `tells a listening process of a rotation`() async throws {
        let fixture = try await PostgresStoreFixture()
        let writer = try fixture.store()
        try await writer.set(.coda, "one")
        let values = Watched<String?>(nil)
        // A refresh interval that this test never reaches, and no polling: only the notification brings the value.
        let refresher = TokenRefresher(store: try fixture.store(), refresh: .seconds(86_400)) { snapshot in
            values.set(snapshot.tokens[.coda]?.secret.text)
        }
        let running = Task { await refresher.run() }
        defer { running.cancel() }
        try await values.wait { $0 == "one" }
        try await writer.rotate(.coda, "two")
        try await values.wait { $0 == "two" }
        // The server ends every connection, as a restart does; what happens next still arrives.
        _ = try? await fixture.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        try await writer.rotate(.coda, "three")
        try await values.wait { $0 == "three" }
    }
}

/// A value that others wait for, within a bound.
final class Watched<Value: Sendable>: Sendable {
    private struct State {
        var value: Value
        var waiting: [(until: @Sendable (Value) -> Bool, continuation: CheckedContinuation<Bool, Never>)] = []
    }

    private let state: Mutex<State>

    init(_ value: Value) { state = Mutex(State(value: value)) }

    func set(_ value: Value) {
        let done = state.withLock { state in
            state.value = value
            let done = state.waiting.filter { $0.until(value) }.map(\.continuation)
            state.waiting.removeAll { $0.until(value) }
            return done
        }
        for continuation in done { continuation.resume(returning: true) }
    }

    /// - Throws: ``TimedOut`` when the value does not come to pass within the bound.
    func wait(until: @escaping @Sendable (Value) -> Bool) async throws {
        let bound = Task {
            try await Task.sleep(for: .seconds(RawSocket.patience))
            giveUp()
        }
        defer { bound.cancel() }
        let isMet = await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if !until(state.value) { state.waiting.append((until, continuation)) }
                return until(state.value)
            }
            if isThere { continuation.resume(returning: true) }
        }
        guard isMet else { throw TimedOut(what: "the value") }
    }

    private func giveUp() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.continuation.resume(returning: false) }
    }
}
