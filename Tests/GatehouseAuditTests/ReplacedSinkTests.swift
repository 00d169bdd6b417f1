import Foundation
import GatehouseCore
import GatehouseTestSupport
import PostgresClient
import SQLiteClient
import Synchronization
import Testing

@testable import GatehouseAudit

/// A sink that loses what it had: a file that is deleted or restored, a standby that takes over and lags behind, another address.
struct ReplacedSinkTests {
    private func record(_ numbers: Range<UInt64>, _ lane: SpoolLane, _ system: AuditSystem) {
        for number in numbers {
            if Sample.decision(number, { lane.record($0) }) != .recorded {
                system.settleAll()
                _ = Sample.decision(number) { lane.record($0) }
            }
        }
        system.settleAll()
    }

    private func stored(_ database: EventDatabase) throws -> Int { try database.archive().count(AuditQuery()) }

    private func removeDatabase(_ path: String) throws {
        for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
            try FileManager.default.removeItem(atPath: path + suffix)
        }
    }

    @Test func `a database file that is deleted while serving has its events again, and that is said`() throws {
        let scratch = Scratch()
        let said = Mutex<[String]>([])
        var settings = scratch.chained()
        settings.onChange = { word, error in
            said.withLock { $0.append("\(word.rawValue) \(error.map { "\($0)" } ?? "")") }
        }
        let system = try AuditSystem(settings, sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        record(0..<10, lane, system)
        try FileManager.default.removeItem(atPath: scratch.database)
        record(10..<12, lane, system)
        #expect(try stored(.sqlite(path: scratch.database)) == 12)
        let report = try scratch.report(besideSpool: true)
        #expect(report.holds, "\(report)")
        let state = system.state(at: Sample.start)
        #expect(state.word == .sinkReplaced && state.isReady && state.replacements == 1 && state.unrecoverable == 0)
        #expect(state.depthEvents == 0 && state.depthBytes == 0)
        #expect(said.withLock { $0.first }?.hasPrefix("sink_replaced the sink lacks events 1 to 10") ?? false)
    }

    @Test func `it is noticed within a second or so when nothing is recorded`() async throws {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.chained(), sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        try system.start()
        for number in 0..<10 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        try await Polling.until("the sink") { system.state(at: Sample.start).deliveredThrough == 10 }
        try FileManager.default.removeItem(atPath: scratch.database)
        try await Polling.until("the file") { system.state(at: Sample.start).replacements == 1 }
        try await Polling.until("the events") { system.state(at: Sample.start).depthEvents == 0 }
        system.shutdown(within: .seconds(10))
        #expect(try stored(.sqlite(path: scratch.database)) == 10)
    }

    @Test func `a folder that is renamed is a sink that is down until it is there again`() throws {
        let scratch = Scratch()
        scratch.makeDirectory("data")
        let path = "\(scratch.path)/data/audit.db"
        let system = try AuditSystem(scratch.chained(), sink: SQLiteSink(path: path))
        let lane = try system.lane(for: 0)
        record(0..<10, lane, system)
        try FileManager.default.moveItem(atPath: "\(scratch.path)/data", toPath: "\(scratch.path)/old")
        record(10..<15, lane, system)
        #expect(system.state(at: Sample.start).word == .sinkDown)
        // The moved database is whole and holds no later event.
        #expect(try stored(.sqlite(path: "\(scratch.path)/old/audit.db")) == 10)
        scratch.makeDirectory("data")
        system.settleAll()
        #expect(try stored(.sqlite(path: path)) == 15)
        #expect(system.state(at: Sample.start).word == .sinkReplaced)
    }

    @Test func `a file that is moved without its write-ahead log keeps what it had`() throws {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.chained(), sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        record(0..<10, lane, system)
        #expect(rename(scratch.database, "\(scratch.path)/moved.db") == 0)
        record(10..<12, lane, system)
        #expect(try stored(.sqlite(path: "\(scratch.path)/moved.db")) == 10)
        #expect(try stored(.sqlite(path: scratch.database)) == 12)
    }

    @Test func `a backup that is renamed into its place gets what it lacks, once`() throws {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.chained(), sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        record(0..<300, lane, system)
        let backup = "\(scratch.path)/backup.db"
        try scratch.change("VACUUM INTO '\(backup)'")
        record(300..<600, lane, system)
        #expect(rename(backup, scratch.database) == 0)
        record(600..<601, lane, system)
        #expect(try stored(.sqlite(path: scratch.database)) == 601)
        #expect(try scratch.report(besideSpool: true).holds)
        #expect(system.state(at: Sample.start).replacements == 1)
    }

    @Test func `it is noticed at the start too, and what the spool has no more is counted and named`() throws {
        let scratch = Scratch()
        var settings = scratch.chained()
        settings.keptSegments = 0
        do {
            let system = try AuditSystem(settings, sink: SQLiteSink(path: scratch.database))
            record(0..<1000, try system.lane(for: 0), system)
        }
        let first = try #require(scratch.segments().first)
        try removeDatabase(scratch.database)
        let system = try AuditSystem(settings, sink: SQLiteSink(path: scratch.database))
        system.settleAll()
        let state = system.state(at: Sample.start)
        #expect(state.replacements == 1 && state.unrecoverable > 0)
        let there = try stored(.sqlite(path: scratch.database))
        #expect(there > 0 && there + state.unrecoverable == 1000, "\(first)")
        let found = try #require(try scratch.verify(besideSpool: true).first?.breaks.first)
        #expect(found.kind == .missing && found.sequence == 1 && found.through == Int64(state.unrecoverable))
    }

    @Test func `segments that the sink has are kept for that, and no more of them than is said`() throws {
        let scratch = Scratch()
        var settings = scratch.chained()
        settings.keptSegments = 2
        let system = try AuditSystem(settings, sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        record(0..<2000, lane, system)
        #expect(scratch.segments().count == 3)
        let depth = system.state(at: Sample.start).spoolBytes
        #expect(depth == scratch.segments().reduce(0) { $0 + scratch.bytes(of: $1).count })
    }

    @Test func `a log that was pruned to its end lacks nothing`() throws {
        let scratch = Scratch()
        try scratch.store(0..<20, scratch.chained())
        let marks = try scratch.prunable(before: Sample.start + .seconds(60)).map {
            $0.checkpoint(at: Sample.start, keys: Sample.keys(1))
        }
        let pruning = try EventDatabase.sqlite(path: scratch.database).pruning()
        #expect(try pruning.prune(marks, before: Sample.start + .seconds(60)) { _ in } == 20)
        let system = try AuditSystem(scratch.chained(), sink: SQLiteSink(path: scratch.database))
        system.settleAll()
        #expect(system.state(at: Sample.start).replacements == 0)
        #expect(try stored(.sqlite(path: scratch.database)) == 0)
    }

    @Test func `segments that were deleted while nothing ran keep no later event from the sink`() throws {
        let scratch = Scratch()
        try scratch.store(0..<50, scratch.chained())
        for name in scratch.segments() { unlink("\(scratch.spool)/\(name)") }
        try scratch.store(50..<55, scratch.chained())
        #expect(try stored(.sqlite(path: scratch.database)) == 55)
        #expect(try scratch.report(besideSpool: true).holds)
    }

    @Test func `another sink takes over while running, with what it lacks`() throws {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.chained(), sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        record(0..<10, lane, system)
        let other = "\(scratch.path)/other.db"
        system.replaceSink { SQLiteSink(path: other) }
        record(10..<12, lane, system)
        #expect(try stored(.sqlite(path: scratch.database)) == 10)
        #expect(try stored(.sqlite(path: other)) == 12)
    }

    @Test func `two spools of one name are named, and a spool of its own is not`() throws {
        let scratch = Scratch()
        try scratch.store(0..<10, scratch.chained())
        let copy = Scratch()
        try FileManager.default.copyItem(atPath: scratch.spool, toPath: copy.spool)
        func system(_ scratch: Scratch, _ database: String) throws -> AuditSystem {
            try AuditSystem(scratch.chained(), sink: SQLiteSink(path: database))
        }
        let first = try system(scratch, scratch.database)
        let second = try system(copy, scratch.database)
        record(10..<20, try first.lane(for: 0), first)
        #expect(first.state(at: Sample.start).word == .ready)
        record(20..<30, try second.lane(for: 0), second)
        let state = second.state(at: Sample.start)
        #expect(state.word == .writerDuplicated && state.isReady)
        #expect(state.notice?.description.contains("is a copy of the other") ?? false)
        // The first sees it with its next batch.
        record(30..<31, try first.lane(for: 1), first)
        #expect(first.state(at: Sample.start).word == .ready)
        record(31..<32, try second.lane(for: 1), second)
        record(32..<33, try first.lane(for: 2), first)
        #expect(first.state(at: Sample.start).word == .ready || first.state(at: Sample.start).word == .writerDuplicated)
        let other = Scratch()
        let third = try system(other, scratch.database)
        record(40..<50, try third.lane(for: 0), third)
        #expect(third.state(at: Sample.start).word == .ready)
    }
}

@Suite(
    .enabled(if: AuditDatabase.server != nil, "GATEHOUSE_TEST_POSTGRES names no database; deploy/test.sh starts one")
)
struct ReplacedPostgresTests {
    @Test func `rows that a failover lost are sent again with the next connection`() throws {
        let database = try AuditDatabase()
        let scratch = Scratch()
        let system = try AuditSystem(scratch.chained(), sink: PostgresSink(url: database.url))
        let lane = try system.lane(for: 0)
        for number in 0..<150 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        system.settleAll()
        try database.session().query("DELETE FROM audit_events WHERE seq > 120")
        try database.goDown()
        try database.comeBack()
        _ = Sample.decision(150) { lane.record($0) }
        system.settleAll()
        system.settleAll()
        let rows = try database.session().query("SELECT count(*), count(DISTINCT seq), max(seq) FROM audit_events")
        #expect(try (0..<3).map { try rows[0].int($0) } == [151, 151, 151])
        #expect(system.state(at: Sample.start).word == .sinkReplaced)
        #expect(system.state(at: Sample.start).notice?.description.contains("events 121 to 150") ?? false)
    }

    @Test func `a database that is slow gets smaller batches instead of the same one for ever`() throws {
        let database = try AuditDatabase().prepared()
        let session = try database.session()
        try session.query(
            """
            CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(0.05); RETURN new; END $$
            """
        )
        try session.query("CREATE TRIGGER slow BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION slow()")
        let scratch = Scratch()
        var settings = scratch.chained()
        settings.batch = 60
        let system = try AuditSystem(settings, sink: PostgresSink(url: database.url, statementTimeout: .seconds(1)))
        let lane = try system.lane(for: 0)
        for number in 0..<60 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        system.writeAll()
        // 60 rows take 3 s, 30 take 1.5 s, 15 fit.
        #expect(system.drain.step() == .failed)
        #expect(system.state(at: Sample.start).sinkTrouble?.code == .sinkTimedOut)
        #expect(system.drain.step() == .failed)
        // A loaded machine may need another, smaller batch.
        let first = (0..<4).lazy.map { _ in system.drain.step() }.first { $0 != .failed }
        #expect([15, 7, 3, 1].contains { first == .delivered($0) }, "\(String(describing: first))")
        #expect(system.state(at: Sample.start).word == .ready)
        for _ in 0..<60 where system.drain.hasWork { _ = system.drain.step() }
        #expect(try session.query("SELECT count(DISTINCT seq) FROM audit_events")[0].int(0) == 60)
    }

    @Test func `the search path of a session decides nothing: each statement names its schema`() throws {
        let database = try AuditDatabase().prepared()
        let user = try database.session().query("SELECT CURRENT_USER::text")[0].text(0)
        let sink = PostgresSink(url: database.url)
        // As the tokens' store makes its schema, whose name is the compose file's user.
        try database.session().query("CREATE SCHEMA AUTHORIZATION CURRENT_USER")
        _ = try sink.open()
        try database.session().query("CREATE TABLE \(user).audit_events (LIKE public.audit_events)")
        let place = try PostgresPlace.enter(database.session())
        #expect(place.schema == "public" && place.others == [user])
        #expect(place.qualified("SELECT count(*) FROM audit_events e") == "SELECT count(*) FROM public.audit_events e")
    }

    @Test func `the tables that are there are used whatever schema comes first, and of two the older ones`() throws {
        let database = try AuditDatabase().prepared()
        let user = try database.superuser()
        let session = try database.session()
        try session.query("SET ROLE \(user)")
        try session.query("CREATE SCHEMA \(user)")
        func place() throws -> PostgresPlace {
            let session = try database.session()
            try session.query("SET ROLE \(user)")
            return try PostgresPlace.enter(session)
        }
        #expect(try session.query("SELECT current_schemas(false)::text")[0].text(0) == "{\(user),public}")
        #expect(try place().schema == "public" && place().others.isEmpty)
        try session.query("CREATE TABLE \(user).audit_events (LIKE public.audit_events)")
        #expect(try place().schema == "public" && place().others == [user])
    }

    @Test func `a database that may not be asked is named when it was connected to anew`() throws {
        let database = try AuditDatabase().prepared()
        let scratch = Scratch()
        let url = try database.insertOnlyURL()
        let system = try AuditSystem(scratch.chained(), sink: PostgresSink(url: url))
        let lane = try system.lane(for: 0)
        func record(_ numbers: Range<UInt64>) {
            for number in numbers { _ = Sample.decision(number) { lane.record($0) } }
            system.settleAll()
        }
        record(0..<3)
        #expect(system.state(at: Sample.start).word == .ready)
        try database.goDown()
        record(3..<5)
        #expect(system.state(at: Sample.start).word == .sinkDown)
        try database.comeBack()
        system.settleAll()
        system.settleAll()
        let state = system.state(at: Sample.start)
        #expect(state.word == .sinkUnasked && state.isReady)
        #expect(state.notice.map { "\($0)".contains("gatehouse audit redeliver --since") } ?? false)
        #expect(try EventDatabase.postgres(url: database.url).archive().count(AuditQuery()) == 5)
    }

    @Test func `so is one that took over from another sink`() throws {
        let database = try AuditDatabase().prepared()
        let scratch = Scratch()
        let url = try database.insertOnlyURL()
        let system = try AuditSystem(scratch.chained(), sink: MemorySink())
        let lane = try system.lane(for: 0)
        func record(_ numbers: Range<UInt64>) {
            for number in numbers { _ = Sample.decision(number) { lane.record($0) } }
            system.settleAll()
        }
        record(0..<3)
        #expect(system.state(at: Sample.start).word == .ready)
        system.replaceSink { PostgresSink(url: url) }
        record(3..<5)
        #expect(system.state(at: Sample.start).word == .sinkUnasked)
    }
}
