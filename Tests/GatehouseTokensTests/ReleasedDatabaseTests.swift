import Foundation
import GatehouseCore
import SQLiteClient
import Testing

@testable import GatehouseTokens

/// A database as release 0.1.0 left it: a token with two versions, a bearer and ten audit events. The first four events were made with an env
/// store, under `instance-key`; the others after the change to this file. Made by running that release on 2026-11-27.
@Suite struct DatabasesOfTheFirstRelease {
    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/0.1.0")
    /// While the bearer is alive.
    static let now: Int64 = 1_795_900_000

    let bench: Workbench
    let old: MasterKey

    init() throws {
        bench = try Workbench()
        let file = URL(fileURLWithPath: bench.file)
        try FileManager.default.copyItem(at: Self.fixtures.appendingPathComponent("gatehouse.db"), to: file)
        old = try MasterKey(parsing: SecretSource.file(Self.fixtures.appendingPathComponent("master-key").path).read())
    }

    private func bearers(_ keys: MasterKey..., ended: [MasterKey] = []) -> BearerStore {
        func derived(_ key: MasterKey) -> Secret { key.derived(for: "gatehouse bearer v1") }
        let purpose = PurposeKeys(
            current: derived(keys[0]),
            older: keys.dropFirst().map(derived),
            ended: ended.map { .init(key: derived($0), at: Timestamp(seconds: Self.now)) }
        )
        return BearerStore(path: bench.file, keys: purpose, clock: FixedClock(Self.now))
    }

    @Test func goOnWorking() async throws {
        let store = try bench.store(old, at: Self.now)
        #expect(try await store.load().tokens[.coda]?.secret.text == "fixture-token-2")
        #expect(try await store.history(of: .coda).map(\.action) == [.rotate, .set])
        #expect(try await store.rollback(.coda, .nothing).version == 1)
        try await store.rotate(.coda, "three")
        #expect(try await store.load().tokens[.coda]?.version == 3)
        #expect(try await bearers(old).list().map(\.status) == [.live])
        #expect(try await bearers(old).load(keeping: [:]).bearers.map(\.name) == ["oncall"])
    }

    @Test func retireTheirKey() async throws {
        let both = try bench.store(Workbench.newKey, old, at: Self.now)
        #expect(try await bearers(Workbench.newKey, old).reseal() == 1)
        #expect(try await both.rewrap().ended == [old.id])
        #expect(try await bench.store(Workbench.newKey).load().tokens[.coda]?.secret.text == "fixture-token-2")
        #expect(try await bearers(Workbench.newKey, ended: [old]).list().map(\.status) == [.live])
        // The release that made them still knows the tables, and passes over what it does not know in them.
        let versions = try SQLiteConnection(path: bench.file)
            .prepare("SELECT version FROM schema_versions WHERE component = 'tokens'")
        #expect(try versions.step())
        #expect(try versions.integer(0) == 1)
    }
}
