import Foundation
import GatehouseCore
import GatehouseTestSupport
import PostgresClient
import SQLiteClient
import Synchronization
import Testing
import Threads

@testable import GatehouseAudit

/// The retention prunes by itself, and refuses what looks like a mistake.
struct RetentionTests {
    private func time(_ number: Int64) -> Timestamp {
        Timestamp(microseconds: Sample.start.microseconds + number * 1000)
    }

    /// Records decisions of these times.
    private func record(_ times: [Timestamp], _ scratch: Scratch) throws {
        let system = try AuditSystem(scratch.chained(), sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        for (number, time) in times.enumerated() {
            if Sample.decision(UInt64(number), at: time, { lane.record($0) }) != .recorded {
                system.settleAll()
                _ = Sample.decision(UInt64(number), at: time) { lane.record($0) }
            }
        }
        system.settleAll()
    }

    private func run(
        _ scratch: Scratch,
        keep: Duration,
        at now: Timestamp,
        clockLead: Duration? = nil
    ) -> RetentionState.Outcome {
        RetentionRun(
            database: .sqlite(path: scratch.database),
            keep: keep,
            keys: Sample.keys(1),
            spool: scratch.spool,
            clockLead: { clockLead }
        ).run(at: now) { _ in }
    }

    private func count(_ scratch: Scratch) throws -> Int {
        try EventDatabase.sqlite(path: scratch.database).archive().count(AuditQuery())
    }

    @Test func `what is older goes by itself, and the chain still verifies`() throws {
        let scratch = Scratch()
        let now = Sample.start
        try record((0..<100).map { now + .seconds(-86_400 * Int64(100 - $0)) }, scratch)
        guard case .pruned(10) = run(scratch, keep: .seconds(90 * 86_400), at: now) else {
            Issue.record("not pruned")
            return
        }
        let report = try scratch.report(besideSpool: true)
        #expect(report.holds && report.chains.map(\.events) == [90], "\(report)")
        guard case .notDue = run(scratch, keep: .seconds(90 * 86_400), at: now) else {
            Issue.record("due")
            return
        }
    }

    @Test func `a clock that is ahead for a moment deletes nothing, and a person may say that it is right`() throws {
        let scratch = Scratch()
        let now = Sample.start
        try record((0..<50).map { now + .seconds(-86_400 * Int64(50 - $0)) }, scratch)
        guard
            case .refused(.most(going: 50, of: 50)) = run(
                scratch,
                keep: .seconds(90 * 86_400),
                at: now + .seconds(400 * 86_400)
            )
        else {
            Issue.record("not refused")
            return
        }
        #expect(try count(scratch) == 50)
        let plan = PrunePlan(try scratch.report(prunableBefore: now), before: now)
        #expect(plan.objection(at: now, databaseClock: nil) == .most(going: 50, of: 50))
        #expect(plan.objection(at: now, databaseClock: nil, isMeant: true) == nil)
        #expect(plan.objection(at: now, databaseClock: now + .seconds(2)) == nil)
        for apart in [301, -301] {
            let objection = plan.objection(at: now, databaseClock: now, certsLead: .seconds(apart))
            #expect(objection == .certsClock(apart: .seconds(301)))
        }
        #expect(plan.objection(at: now, databaseClock: now, certsLead: .seconds(-299)) == nil)
        #expect(plan.objection(at: now, databaseClock: now, certsLead: .seconds(900), isMeant: true) == nil)
        #expect(plan.objection(at: now + .seconds(86_400), databaseClock: now) == .clock(apart: .seconds(86_400)))
    }

    /// Less than half would go, which by itself is nothing to wonder about.
    @Test func `a clock that the certs server says is wrong deletes nothing`() throws {
        let scratch = Scratch()
        let now = Sample.start
        try record((0..<100).map { now + .seconds(-86_400 * Int64(100 - $0)) }, scratch)
        let keep = Duration.seconds(80 * 86_400)
        guard case .refused(.certsClock) = run(scratch, keep: keep, at: now, clockLead: .seconds(86_400)) else {
            Issue.record("not refused")
            return
        }
        #expect(try count(scratch) == 100)
        guard case .pruned(20) = run(scratch, keep: keep, at: now, clockLead: .seconds(1)) else {
            Issue.record("not pruned")
            return
        }
    }

    @Test func `before the first event nothing is due, and no database is made`() throws {
        let scratch = Scratch()
        guard case .notDue = run(scratch, keep: .seconds(3600), at: Sample.start) else {
            Issue.record("due")
            return
        }
        #expect(!FileManager.default.fileExists(atPath: scratch.database))
    }

    @Test func `a broken chain is not pruned`() throws {
        let scratch = Scratch()
        let now = Sample.start
        try record((0..<100).map { now + .seconds(-86_400 * Int64(100 - $0)) }, scratch)
        try scratch.change("UPDATE audit_events SET path = '/x' WHERE seq = 50")
        guard case .refused(.broken) = run(scratch, keep: .seconds(90 * 86_400), at: now) else {
            Issue.record("not refused")
            return
        }
        #expect(try count(scratch) == 100)
    }

    @Test func `events that a wrong clock dated ahead are named, and do not keep those before and behind them`() throws
    {
        let scratch = Scratch()
        let now = SystemClock().now()
        let far = now + .seconds(50 * 365 * 86_400)
        var times = (0..<20).map { now + .seconds(-86_400 * Int64(120 - $0)) }
        times += [far, far + .seconds(1), far + .seconds(2)]
        times += (20..<120).map { now + .seconds(-86_400 * Int64(120 - $0)) }
        try record(times, scratch)
        let report = try #require(try scratch.verify().first)
        #expect(report.holds)
        #expect(report.misdated == MisdatedEvents(first: 21, at: far, count: 3))
        // Thirty are older, with the three among them.
        guard case .pruned(33) = run(scratch, keep: .seconds(90 * 86_400), at: now) else {
            Issue.record("not pruned")
            return
        }
        let rest = try #require(try scratch.verify(besideSpool: true).first)
        #expect(rest.holds && rest.events == 90 && rest.misdated == nil)
    }

    @Test func `newest events that are dated ahead stay`() throws {
        let scratch = Scratch()
        let now = SystemClock().now()
        try record([now + .seconds(-10), now + .seconds(50 * 365 * 86_400)], scratch)
        let chains = try scratch.prunable(before: now)
        #expect(chains.map(\.sequence) == [1])
    }

    @Test func `the thread runs, tells, and ends at once`() async throws {
        let scratch = Scratch()
        let now = SystemClock().now()
        try record((0..<100).map { now + .seconds(-86_400 * Int64(100 - $0)) }, scratch)
        let outcomes = Mutex<[Int]>([])
        let target = RetentionThread.Target(database: .sqlite(path: scratch.database), keep: .seconds(90 * 86_400))
        let thread = RetentionThread(target, keys: Sample.keys(1), spool: scratch.spool, firstWait: .zero) { outcome in
            if case .pruned(let count) = outcome { outcomes.withLock { $0.append(count) } }
        }
        try thread.start()
        try await Polling.until("a run") { !outcomes.withLock { $0.isEmpty } }
        thread.stop()
        #expect(outcomes.withLock { $0 } == [10] || outcomes.withLock { $0 } == [11])
        #expect(thread.current.deleted == outcomes.withLock { $0[0] } && thread.current.problem == nil)
    }

    @Test func `the write-ahead log that a reader had grow is emptied between two steps of pruning`() throws {
        let scratch = Scratch()
        try scratch.store(0..<5000, scratch.chained())
        let cutoff = time(4400)
        let marks = try scratch.prunable(before: cutoff).map { $0.checkpoint(at: Sample.start, keys: Sample.keys(1)) }
        let reader = try SQLiteConnection(path: scratch.database, access: .readOnly)
        let rows = try reader.prepare("SELECT seq FROM audit_events")
        #expect(try rows.step())
        // A step deletes 2000 events, by which the log grows more than this.
        let bound = 200_000
        let pruning = try DatabasePruning(SQLiteAuditSQL(pruning: scratch.database, logBound: bound))
        var lengths: [Int] = []
        let deleted = try pruning.prune(marks, before: cutoff) { _ in
            lengths.append(reader.logLength)
            rows.reset()
        }
        #expect(deleted == 4400 && lengths.count == 3 && lengths[0] > bound, "\(lengths)")
        #expect(reader.logLength < bound, "\(reader.logLength)")
    }

    @Test func `pruning a log takes little more of the disk, and gives room back`() throws {
        let scratch = Scratch()
        let events = getenv("GATEHOUSE_TEST_PRUNE_EVENTS").flatMap { UInt64(String(cString: $0)) } ?? 20_000
        try scratch.store(0..<events, scratch.chained())
        let size = { (path: String) in
            (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
        }
        let before = size(scratch.database)
        let cutoff = time(Int64(events / 4 * 3))
        let start = ContinuousClock.now
        let marks = try scratch.prunable(before: cutoff).map { $0.checkpoint(at: Sample.start, keys: Sample.keys(1)) }
        var most = 0
        let deleted = try EventDatabase.sqlite(path: scratch.database).pruning().prune(marks, before: cutoff) { _ in
            most = max(most, size(scratch.database + "-wal") + size(scratch.database) - before)
        }
        #expect(deleted == Int(events / 4 * 3))
        if events > 20_000 {
            print("\(events) events: \(before) bytes, \(most) more at most, \(ContinuousClock.now - start)")
        }
        #expect(most < 80 << 20, "\(most)")
        _ = try SQLiteConnection(path: scratch.database, access: .readWrite).truncateLog()
        #expect(size(scratch.database) < before * 6 / 10, "\(before) \(size(scratch.database))")
        #expect(try scratch.report(besideSpool: true).holds)
    }

    @Test func `a reader that stays keeps the write-ahead log within its bound`() throws {
        let scratch = Scratch()
        try scratch.store(0..<2000, scratch.chained())
        let connection = try SQLiteConnection(path: scratch.database, access: .readWrite)
        let reader = try SQLiteConnection(path: scratch.database, access: .readOnly)
        let rows = try reader.prepare("SELECT seq FROM audit_events")
        #expect(try rows.step())
        try connection.run("DELETE FROM audit_events WHERE seq < 1000")
        #expect(try !connection.truncateLog())
        #expect(connection.logLength > 0)
        rows.reset()
        #expect(try connection.truncateLog())
        #expect(connection.logLength == 0)
    }
}

@Suite(
    .enabled(if: AuditDatabase.server != nil, "GATEHOUSE_TEST_POSTGRES names no database; deploy/test.sh starts one")
)
struct PostgresRetentionTests {
    private func record(_ times: [Timestamp], _ scratch: Scratch, _ url: String) throws {
        let system = try AuditSystem(scratch.chained(), sink: PostgresSink(url: url))
        let lane = try system.lane(for: 0)
        for (number, time) in times.enumerated() {
            _ = Sample.decision(UInt64(number), at: time) { lane.record($0) }
            if number % 100 == 99 { system.settleAll() }
        }
        system.settleAll()
    }

    @Test func `the owner prunes, one of the instances at a time, and who may only insert leaves it`() throws {
        let database = try AuditDatabase().prepared()
        let scratch = Scratch()
        try record(Sample.days(0..<100), scratch, database.url)
        let session = try database.session()
        guard case .notAllowed = scratch.prune(try database.insertOnlyURL()) else {
            Issue.record("allowed")
            return
        }
        let other = try EventDatabase.postgres(url: database.url).pruning()
        #expect(try other.lock())
        guard case .elsewhere = scratch.prune(database.url) else {
            Issue.record("two at once")
            return
        }
        _ = other
        let count = try session.query("SELECT count(*) FROM audit_events")[0].int(0)
        #expect(count == 100)
    }

    @Test func `it prunes when the database's clock agrees, although most goes`() throws {
        let database = try AuditDatabase().prepared()
        let scratch = Scratch()
        try record(Sample.days(0..<200), scratch, database.url)
        guard case .pruned(let count) = scratch.prune(database.url) else {
            Issue.record("not pruned")
            return
        }
        #expect((109...111).contains(count))
    }

    @Test func `an auditor's open transaction keeps neither the prune nor anybody's insert waiting`() throws {
        let database = try AuditDatabase().prepared()
        let session = try database.session()
        try session.query(
            """
            CREATE TABLE audit_events_2020_01 PARTITION OF audit_events FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z')
            """
        )
        let scratch = Scratch()
        let old = try #require(Timestamp(parsing: "2020-01-10T00:00:00Z"))
        try record((0..<50).map { old + .seconds($0) } + Sample.days(0..<10), scratch, database.url)
        let auditor = try database.session()
        try auditor.query("BEGIN")
        try auditor.query("SELECT count(*) FROM audit_events")
        let slowest = Mutex<Duration>(.zero)
        let isDone = Atomic<Bool>(false)
        let turns = Atomic<Int>(0)
        let url = database.url
        let inserts = try OwnedThread(named: "inserts") {
            guard let session = try? PostgresSession(PostgresOptions(url: url)) else { return }
            while !isDone.load(ordering: .relaxed) {
                let start = ContinuousClock.now
                // The lock that an insert takes.
                _ = try? session.transaction { (session) throws(PostgresError) in
                    try session.query("LOCK TABLE audit_events IN ROW EXCLUSIVE MODE")
                }
                turns.wrappingAdd(1, ordering: .relaxed)
                slowest.withLock { $0 = max($0, .now - start) }
            }
        }
        let outcome = scratch.prune(url)
        isDone.store(true, ordering: .relaxed)
        inserts.join()
        guard case .pruned(50) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(turns.load(ordering: .relaxed) > 10 && slowest.withLock { $0 } < .seconds(2))
        try auditor.query("COMMIT")
        #expect(try session.query("SELECT count(*) FROM audit_events")[0].int(0) == 10)
    }

    @Test func `pruning by rows has the server take its log again on the way, where the role may ask for it`() throws {
        let database = try AuditDatabase().prepared()
        let scratch = Scratch()
        let old = try #require(Timestamp(parsing: "2020-01-10T00:00:00Z"))
        try record((0..<4500).map { old + .seconds($0) }, scratch, database.url)
        let cutoff = old + .seconds(4400)
        let report = try AuditVerification.verify(
            EventDatabase.postgres(url: database.url).archive(),
            keys: Sample.keys(1).chain,
            heads: [],
            prunableBefore: cutoff
        )
        let marks = PrunePlan(report, before: cutoff).chains.map {
            $0.checkpoint(at: Sample.start, keys: Sample.keys(1))
        }
        // A step deletes 2000 events, whose rows have more bytes than this.
        let log = PostgresLogBound(distance: 100_000)
        let pruning = try DatabasePruning(PostgresAuditSQL(pruning: database.url, log: log))
        #expect(try pruning.prune(marks, before: cutoff) { _ in } == 4400)
        #expect(log.checkpoints > 0)

        // Who may not ask deletes all the same.
        let session = try database.session()
        try session.query("CREATE TABLE junk AS SELECT repeat('x', 1000) AS text FROM generate_series(1, 1000)")
        let lesser = try PostgresSession(PostgresOptions(url: database.insertOnlyURL()))
        let refused = PostgresLogBound(distance: 100_000)
        for _ in 0..<3 {
            try refused.settle(lesser)
            try session.query("INSERT INTO junk SELECT * FROM junk LIMIT 1000")
        }
        #expect(refused.checkpoints == 0 && lesser.isOpen)
    }

    @Test func `a checkpoint is due at each distance, counted from the one before`() {
        // The places are given: the log of a real server moves by whatever else is written to it meanwhile.
        let log = PostgresLogBound(distance: 100)
        #expect(
            [5000, 5099, 5100, 5101, 5199, 5250, 5349, 5350].map { log.isDue(at: $0) } == [
                false, false, true, false, false, true, false, true,
            ]
        )
    }

    @Test func `an installation that is split over two schemas is named and brought together`() throws {
        let database = try AuditDatabase().prepared()
        let scratch = Scratch()
        try record(Sample.days(0..<20), scratch, database.url)
        let session = try database.session()
        let user = try session.query("SELECT CURRENT_USER::text")[0].text(0)
        // 0.1.0 did this after a restart: the schema that is named like the user comes first.
        try session.query("CREATE SCHEMA AUTHORIZATION CURRENT_USER")
        try session.query("SET search_path = \(user)")
        try session.migrate(PostgresSchema.component, through: Array(PostgresSchema.scripts.prefix(2)))
        let columns = AuditColumn.firstRelease.map(\.name).joined(separator: ", ")
        try session.query(
            """
            WITH old AS (DELETE FROM public.audit_events WHERE seq > 12 RETURNING *)
            INSERT INTO \(user).audit_events (\(columns)) SELECT \(columns) FROM old
            """
        )
        let place = EventDatabase.postgres(url: database.url)
        let words = try place.archive().splitTrouble()
        #expect(words?.contains("two schemas, public and \(user)") == true)
        func report() throws -> AuditReport {
            try AuditVerification.verify(place.archive(), keys: Sample.keys(1).chain, heads: [])
        }
        #expect(try report().faults.map(\.kind) == [.split])
        #expect(try place.pruning().joinSchemas() == 8)
        #expect(try place.pruning().joinSchemas() == 0)
        #expect(try place.archive().splitTrouble() == nil)
        let healed = try report()
        #expect(healed.holds && healed.chains.map(\.events) == [20], "\(healed)")
    }
}
