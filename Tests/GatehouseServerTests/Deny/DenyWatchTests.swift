import Foundation
import GatehouseCore
import GatehouseTestSupport
import Synchronization
import Testing

@testable import GatehouseServer
@testable import GatehouseTokens

/// What keeps the deny entries at hand.
@Suite("The watch over deny entries") struct DenyWatchTests {
    private final class Script: Sendable {
        let books = Mutex<[DenyBook]>([])
        let uptime = Mutex<Duration>(.zero)
        var last: [String]? { books.withLock { $0.last?.entries.map(\.text) } }
    }

    private let folder: OwnFolder
    private let path: String
    private let script = Script()
    private let watch: DenyWatch

    init() throws {
        folder = try OwnFolder("deny")
        path = "\(folder.path)/gatehouse.db"
        var surroundings = TokenRefresher.Surroundings.machine
        surroundings.uptime = { [script] in script.uptime.withLock { $0 } }
        watch = DenyWatch(try Self.store(path), named: "kept", surroundings: surroundings) { [script] book in
            script.books.withLock { $0.append(book) }
        }
    }

    private static func store(_ path: String) throws -> SealedTokenStore {
        SealedTokenStore.sqlite(path: path, keyring: try MasterKeyring([MasterKey(bytes: Secret(0..<32))]))
    }

    private func deny(_ name: String) async throws {
        _ = try await Self.store(path).deny([(.user, name)], try TokenChange(actor: "ops"))
    }

    @Test func `nothing is known before the first reading, and then what is there`() async throws {
        #expect(await watch.book == nil && watch.status.entries == nil)
        await watch.read()
        #expect(await watch.book == DenyBook() && watch.status.entries == [])
        try await deny("a@x.de")
        await watch.read()
        #expect(script.last == ["a@x.de"] && watch.status.entries?.count == 1)
        let count = script.books.withLock { $0.count }
        await watch.read()
        #expect(script.books.withLock { $0.count } == count)
    }

    @Test func `what is known holds while the store is away, and a finding says so`() async throws {
        try await deny("a@x.de")
        await watch.read()
        try FileManager.default.moveItem(atPath: folder.path, toPath: "\(folder.path).away")
        script.uptime.withLock { $0 = .seconds(3600) }
        await watch.read()
        #expect(script.last == ["a@x.de"] && watch.status.entries?.count == 1)
        let finding = try #require(watch.status.finding(uptime: .seconds(3600), storeIsDown: false))
        #expect(finding.verdict == .warn && finding.detail.contains("the last known hold, 1 in all"))
        #expect(watch.status.finding(uptime: .seconds(3600), storeIsDown: true) == nil)
        try FileManager.default.moveItem(atPath: "\(folder.path).away", toPath: folder.path)
        try await deny("b@x.de")
        await watch.read()
        #expect(script.last == ["a@x.de", "b@x.de"])
        #expect(watch.status.finding(uptime: .seconds(3600), storeIsDown: false) == nil)
    }

    @Test func `an instance that never knew them is not ready`() {
        var facts = InstanceFacts(now: Timestamp(seconds: 1), reload: ReloadState(startedAt: Timestamp(seconds: 1)))
        facts.uptime = .seconds(60)
        var status = DenyStatus(store: "kept")
        status.problem = "postgres: no server"
        facts.denials = status
        #expect(facts.findings.contains { $0.probe == .denials && $0.verdict == .fail })
        #expect(Readiness(facts).checks.contains { $0.name == "denials" && !$0.isReady })
        status.entries = []
        facts.denials = status
        #expect(!Readiness(facts).checks.contains { $0.name == "denials" })
    }
}
