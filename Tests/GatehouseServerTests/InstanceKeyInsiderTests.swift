import Foundation
import GatehouseAudit
import GatehouseConfig
import GatehouseCore
import GatehouseTokens
import Testing

@testable import GatehouseServer

/// Plays somebody who can write the volume and has no master key, on an installation that release 0.1.0 left: begun with an env store, under
/// `instance-key`, and moved to an SQLite file.
@Suite("Who can write the volume") struct InstanceKeyInsiderTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("gatehouse-\(UUID().uuidString)")
        let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../GatehouseTokensTests/Fixtures/0.1.0")
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("spool"),
            withIntermediateDirectories: true
        )
        for (from, to) in [
            ("gatehouse.db", "gatehouse.db"), ("master-key", "master-key"), ("instance-key", "spool/instance-key"),
        ] {
            let place = folder.appendingPathComponent(to)
            try FileManager.default.copyItem(at: fixtures.appendingPathComponent(from), to: place)
            chmod(place.path, 0o600)
        }
    }

    private func configuration(sink: String = "gatehouse.db") throws -> Configuration {
        let path = folder.appendingPathComponent("gatehouse.yaml").path
        try """
        version: 1
        access: { team: example }
        stores:
          local: { kind: sqlite, path: \(folder.path)/gatehouse.db, master_keys: [ { file: \(folder.path)/master-key } ] }
        store: local
        audit: { spool: \(folder.path)/spool, sink: { kind: sqlite, path: \(folder.path)/\(sink) } }
        routes:
          - { name: a, host: a.example.com, audience: [x], upstream: "http://127.0.0.1:1", authenticate: [access, bearer] }
        """.write(toFile: path, atomically: true, encoding: .utf8)
        return try Configuration.read(path: path)
    }

    private func verify(_ configuration: Configuration) async throws -> [ChainReport] {
        let keys = AuditAssembly.keys(try await InstanceKeys(configuration)).chain
        return try AuditVerification.verify(
            AuditAssembly.archive(configuration.audit),
            keys: keys,
            heads: []
        ).chains
    }

    @Test func `the audit from before the move verifies once an operator has adopted its key, and not before`()
        async throws
    {
        let configuration = try configuration()
        let strange = try #require(try await InstanceKeys(configuration).strangeKey)
        #expect(try await verify(configuration).map(\.holds) == [false])
        // Before the fixture was made, the key was not adopted yet: what it made is older than now.
        _ = try await InstanceKeys.adopt(strange.description, configuration, at: SystemClock().now())
        let reports = try await verify(configuration)
        #expect(reports.map(\.holds) == [true], "\(reports)")
        #expect(reports.map(\.events) == [10])
        // An end before the events were made covers none of them.
        _ = try await InstanceKeys.adopt(strange.description, configuration, at: Timestamp(seconds: 1_700_000_000))
        #expect(try await verify(configuration).map(\.holds) == [false])
    }

    @Test func `a planted key mints no bearer`() async throws {
        let configuration = try configuration()
        try FileManager.default.removeItem(at: folder.appendingPathComponent("spool/instance-key"))
        let file = InstanceKeyFile(folder: folder.appendingPathComponent("spool").path)
        try file.make()
        let planted = try file.read()
        let theirs = BearerStore(
            path: "\(folder.path)/gatehouse.db",
            keys: PurposeKeys(current: planted.derived(for: InstanceKeys.Purpose.bearer.rawValue))
        )
        let name = try TokenName(parsing: "mallory")
        _ = try await theirs.issue(name, for: [RouteName(parsing: "a")], lasting: .seconds(3600), TokenChange())
        let ours = BearerAssembly.file(configuration, keys: try await InstanceKeys(configuration))
        #expect(try await ours.list().first { $0.name == "mallory" }?.status == .untrusted)
        #expect(try await !ours.load(keeping: [:]).bearers.contains { $0.name == "mallory" })
    }

    @Test func `an audit made anew under a planted key does not verify`() async throws {
        let configuration = try configuration(sink: "theirs.db")
        let file = InstanceKeyFile(folder: folder.appendingPathComponent("spool").path)
        let planted = try file.read()
        func purpose(_ purpose: InstanceKeys.Purpose) -> PurposeKeys {
            PurposeKeys(current: planted.derived(for: purpose.rawValue))
        }
        var settings = AuditSystem.Settings(spool: "\(folder.path)/theirs")
        settings.keys = AuditKeys(
            chain: purpose(.auditChain),
            digest: purpose(.argumentsDigest),
            sealing: purpose(.argumentsSealing),
            ring: purpose(.auditRing)
        )
        let sink = EventDatabase.sqlite(path: "\(folder.path)/theirs.db").sink()
        let audit = try AuditSystem(settings, sink: sink)
        let lane = try audit.lane(for: 0)
        try audit.start()
        let facts = AuditFacts(.decision, of: RequestID(high: 1, low: 1), at: SystemClock().now())
        #expect(lane.record(facts) == .recorded)
        audit.shutdown(within: .seconds(5))
        #expect(try await verify(configuration).map(\.holds) == [false])
    }
}
