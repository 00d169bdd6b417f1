import Foundation
import GatehouseAudit
import GatehouseBenchmarkSamples
import GatehouseCore
import PostgresClient

/// From the spool into the sinks, and along the chain there.
struct Draining {
    private let place: String
    private let events: Int

    init(_ place: String, events: Int) {
        self.place = place
        self.events = events
    }

    func run() throws {
        let spool = "\(place)/spool"
        try fill(spool)
        try time("verified in the spool, with the keys' HMAC") {
            let report = try AuditVerification.verify(spool: SpoolWalk(spool), keys: SampleCalls.keys.chain, heads: [])
            guard report.holds, report.events == events else { throw Failure("the spool does not hold: \(report)") }
        }
        let database = "\(place)/audit.db"
        try drain(copy(spool, "sqlite"), into: SQLiteSink(path: database), "SQLite")
        print("  bytes of an event in SQLite, with its indexes: \(size(of: database) / events)")
        try verify("SQLite") { try EventDatabase.sqlite(path: database).archive() }
        try query("SQLite", EventDatabase.sqlite(path: database).archive())
        guard let url = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"] else {
            return print("no PostgreSQL: GATEHOUSE_TEST_POSTGRES names none")
        }
        try drain(copy(spool, "postgres"), into: PostgresSink(url: url), "PostgreSQL")
        try verify("PostgreSQL") { try EventDatabase.postgres(url: url).archive() }
        try query("PostgreSQL", EventDatabase.postgres(url: url).archive())
        try Pruning(url, events: events).run()
    }

    /// PostgreSQL's part alone, for more events than the rest is worth waiting for.
    func prune() throws {
        guard let url = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"] else {
            throw Failure("GATEHOUSE_TEST_POSTGRES names no database")
        }
        let spool = "\(place)/spool"
        try fill(spool)
        try drain(copy(spool, "postgres"), into: PostgresSink(url: url), "PostgreSQL")
        try Pruning(url, events: events).run()
    }

    /// CPU of this process for a request's two events, read from the spool and given to nobody, to SQLite and to PostgreSQL, in turns.
    func cost() throws {
        let spool = "\(place)/spool"
        try fill(spool)
        let url = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"]
        for round in 1...Self.rounds {
            let none = try cost(copy(spool, "none-\(round)"), into: DiscardingSink())
            let path = "\(place)/cost-\(round).db"
            let sqlite = try cost(copy(spool, "sqlite-\(round)"), into: SQLiteSink(path: path))
            var line = "µs of CPU a request: nobody \(text(none)), SQLite \(text(sqlite - none)) more"
            if let url {
                let session = try PostgresSession(PostgresOptions(url: url))
                try session.query("DROP VIEW IF EXISTS audit_requests")
                try session.query("DROP TABLE IF EXISTS audit_events, audit_heads, schema_versions")
                try session.query("DROP FUNCTION IF EXISTS audit_make_partition")
                let postgres = try cost(copy(spool, "postgres-\(round)"), into: PostgresSink(url: url))
                line += ", PostgreSQL \(text(postgres - none)) more"
            }
            print(line)
            for name in ["none-\(round)", "sqlite-\(round)", "postgres-\(round)", "cost-\(round).db"] {
                try? FileManager.default.removeItem(atPath: "\(place)/\(name)")
            }
        }
    }

    private static let rounds = 3

    private func text(_ micros: Double) -> String { "\((micros * 100).rounded() / 100)" }

    private func cost(_ spool: String, into sink: sending any AuditSink) throws -> Double {
        let system = try AuditSystem(Work.settings(spool), sink: sink)
        let before = Self.processor()
        try system.start()
        while system.state(at: SystemClock().now()).depthEvents > 0 { usleep(20_000) }
        system.shutdown(within: .seconds(60))
        return (Self.processor() - before) / Double(events / 2)
    }

    /// Microseconds of CPU that this process has had.
    private static func processor() -> Double {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        func micros(_ time: timeval) -> Double { Double(time.tv_sec) * 1e6 + Double(time.tv_usec) }
        return micros(usage.ru_utime) + micros(usage.ru_stime)
    }

    private struct Failure: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }

    /// Fills a spool of which no sink takes anything.
    private func fill(_ spool: String) throws {
        let system = try AuditSystem(Work.settings(spool), sink: RefusingSink())
        let lane = try system.lane(for: 0)
        try system.start()
        try time("recorded, chained and written to the spool") {
            Work.record(events, to: lane)
            system.shutdown(within: .zero)
        }
        let bytes = try FileManager.default.contentsOfDirectory(atPath: spool).filter { $0.hasSuffix(".seg") }
            .reduce(0) { $0 + size(of: "\(spool)/\($1)") }
        print("  bytes of an event in the spool: \(bytes / events)")
    }

    private func copy(_ spool: String, _ name: String) throws -> String {
        let copy = "\(place)/\(name)"
        try FileManager.default.copyItem(atPath: spool, toPath: copy)
        return copy
    }

    private func drain(_ spool: String, into sink: sending any AuditSink, _ name: String) throws {
        let system = try AuditSystem(Work.settings(spool), sink: sink)
        try system.start()
        try time("from the spool into \(name)") {
            while system.state(at: SystemClock().now()).depthEvents > 0 { usleep(2000) }
        }
        system.shutdown(within: .seconds(60))
    }

    private func verify(_ name: String, _ archive: () throws -> any AuditArchive) throws {
        try time("verified in \(name)") {
            let reports = try AuditVerification.verify(archive(), keys: SampleCalls.keys.chain, heads: [])
                .chains
            guard reports.contains(where: { $0.holds && $0.events == events }) else {
                throw Failure("\(name) does not hold: \(reports)")
            }
        }
    }

    private func query(_ name: String, _ archive: any AuditArchive) throws {
        var query = AuditQuery()
        query.order = .newestFirst
        query.limit = 101
        let start = ContinuousClock.now
        var rows = 0
        try archive.messages(query) { _ in
            rows += 1
            return true
        }
        print("  the newest \(rows) requests of \(name): \(Times.text(ContinuousClock.now - start))")
        query.requestID = Work.calls.requestID(events / 4)
        let second = ContinuousClock.now
        try archive.messages(query) { _ in true }
        print("  one request of \(name) by id: \(Times.text(ContinuousClock.now - second))")
    }

    private func time(_ what: String, _ body: () throws -> Void) throws {
        let start = ContinuousClock.now
        try body()
        let seconds = (ContinuousClock.now - start) / .milliseconds(1) / 1000
        let rate = Int(Double(events) / max(seconds, 0.001))
        print("\(events) events \(what): \((seconds * 100).rounded() / 100) s, \(rate) a second")
    }

    private func size(of path: String) -> Int {
        ["", "-wal"].reduce(0) { sum, suffix in
            var status = stat()
            return sum + (stat(path + suffix, &status) == 0 ? Int(status.st_size) : 0)
        }
    }
}

/// A sink that is down.
private final class RefusingSink: AuditSink {
    func deliver(_ batch: AuditBatch) throws(AuditError) { throw AuditError(.sinkFailed, "not now") }
}
