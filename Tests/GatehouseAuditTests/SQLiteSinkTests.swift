import GatehouseCore
import SQLiteClient
import Synchronization
import Testing
import Threads

@testable import GatehouseAudit

struct SQLiteSinkTests {
    @Test func `every column is in the table and reads back`() throws {
        let scratch = Scratch()
        try fill(scratch, requests: 3)
        let connection = try SQLiteConnection(path: scratch.database, access: .readOnly)
        let columns = try connection.prepare("SELECT name FROM pragma_table_info('audit_events') ORDER BY cid")
        var names: [String] = []
        while try columns.step() { names.append(try columns.text(0)) }
        #expect(names == AuditColumn.allCases.map(\.name))

        var events: [AuditEvent] = []
        try EventDatabase.sqlite(path: scratch.database).archive().events(AuditQuery()) {
            events.append($0)
            return true
        }
        #expect(events.count == 6)
        #expect(events.map(\.sequence) == Array(1...6))
        #expect(events[0].principal == "ada@example.com")
        #expect(events[0].integer(.tokenVersion) == 3)
        #expect(events[1].kind == .outcome)
        #expect(events[1].integer(.durationMicroseconds) == 1234)
        #expect(events[1].ending == .complete)
        #expect(events[1].writer == events[0].writer)
    }

    @Test func `a batch that comes again leaves its rows alone`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        let system = try AuditSystem(scratch.settings, sink: sink)
        let lane = try system.lane(for: 0)
        for number in 0..<10 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        system.settleAll()
        let store = SQLiteSink(path: scratch.database)
        try store.deliver(AuditBatch(writer: "w", records: Array(sink.records.prefix(6))))
        try store.deliver(AuditBatch(writer: "w", records: sink.records))
        #expect(try EventDatabase.sqlite(path: scratch.database).archive().count(AuditQuery()) == 10)
    }

    @Test func `a sink that is down is offered the same events until it takes them`() throws {
        let scratch = Scratch()
        let blocked = "\(scratch.path)/missing/audit.db"
        let system = try AuditSystem(scratch.settings, sink: SQLiteSink(path: blocked))
        let lane = try system.lane(for: 0)
        for number in 0..<10 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        system.writeAll()
        #expect(system.state(at: Sample.start + .seconds(10)).lag == .seconds(10))
        #expect(system.drain.step() == .failed)
        #expect(system.drain.step() == .failed)
        let state = system.state(at: Sample.start + .seconds(10))
        #expect(state.word == .sinkDown)
        #expect(state.depthEvents == 10)
        #expect(state.lag > .seconds(5))
        scratch.makeDirectory("missing")
        system.settleAll()
        #expect(system.state(at: Sample.start).word == .ready)
        #expect(system.state(at: Sample.start).lag == .zero)
        #expect(try EventDatabase.sqlite(path: blocked).archive().count(AuditQuery()) == 10)
    }

    @Test func `requests have one row each`() throws {
        let scratch = Scratch()
        try fill(scratch, requests: 4)
        let connection = try SQLiteConnection(path: scratch.database, access: .readOnly)
        let rows = try connection.prepare("SELECT decision, reason, status, ended FROM audit_requests ORDER BY at")
        var texts: [String] = []
        while try rows.step() {
            let status = rows.isNull(2) ? "-" : String(try rows.integer(2))
            texts.append("\(try rows.text(0)) \(rows.isNull(1) ? "-" : try rows.text(1)) \(status) \(try rows.text(3))")
        }
        #expect(
            texts == [
                "allow - 200 complete", "deny tool_denied 200 complete", "allow - 200 complete",
                "deny tool_denied 200 complete",
            ]
        )

        var events: [AuditEvent] = []
        try EventDatabase.sqlite(path: scratch.database).archive().messages(AuditQuery()) {
            events.append($0)
            return true
        }
        #expect(events.map(\.status) == [200, 200, 200, 200])
        #expect(events.map(\.isAllowed) == [true, false, true, false])
    }

    @Test func `every event of three threads is in the database once`() throws {
        let scratch = Scratch()
        let each: UInt64 = 4000
        let system = try AuditSystem(scratch.settings, sink: SQLiteSink(path: scratch.database))
        let lanes = try (0..<3).map { try system.lane(for: $0) }
        try system.start()
        let threads = try lanes.enumerated().map { index, lane in
            try OwnedThread(named: "producer-\(index)") {
                for number in 0..<each {
                    while Sample.decision(UInt64(index) * each + number, { lane.record($0) }) != .recorded { giveWay() }
                }
            }
        }
        for thread in threads { thread.join() }
        system.shutdown(within: .seconds(60))
        let state = system.state(at: Sample.start)
        #expect(state.recorded == Int(each) * 3)
        #expect(state.depthEvents == 0)
        let connection = try SQLiteConnection(path: scratch.database, access: .readOnly)
        let row = try connection.prepare(
            "SELECT count(*), count(DISTINCT request_id), count(DISTINCT seq), min(seq), max(seq) FROM audit_events"
        )
        #expect(try row.step())
        #expect(try (0..<5).map { try row.integer($0) } == [12000, 12000, 12000, 1, 12000])
        #expect(scratch.segments().count <= 1 + AuditSystem.Settings.defaultKeptSegments)
    }

    /// Records `requests` decisions with their outcomes, every second one refused, and stores them.
    private func fill(_ scratch: Scratch, requests: UInt64) throws {
        let system = try AuditSystem(scratch.settings, sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        for number in 0..<requests {
            _ = Sample.decision(number, refusal: number % 2 == 1 ? .toolDenied : nil) { lane.record($0) }
            _ = Sample.outcome(number) { lane.record($0) }
        }
        system.settleAll()
    }
}
