import GatehouseCore
@testable import GatehouseTokens
import SQLiteClient
import Testing

@Suite struct RotatingTheMasterKey {
    let bench: Workbench

    init() async throws {
        bench = try Workbench()
        let store = try bench.store(Workbench.oldKey)
        try await store.set(.coda, "one")
        try await store.rotate(.coda, "two")
        try await store.set(.other, "three")
        try await store.delete(.other, .nothing)
    }

    @Test func putsEveryRowUnderTheFirstKey() async throws {
        let both = try bench.store(Workbench.newKey, Workbench.oldKey)
        let report = try await both.rewrap()
        // Two versions, two heads, four changes.
        #expect(report.rewrapped == 8)
        #expect(report.alreadyCurrent == 0)
        #expect(report.problems.isEmpty)
        let new = try bench.store(Workbench.newKey)
        #expect(try await new.load().tokens[.coda]?.secret.text == "two")
        #expect(try await new.history(of: .coda).allSatisfy { $0.problem == nil })
        #expect(try await new.rollback(.coda, .nothing).version == 1)
        let again = try await both.rewrap()
        #expect(again.rewrapped == 0)
        #expect(again.alreadyCurrent == 9)
    }

    @Test func retiresTheOtherKeys() async throws {
        let both = try bench.store(Workbench.newKey, Workbench.oldKey)
        #expect(try await both.keyEnds().isEmpty)
        let report = try await both.rewrap(by: "ann")
        #expect(report.ended == [Workbench.oldKey.id])
        #expect(try await both.keyEnds() == [Workbench.oldKey.id: Timestamp(seconds: 1_764_000_000)])
        #expect(both.knownKeyEnds.count == 1)
        // Once.
        #expect(try await both.rewrap().ended.isEmpty)
        // No token of anyone's.
        #expect(try await both.load().tokens.keys.map(\.text) == ["coda"])
        #expect(try await both.list().map(\.name.text) == ["coda"])
    }

    @Test func takesNoRowUnderARetiredKey() async throws {
        let both = try bench.store(Workbench.newKey, Workbench.oldKey)
        _ = try await both.rewrap()
        // Somebody with the old key and the database.
        try await plant("planted", "stolen", in: both)
        let load = try await both.load()
        #expect(load.tokens[.name("planted")] == nil)
        #expect(load.problems.map(\.error.code) == [.tampered])
        #expect(load.tokens[.coda]?.secret.text == "two")
        // Nor is it laundered.
        #expect(try await both.rewrap().problems.map(\.error.code) == [.tampered, .tampered, .tampered])
        #expect(try await both.load().tokens[.name("planted")] == nil)
        try await both.delete(.name("planted"), .nothing)
        #expect(try await both.rewrap().problems.isEmpty)
    }

    /// A token under the old key alone, which knows the store's id as everybody does who reads it.
    private func plant(_ name: String, _ value: String, in store: SealedTokenStore) async throws {
        let id = try await store.database.use(.reading) { rows throws(TokenError) in try store.binding(rows) }
        let keyring = try MasterKeyring([Workbench.oldKey])
        let rows = TokenRows(sql: SQLiteTokenSQL(try SQLiteConnection(path: bench.file)))
        let row = SealedRow(
            name: name,
            version: 1,
            predecessor: nil,
            createdAt: 1,
            expiresAt: nil,
            actor: "",
            note: ""
        )
        let event = EventRecord(name: name, revision: 1, action: "set", version: 1, at: 1, actor: "", note: "")
        let head = TokenHead(name: name, current: 1, latest: 1, revision: 1, changedAt: 1)
        let attestation = Attestation(keyring: keyring)
        try rows.insert(row, sealed: try TokenSealer(keyring: keyring).seal(Secret(value), in: row, of: id))
        try rows.insert(event, seal: attestation.seal(event, of: id))
        try rows.replace(head, seal: attestation.seal(head, of: id))
    }

