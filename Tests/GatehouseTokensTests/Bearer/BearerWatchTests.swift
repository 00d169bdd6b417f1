import Foundation
import GatehouseCore
@testable import GatehouseTokens
import Synchronization
import Testing

@Suite("The watch over break-glass credentials") struct BearerWatchTests {
    private final class Script: Sendable {
        let isWanted = Atomic(true)
        let uptime = Atomic<Int>(0)
        let snapshots = Mutex<[BearerSnapshot]>([])
        let problems = Atomic(0)

        var last: BearerSnapshot? { snapshots.withLock { $0.last } }
        var count: Int { snapshots.withLock { $0.count } }
    }

    private let fixture: StoreFixture
    private let clock = MovingClock(BearerStoreTests.start)
    private let script = Script()
    private let operators: BearerStore
    private let watch: BearerWatch

    init() throws {
        fixture = try StoreFixture()
        let keys = PurposeKeys(current: Secret("instance key"))
        operators = BearerStore(path: fixture.file, keys: keys, clock: clock)
        watch = BearerWatch(
            store: BearerStore(path: fixture.file, keys: keys, clock: clock),
            clock: clock,
            uptime: { [script] in .seconds(script.uptime.load(ordering: .relaxed)) },
            isWanted: { [script] in script.isWanted.load(ordering: .relaxed) },
            onChange: { [script] snapshot in script.snapshots.withLock { $0.append(snapshot) } },
            onProblem: { [script] _ in script.problems.add(1, ordering: .relaxed) }
        )
    }

    private func issue(_ name: String) async throws -> BearerSummary {
        try await operators.issue(.name(name), for: [.coda], lasting: .seconds(3600), TokenChange()).summary
    }

    @Test func `a round sees what was issued and revoked since the last, and keeps the callers of the others`()
        async throws
    {
        await watch.tick()
        #expect(script.count == 1 && script.last?.bearers.isEmpty == true)
        _ = try await issue("one")
        await watch.tick()
        let one = try #require(script.last?.bearers.first?.caller)
        _ = try await issue("two")
        await watch.tick()
        #expect(watch.state.live.map(\.name).sorted() == ["one", "two"])
        #expect(script.last?.bearers.contains { $0.caller === one } == true)
        let two = try #require(script.last?.bearers.first { $0.name == "two" }?.caller)
        _ = try await operators.revoke("one", TokenChange())
        await watch.tick()
        // Streams that it opened end by this.
        #expect(one.isRevoked && !two.isRevoked)
        #expect(watch.state.live.map(\.name) == ["two"])
        let count = script.count
        await watch.tick()
        #expect(script.count == count)
        clock.advance(3600)
        #expect(watch.state.live.isEmpty)
    }

    @Test func `no file is made, and none is read while no route takes bearers`() async throws {
        await watch.tick()
        #expect(try fixture.bytes().isEmpty)
        _ = try await issue("one")
        script.isWanted.store(false, ordering: .relaxed)
        await watch.tick()
        #expect(script.last?.bearers.isEmpty == true)
        script.isWanted.store(true, ordering: .relaxed)
        await watch.tick()
        let caller = try #require(script.last?.bearers.first?.caller)
        script.isWanted.store(false, ordering: .relaxed)
        await watch.tick()
        #expect(caller.isRevoked && script.last?.bearers.isEmpty == true)
    }

    @Test func `while the file cannot be read the known ones go on, but not for ever`() async throws {
        _ = try await issue("one")
        await watch.tick()
        let caller = try #require(script.last?.bearers.first?.caller)
        try fixture.sql("UPDATE schema_versions SET version = 99 WHERE component = 'bearers'")
        // Another file in its place makes the watch open it anew, and find what it cannot read.
        try fixture.replaceFile()
        await watch.tick()
        #expect(watch.state.problem?.code == .schemaTooNew)
        #expect(!caller.isRevoked)
        script.uptime.store(599, ordering: .relaxed)
        await watch.tick()
        #expect(!caller.isRevoked)
        script.uptime.store(601, ordering: .relaxed)
        await watch.tick()
        #expect(caller.isRevoked && script.last?.bearers.isEmpty == true)
        try fixture.sql("UPDATE schema_versions SET version = 1 WHERE component = 'bearers'")
        #expect(script.problems.load(ordering: .relaxed) == 1)
        await watch.tick()
        #expect(watch.state.problem == nil)
        #expect(script.last?.bearers.map(\.name) == ["one"])
    }
}

extension StoreFixture {
    /// Puts a copy of the file in its place, as a restored backup would be.
    func replaceFile() throws {
        try sql("PRAGMA wal_checkpoint(TRUNCATE)")
        let copy = "\(directory)/copy.db"
        try FileManager.default.copyItem(atPath: file, toPath: copy)
        #expect(rename(copy, file) == 0)
    }
}
