import Foundation
import GatehouseConfig
@testable import GatehouseOperations
import GatehouseServer
import GatehouseTestSupport
import GatehouseTokens
import PostgresClient
import Testing

/// The doctor's finding about a pooler before the store's database: an operator sizes the pool by it.
@Suite(.timeLimit(.minutes(2))) struct DoctorPoolingTests {
    @Test(arguments: [
        (StorePooling.transactions, "transaction mode: changes are not told, and asked for every second"),
        (.sessions, "session mode: each process takes two of its connections for good, and three for state"),
    ])
    func `a pooler is named with its mode and what follows from it`(pooling: StorePooling, words: String) throws {
        let finding = try #require(Doctor.finding(pooling, of: "live"))
        #expect(finding.probe == .store && finding.verdict == .ok && finding.subject == "live")
        #expect(finding.detail == "behind a pooler in \(words)")
    }

    @Test func `a server that is reached directly is not worth a line`() {
        #expect(Doctor.finding(.direct, of: "live") == nil)
    }

    private static let server = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"]

    @Test(.enabled(if: server != nil && Pooler.isInstalled, "deploy/test.sh has PostgreSQL and pgbouncer"))
    func `a pooler before the store is named among all that is found`() async throws {
        let pooler = try await Pooler(to: try #require(Self.server), mode: "transaction", size: 1)
        let configuration = try configuration(pooler)
        _ = try await StoreAssembly.store(configuration.store.settings, names: []).load()
        let found = try await findings(configuration)
        #expect(found.contains { $0.probe == .store && $0.detail.contains("pooler in transaction mode") }, "\(found)")
    }

    private let fixture: DoctorFixture

    init() throws {
        fixture = try DoctorFixture()
        try fixture.write("ghk1_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fd50650a5", to: "key")
    }

    private func configuration(_ pooler: Pooler) throws -> Configuration {
        try fixture.configuration(
            store: "{ kind: postgres, url: \"\(pooler.url)\", master_keys: [{ file: \(fixture.path)/key }] }",
            sink: "{ kind: postgres, url: \"\(pooler.url)\" }"
        )
    }

    private func findings(_ configuration: Configuration) async throws -> [Finding] {
        let found = Watched<[Finding]>([])
        await Doctor(configuration).examine { finding in found.update { $0.append(finding) } }
        return found.read { $0 }
    }

    /// PgBouncer itself lets a client wait for two minutes (query_wait_timeout).
    @Test(.enabled(if: server != nil && Pooler.isInstalled, "deploy/test.sh has PostgreSQL and pgbouncer"))
    func `a pool without a free connection is named, and holds up nothing for long`() async throws {
        let pooler = try await Pooler(to: try #require(Self.server), mode: "session", size: 1)
        let held = try await PostgresConnection.open(PostgresOptions(url: pooler.url))
        let configuration = try configuration(pooler)
        let began = ContinuousClock.now
        let found = try await findings(configuration)
        #expect(ContinuousClock.now - began < .seconds(60))
        for probe in [Finding.Probe.store, .auditSink] {
            let finding = found.first { $0.probe == probe }
            #expect(finding?.verdict == .fail, "\(finding.map { "\($0)" } ?? "none")")
        }
        await held.close()
    }
}