    @Test func makesNothingUnderARetiredKey() async throws {
        _ = try await bench.store(Workbench.newKey, Workbench.oldKey).rewrap()
        let turned = try bench.store(Workbench.oldKey, Workbench.newKey)
        #expect(try await turned.load().tokens[.coda]?.secret.text == "two")
        for attempt in 0..<3 {
            let error = await #expect(throws: TokenError.self) {
                switch attempt {
                case 0: try await turned.rotate(.coda, "three")
                case 1: try await turned.rollback(.coda, .nothing)
                case _: _ = try await turned.rewrap()
                }
            }
            #expect(error?.code == .configuration)
        }
    }

    @Test func noticesThatTheRecordOfAnEndIsTakenAway() async throws {
        let both = try bench.store(Workbench.newKey, Workbench.oldKey)
        _ = try await both.rewrap()
        try bench.sql("DELETE FROM token_events WHERE name = '*keys'")
        await #expect(throws: TokenError.self) { try await both.load() }
        let fresh = try bench.store(Workbench.newKey, Workbench.oldKey)
        #expect(await #expect(throws: TokenError.self) { try await fresh.keyEnds() }?.code == .tampered)
        try bench.sql("DELETE FROM token_heads WHERE name = '*keys'")
        #expect(await #expect(throws: TokenError.self) { try await both.load() }?.code == .tampered)
    }

    @Test func retiresNoKeyWhileARowIsUnderIt() async throws {
        try bench.sql(
            "UPDATE token_versions SET sealed = CAST(substr(sealed, 1, 60) || randomblob(60) AS BLOB) WHERE version = 1"
        )
        let both = try bench.store(Workbench.newKey, Workbench.oldKey)
        let report = try await both.rewrap()
        #expect(!report.problems.isEmpty && report.ended.isEmpty)
        #expect(try await both.keyEnds().isEmpty)
    }

    /// What a process with the old key in front does between the last round and the retiring.
    @Test func retiresNoKeyThatSomebodyHasJustSealedUnder() async throws {
        let both = try bench.store(Workbench.newKey, Workbench.oldKey)
        #expect(try await both.endOlderKeys(by: "", keeping: []) == nil)
        #expect(try await both.keyEnds().isEmpty)
        #expect(try await both.rewrap().ended == [Workbench.oldKey.id])
    }

    @Test func goesOnWhereItWasStopped() async throws {
        let both = try bench.store(Workbench.newKey, Workbench.oldKey)
        // A change under the new key is what a stopped run looks like: some rows under the one, some under the other.
        try await both.rotate(.coda, "three")
        let report = try await both.rewrap()
        #expect(report.rewrapped == 7)
        #expect(report.alreadyCurrent == 3)
        #expect(try await bench.store(Workbench.newKey).load().tokens[.coda]?.secret.text == "three")
    }

    @Test func refusesWhenAKeyIsMissingAndChangesNothing() async throws {
        let third = MasterKey(bytes: Secret(200..<232))
        let store = try bench.store(Workbench.newKey, third)
        let before = try bench.blob("SELECT sealed FROM token_versions ORDER BY version")
        let error = await #expect(throws: TokenError.self) { try await store.rewrap() }
        #expect(error?.code == .keyUnknown)
        #expect(error?.message.contains(Workbench.oldKey.id.description) == true)
        #expect(try bench.blob("SELECT sealed FROM token_versions ORDER BY version") == before)
    }

    @Test func leavesWhatDoesNotOpenAndSaysSo() async throws {
        try bench.sql(
            "UPDATE token_versions SET sealed = CAST(substr(sealed, 1, 60) || randomblob(60) AS BLOB) WHERE version = 1"
        )
        let report = try await bench.store(Workbench.newKey, Workbench.oldKey).rewrap()
        #expect(report.rewrapped == 7)
        #expect(report.problems.map(\.error.code) == [.tampered])
    }

    @Test func leavesARowThatAnotherProcessChangedMeanwhile() throws {
        let database = TokenRows(sql: SQLiteTokenSQL(try SQLiteConnection(path: bench.file)))
        let version = try #require(try database.version(1, of: "coda"))
        let head = try #require(try database.head(of: "coda"))
        let event = try #require(try database.events(of: "coda", limit: 1).first)
        let stale: [UInt8] = [1, 2, 3]
        #expect(try database.exchange(stale, for: [9], in: version.row) == 0)
        #expect(try database.exchange(stale, for: [9], in: head.head) == 0)
        #expect(try database.exchange(stale, for: [9], in: event.event) == 0)
        #expect(try database.exchange(version.sealed, for: [9], in: version.row) == 1)
        #expect(try database.exchange(head.seal, for: [9], in: head.head) == 1)
        #expect(try database.exchange(event.seal, for: [9], in: event.event) == 1)
    }

    @Test func runsBesideAProcessThatRotatesTokens() async throws {
        let both = try bench.store(Workbench.newKey, Workbench.oldKey)
        let old = try bench.store(Workbench.oldKey, Workbench.newKey)
        let last = try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask {
                var last = "two"
                for number in 0..<20 {
                    // Until its key is retired under it: then it seals nothing any more, and what it has sealed opens.
                    do throws(TokenError) {
                        _ = try await old.rotate(.coda, to: Secret("value-\(number)"), .nothing)
                    } catch {
                        #expect(error.code == .configuration)
                        break
                    }
                    last = "value-\(number)"
                }
                return last
            }
            group.addTask {
                for _ in 0..<5 {
                    let report = try await both.rewrap()
                    #expect(report.problems.isEmpty)
                }
                return nil
            }
            return try await group.reduce("") { $1 ?? $0 }
        }
        _ = try await both.rewrap()
        let new = try await bench.store(Workbench.newKey).load()
        #expect(new.problems.isEmpty)
        #expect(new.tokens[.coda]?.secret.text == last)
    }

    @Test func oneTokenUnderAnUnknownKeyKeepsTheOthersServing() async throws {
        try await bench.store(Workbench.newKey, Workbench.oldKey).set(.name("new"), "under the new key")
        let load = try await bench.store(Workbench.oldKey).load()
        #expect(load.tokens.keys.map(\.text) == ["coda"])
        #expect(load.problems.map(\.name.text) == ["new"])
        #expect(load.problems.first?.error.code == .keyUnknown)
        #expect(load.problems.first?.error.message.contains(Workbench.newKey.id.description) == true)
        #expect(await code { try await bench.store(Workbench.oldKey).rotate(.name("new"), "x") } == .keyUnknown)
    }
}
