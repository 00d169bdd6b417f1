import Foundation
import GatehouseAudit
import GatehouseBenchmarkSamples
import GatehouseCore
import PostgresClient

/// The older half of a PostgreSQL's events deleted, all of one month so that none of its partitions can be dropped: the time that it takes, and the
/// room that it needs meanwhile.
struct Pruning {
    private let url: String
    private let events: Int
    private let session: PostgresSession

    /// - Parameter url: of a database that has the calls of ``Draining``.
    init(_ url: String, events: Int) throws {
        self.url = url
        self.events = events
        session = try PostgresSession(PostgresOptions(url: url))
    }

    func run() throws {
        let archive = try EventDatabase.postgres(url: url).archive()
        try search(archive, "of \(events) events")
        let cutoff = Work.start + .microseconds(events / 4 * 10)
        try emptyLog()
        let before = try sizes()
        let start = ContinuousClock.now
        let report = try AuditVerification.verify(
            archive,
            keys: SampleCalls.keys.chain,
            heads: [],
            prunableBefore: cutoff
        )
        let plan = PrunePlan(report, before: cutoff)
        let verified = ContinuousClock.now
        let checkpoints = plan.chains.map { $0.checkpoint(at: SystemClock().now(), keys: SampleCalls.keys) }
        var (most, mostLog) = (before.files, before.log)
        var looked = verified
        var failure: (any Error)?
        let deleted = try EventDatabase.postgres(url: url).pruning().prune(checkpoints, before: cutoff) { _ in
            guard ContinuousClock.now - looked > .milliseconds(250) else { return }
            looked = .now
            do {
                let now = try sizes()
                (most, mostLog) = (max(most, now.files), max(mostLog, now.log))
            } catch { failure = error }
        }
        if let failure { throw failure }
        let after = try sizes()
        most = max(most, after.files)
        print(
            """
            \(deleted) of \(events) events pruned from PostgreSQL: \(Times.text(verified - start)) for the walk before it, \
            \(Times.text(.now - verified)) for the deletion
              tables and indexes: \(before.tables >> 20) MiB before, \(after.tables >> 20) MiB after
              tables, indexes and write-ahead log: \((most - before.files) >> 20) MiB more at most
              write-ahead log: \(before.log >> 20) MiB before, \(mostLog >> 20) MiB at most; \((after.written - before.written) >> 20) MiB written to it
            """
        )
        try search(archive, "of what is left")
    }

    /// For what nobody did, which has to look at everything.
    private func search(_ archive: any AuditArchive, _ place: String) throws {
        var query = AuditQuery()
        query.principal = "nobody@example.com"
        query.limit = 100
        var first: Duration?
        let start = ContinuousClock.now
        try archive.newestMessages(query) { _ in
            first = first ?? .now - start
        } _: { _ in
            true
        }
        let told = first.map { ", the first word of how far it is after \(Times.text($0))" } ?? ""
        print("a search that finds nothing \(place): \(Times.text(.now - start))\(told)")
    }

    /// Takes away the files of the server's log that storing the events has left: what is written next would take them again, and look as if it took
    /// no room.
    private func emptyLog() throws {
        try session.query("ALTER SYSTEM SET max_wal_size = '32MB'")
        try session.query("ALTER SYSTEM SET min_wal_size = '32MB'")
        // The first checkpoint ends the older files' use, the second takes them away; the server may vacuum the new tables meanwhile.
        var checkpoints = 0
        repeat {
            try session.query("SELECT pg_reload_conf()")
            try session.query("SELECT pg_switch_wal()")
            try session.query("CHECKPOINT")
            checkpoints += 1
        } while try checkpoints < 2 || checkpoints < 100 && sizes().log > 100 << 20
        for name in ["max_wal_size", "min_wal_size"] { try session.query("ALTER SYSTEM RESET \(name)") }
        try session.query("SELECT pg_reload_conf()")
    }

    private func sizes() throws -> (tables: Int64, log: Int64, files: Int64, written: Int64) {
        let row = try session.query(
            """
            SELECT pg_database_size(current_database()), (SELECT sum(size)::bigint FROM pg_ls_waldir()),
                (pg_current_wal_lsn() - '0/0')::bigint
            """
        )[0]
        let tables = try row.int(0)
        let log = try row.int(1)
        return (tables, log, tables + log, try row.int(2))
    }
}
