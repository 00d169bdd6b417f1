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
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for number in 0..<20 { try await old.rotate(.coda, "value-\(number)") } }
            group.addTask {
                for _ in 0..<5 {
                    let report = try await both.rewrap()
                    #expect(report.problems.isEmpty)
                }
            }
            try await group.waitForAll()
        }
        _ = try await both.rewrap()
        let new = try await bench.store(Workbench.newKey).load()
        #expect(new.problems.isEmpty)
        #expect(new.tokens[.coda]?.secret.text == "value-19")
    }

    @Test func oneTokenUnderAnUnknownKeyKeepsTheOthersServing() async throws {
        try await bench.store(Workbench.newKey).set(.name("new"), "under the new key")
        let load = try await bench.store(Workbench.oldKey).load()
        #expect(load.tokens.keys.map(\.text) == ["coda"])
        #expect(load.problems.map(\.name.text) == ["new"])
        #expect(load.problems.first?.error.code == .keyUnknown)
        #expect(load.problems.first?.error.message.contains(Workbench.newKey.id.description) == true)
        #expect(await code { try await bench.store(Workbench.oldKey).rotate(.name("new"), "x") } == .keyUnknown)
    }
}
