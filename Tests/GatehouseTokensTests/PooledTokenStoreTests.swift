import Foundation
import GatehouseCore
import GatehouseTestSupport
import PostgresClient
import Testing

@testable import GatehouseTokens

@Suite(.needsPostgres, .enabled(if: Pooler.isInstalled, "pgbouncer is not installed; deploy/test.sh installs it"))
struct StoresBehindAPooler {
    let fixture: PostgresStoreFixture

    init() async throws { fixture = try await PostgresStoreFixture() }

    /// Everything that a store does, and a change by another process that arrives long before the next refresh.
    @Test(arguments: ["transaction", "session"])
    func `stores behind a pooler work, and notice changes`(mode: String) async throws {
        // A transaction at a time needs one connection; sessions need as many as there are.
        let pooler = try await Pooler(to: fixture.url, mode: mode, size: mode == "transaction" ? 1 : 8)
        let writer = try fixture.store(url: pooler.url)
        try await writer.set(.coda, "one")
        let values = Watched<String?>(nil)
        let refresher = TokenRefresher(
            store: try fixture.store(url: pooler.url),
            refresh: .seconds(86_400)
        ) { snapshot in values.set(snapshot.tokens[.coda]?.secret.text) }
        let running = Task { await refresher.run() }
        try await values.wait { $0 == "one" }
        try await writer.rotate(.coda, "two")
        try await values.wait { $0 == "two" }
        #expect(try await writer.rollback(.coda, .nothing).version == 1)
        try await values.wait { $0 == "one" }
        #expect(try await writer.history(of: .coda).count == 3)
        let report = try await fixture.store(StoreFixture.newKey, StoreFixture.oldKey, url: pooler.url).rewrap()
        #expect(report.problems.isEmpty && report.ended.count == 1)
        running.cancel()
        await running.value
        // Nothing of ours is left in the sessions that others are given.
        let plain = try await PostgresConnection.open(PostgresOptions(url: pooler.url))
        if mode == "transaction" {
            #expect(try await plain.query("SELECT count(*) FROM pg_listening_channels()")[0].int(0) == 0)
            #expect(try await plain.query("SHOW search_path")[0].text(0) == "\"$user\", public")
        }
    }
}
