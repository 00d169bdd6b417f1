import GatehouseCore
import GatehouseTestSupport
import PostgresClient
import Testing

@testable import GatehouseAudit

/// The audit's database behind a real PgBouncer, as the token store's is.
@Suite(
    .enabled(if: AuditDatabase.server != nil, "GATEHOUSE_TEST_POSTGRES names no database; deploy/test.sh starts one"),
    .enabled(if: Pooler.isInstalled, "pgbouncer is not installed; deploy/test.sh installs it")
)
struct PooledAuditTests {
    static let modes = ["transaction", "session"]

    /// A transaction at a time needs one connection; sessions need as many as there are.
    private func pooler(_ database: AuditDatabase, _ mode: String) async throws -> Pooler {
        try await Pooler(to: database.url, mode: mode, size: mode == "transaction" ? 1 : 8)
    }

    private func record(_ times: [Timestamp], _ scratch: Scratch, _ url: String) throws {
        let system = try AuditSystem(scratch.chained(), sink: PostgresSink(url: url))
        let lane = try system.lane(for: 0)
        for (number, time) in times.enumerated() {
            let refusal: Reason? = number % 2 == 1 ? .toolDenied : nil
            _ = Sample.decision(UInt64(number), refusal: refusal, at: time) { lane.record($0) }
            if number % 100 == 99 { system.settleAll() }
        }
        system.settleAll()
        let state = system.state(at: Sample.start)
        #expect(state.sinkTrouble == nil && state.notice == nil)
        #expect(abs(try #require(state.clock).lead(of: SystemClock().now()).microseconds) < 5_000_000)
    }

    @Test(arguments: modes) func `stores, verifies, shows and prunes`(mode: String) async throws {
        let database = try AuditDatabase()
        let pooler = try await pooler(database, mode)
        let scratch = Scratch()
        try record(Sample.days(0..<150), scratch, pooler.url)
        let place = EventDatabase.postgres(url: pooler.url)
        func report() throws -> AuditReport {
            try AuditVerification.verify(
                place.archive(),
                spools: SharedSpool.walks(of: scratch.spool),
                keys: Sample.keys(1).chain,
                heads: []
            )
        }
        var found = try report()
        #expect(found.holds && found.faults.isEmpty && found.chains.map(\.events) == [150], "\(found)")
        var query = AuditQuery()
        query.reason = Reason.toolDenied.rawValue
        #expect(try place.archive().count(query) == 75)
        var shown = 0
        try place.archive().messages(AuditQuery()) { _ in
            shown += 1
            return true
        }
        #expect(shown == 150)
        guard case .pruned(61) = scratch.prune(pooler.url), case .notDue = scratch.prune(pooler.url) else {
            Issue.record("not pruned once")
            return
        }
        found = try report()
        #expect(found.holds && found.chains.map(\.events) == [89], "\(found)")
        // Nothing of ours is left in the sessions that others are given, and no lock that keeps the next prune out.
        let locks = """
            SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
            WHERE l.locktype = 'advisory' AND d.datname = current_database()
            """
        #expect(try database.session().query(locks)[0].int(0) == 0)
        guard mode == "transaction" else { return }
        let plain = try PostgresSession(PostgresOptions(url: pooler.url))
        #expect(try plain.query("SHOW search_path")[0].text(0) == "\"$user\", public")
        #expect(try plain.query("SELECT to_regclass('pg_temp.gatehouse_wanted') IS NULL")[0].bool(0))
    }

    @Test(arguments: modes) func `sends again what is missing`(mode: String) async throws {
        let database = try AuditDatabase()
        let pooler = try await pooler(database, mode)
        let scratch = Scratch()
        try record(Sample.days(0..<100), scratch, pooler.url)
        try database.session().query("DELETE FROM audit_events WHERE seq > 70")
        let sink = EventDatabase.postgres(url: pooler.url).sink()
        let result = try AuditRedelivery.send(SpoolWalk(scratch.spool), to: sink, since: Timestamp(seconds: 0))
        #expect(result.missing == 30 && result.found == 100)
        #expect(try EventDatabase.postgres(url: pooler.url).archive().count(AuditQuery()) == 100)
    }

    @Test(arguments: modes) func `who may only insert goes on`(mode: String) async throws {
        let database = try AuditDatabase().prepared()
        let own = try database.insertOnlyURL()
        let pooler = try await Pooler(to: own, mode: mode)
        let scratch = Scratch()
        try record(Sample.days(0..<20), scratch, pooler.url)
        guard case .notAllowed = scratch.prune(pooler.url) else {
            Issue.record("allowed")
            return
        }
        #expect(try database.session().query("SELECT count(*) FROM audit_events")[0].int(0) == 20)
    }
}
