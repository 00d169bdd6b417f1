import GatehouseCore
import GatehouseTestSupport
import Foundation
import PostgresClient
import Testing
import Threads

@testable import GatehouseAudit

/// A database of its own on the tests' server, dropped with it.
final class AuditDatabase {
    static var server: String? { getenv("GATEHOUSE_TEST_POSTGRES").map { String(cString: $0) } }

    let name: String
    private let admin: PostgresSession

    /// - Parameter options: of CREATE DATABASE.
    init(_ options: String = "") throws {
        var generator = SystemRandomNumberGenerator()
        name = "audit_\(String(generator.next() as UInt64, radix: 36))"
        admin = try PostgresSession(PostgresOptions(url: try #require(Self.server)))
        try admin.query("CREATE DATABASE \(name) \(options)")
    }

    deinit {
        _ = try? admin.query("DROP DATABASE \(name) WITH (FORCE)")
        for role in roles { _ = try? admin.query("DROP ROLE \(role)") }
    }

    private var roles: [String] = []

    var url: String { url() }

    func url(user: String? = nil, password: String? = nil) -> String {
        let server = Self.server ?? ""
        let place = server.split(separator: "@").last?.split(separator: "/").first ?? ""
        let own = server.dropFirst("postgres://".count).split(separator: "@").first ?? ""
        let credentials = user.map { "\($0):\(password ?? "")" } ?? String(own)
        return "postgres://\(credentials)@\(place)/\(name)"
    }

    /// The same with its tables.
    func prepared() throws -> AuditDatabase {
        try PostgresSink(url: url).prepare()
        return self
    }

    func session() throws -> PostgresSession { try PostgresSession(PostgresOptions(url: url)) }

    /// Lets nobody in, and throws out who is.
    func goDown() throws {
        try admin.query("ALTER DATABASE \(name) ALLOW_CONNECTIONS false")
        try admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [.text(name)])
    }

    func comeBack() throws { try admin.query("ALTER DATABASE \(name) ALLOW_CONNECTIONS true") }

    /// Another user who may do everything.
    func superuser() throws -> String {
        let role = "\(name)_s"
        roles.append(role)
        try admin.query("CREATE ROLE \(role) SUPERUSER")
        return role
    }

    /// A user who may only do what the documentation grants to a gateway.
    func insertOnlyURL() throws -> String {
        let role = "\(name)_w"
        roles.append(role)
        try admin.query("CREATE ROLE \(role) LOGIN PASSWORD 'only-inserts'")
        let session = try session()
        let statements = try DocumentedGrants.statements(in: "AUDIT.md").filter { !$0.hasSuffix(" auditor") }
        try #require(statements.count { $0.hasSuffix(" gateway") } == 3)
        for statement in statements { try session.query(statement.replacing(" gateway", with: " \(role)")) }
        return url(user: role, password: "only-inserts")
    }
}

@Suite(
    .enabled(if: AuditDatabase.server != nil, "GATEHOUSE_TEST_POSTGRES names no database; deploy/test.sh starts one")
)
struct PostgresAuditTests {
    private func fill(
        _ url: String,
        _ numbers: Range<UInt64>,
        in scratch: Scratch,
        at time: Timestamp? = nil
    ) throws {
        let system = try AuditSystem(scratch.chained(), sink: PostgresSink(url: url))
        let lane = try system.lane(for: 0)
        for number in numbers {
            let at = time.map { $0 + .milliseconds(Int64(number)) }
            func record() -> AuditReceipt {
                Sample.decision(number, refusal: number % 2 == 1 ? .toolDenied : nil, at: at) { lane.record($0) }
            }
            if record() != .recorded {
                system.settleAll()
                _ = record()
            }
            _ = Sample.outcome(number) { lane.record($0) }
        }
        system.settleAll()
        #expect(system.state(at: Sample.start).sinkTrouble == nil)
    }

    private func verify(_ database: AuditDatabase) throws -> [ChainReport] { try verify(.postgres(url: database.url)) }

    private func verify(_ database: EventDatabase) throws -> [ChainReport] {
        try AuditVerification.verify(database.archive(), keys: Sample.keys(1).chain, heads: []).chains
    }

    @Test func `every column comes back as it was recorded, and the chain holds`() throws {
        let database = try AuditDatabase()
        let scratch = Scratch()
        var settings = scratch.chained()
        settings.arguments = .record
        let arguments = #"{"q":"a \"quoted\" \\ back, {brace} NULL grün"}"#
        let memory = MemorySink()
        do {
            let system = try AuditSystem(settings, sink: memory)
            let lane = try system.lane(for: 0)
            _ = Sample.call(1, arguments) { lane.record($0) }
            _ = Sample.decision(2, refusal: .toolDenied) { lane.record($0) }
            _ = Sample.outcome(2) { lane.record($0) }
            system.settleAll()
        }
        let sink = PostgresSink(url: database.url)
        let batch = AuditBatch(writer: "w", records: memory.records)
        try sink.deliver(batch)
        try sink.deliver(batch)
        var events: [AuditEvent] = []
        let archive = try EventDatabase.postgres(url: database.url).archive()
        try archive.events(AuditQuery()) {
            events.append($0)
            return true
        }
        #expect(events == memory.records.compactMap { $0.decoded(writer: "w") })
        #expect(try events[0].arguments(with: Sample.keys(1))?.bytes == Array(arguments.utf8))
        var rows: [ChainRow] = []
        try archive.chain(of: "w") {
            rows.append($0)
            return true
        }
        #expect(rows.map(\.record) == memory.records)
    }

    @Test func `text of every kind reaches its column unchanged`() throws {
        let database = try AuditDatabase()
        var facts = AuditFacts(.decision, of: Sample.requestID(1), at: Sample.start)
        let texts = [
            #"a"b\c"#, "{}", "NULL", "null", ",", " ", "'; DROP TABLE audit_events; --", "zeile\nzwei", "\u{1}", "日本",
            "\\x41", "%s$1",
        ]
        var records: [SpoolRecord] = []
        for (index, text) in texts.enumerated() {
            let event = Array(text.utf8).withUnsafeBytes { bytes in
                facts.target = bytes
                return Sample.encoded(facts, id: EventID(high: 7, low: UInt64(index)))
            }
            records.append(SpoolRecord(sequence: Int64(index + 1), hash: [], previousHash: [], event: event))
        }
        try PostgresSink(url: database.url).deliver(AuditBatch(writer: "w", records: records))
        var found: [String] = []
        try EventDatabase.postgres(url: database.url).archive().events(AuditQuery()) {
            found.append($0.target)
            return true
        }
        #expect(found == texts)
    }

    @Test func `filters find what they find in SQLite`() throws {
        let database = try AuditDatabase()
        try fill(database.url, 0..<10, in: Scratch())
        let archive = try EventDatabase.postgres(url: database.url).archive()
        func count(_ change: (inout AuditQuery) -> Void) throws -> Int {
            var query = AuditQuery()
            change(&query)
            var rows = 0
            try archive.events(query) { _ in
                rows += 1
                return true
            }
            #expect(try archive.count(query) == rows)
            return rows
        }
        #expect(try count { _ in } == 20)
        #expect(try count { $0.route = "other" } == 0)
        #expect(try count { $0.principal = "*@example.com" } == 20)
        #expect(try count { $0.principal = "?da*" } == 0)
        #expect(try count { $0.principal = "a_a*" } == 0)
        #expect(try count { $0.principal = "%" } == 0)
        #expect(try count { $0.target = "list_*" } == 20)
        #expect(try count { $0.isAllowed = true } == 10)
        #expect(try count { $0.reason = "tool_denied" } == 10)
        #expect(try count { $0.requestID = Sample.requestID(4) } == 2)
        #expect(try count { $0.from = Timestamp(microseconds: Sample.start.microseconds + 8000) } == 4)
        #expect(try count { $0.until = Timestamp(microseconds: Sample.start.microseconds + 1000) } == 2)
        #expect(try count { $0.limit = 7 } == 7)
        var query = AuditQuery()
        query.order = .newestFirst
        var seen: [UInt64] = []
        try archive.messages(query) {
            seen.append($0.requestID.low)
            #expect($0.status == 200)
            return seen.count < 3
        }
        #expect(seen == [9, 8, 7])
        let more = try archive.events(after: AuditPlace(), AuditQuery(), limit: 15)
        #expect(more.events.count == 15)
        let rest = try archive.events(after: more.place, AuditQuery(), limit: 15)
        #expect(rest.events.map(\.sequence) == Array(16...20))
        #expect(try archive.events(after: archive.end(), AuditQuery(), limit: 15).events.isEmpty)
    }

    @Test func `a user who may only insert is enough once the tables are there`() throws {
        let database = try AuditDatabase()
        try PostgresSink(url: database.url).prepare()
        let url = try database.insertOnlyURL()
        let scratch = Scratch()
        let now = SystemClock().now()
        try fill(url, 0..<40, in: scratch, at: now)
        try fill(url, 40..<50, in: scratch, at: now)
        #expect(try verify(database).map(\.events) == [100])
        let session = try database.session()
        let month = now.rfc3339.prefix(7).replacing("-", with: "_")
        let own = try session.query("SELECT count(*) FROM audit_events_\(month)")
        #expect(try own[0].int(0) >= 50)
        // And no more than insert.
        let writer = try PostgresSession(PostgresOptions(url: url))
        for deed in ["DELETE FROM audit_events", "SELECT * FROM audit_events", "UPDATE audit_events SET route = 'x'"] {
            #expect(throws: PostgresError.self) { try writer.query(deed) }
        }
    }

    @Test func `a database that cannot hold every text is known before it is asked to`() throws {
        let database = try AuditDatabase("ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
        try PostgresSink(url: database.url).prepare()
        let words = try EventDatabase.postgres(url: database.url).archive().encodingTrouble()
        #expect(words?.contains("LATIN1") == true)
        let scratch = Scratch()
        let system = try AuditSystem(scratch.chained(), sink: PostgresSink(url: database.url))
        let lane = try system.lane(for: 0)
        _ = Sample.decision(1, path: "/😀") { lane.record($0) }
        system.settleAll()
        let trouble = try #require(system.state(at: Sample.start).sinkTrouble)
        #expect(trouble.description.contains("encoding, which is not UTF8"), "\(trouble)")
        let good = try AuditDatabase().prepared()
        #expect(try EventDatabase.postgres(url: good.url).archive().encodingTrouble() == nil)
    }

    @Test func `a writer's name may have any character`() throws {
        let database = try AuditDatabase()
        let scratch = Scratch()
        try scratch.store(0..<3, scratch.chained())
        try scratch.change(#"UPDATE audit_events SET writer = 'a","b\c'"#)
        let place = EventDatabase.postgres(url: database.url)
        let copied = try AuditMigration.copy(EventDatabase.sqlite(path: scratch.database).archive(), to: place.sink())
        #expect(copied.map(\.writer) == [#"a","b\c"#] && copied.map(\.events) == [3])
        #expect(try place.archive().writers() == [#"a","b\c"#])
    }

    @Test func `a view or table in another's place is named, and decides nothing`() throws {
        let database = try AuditDatabase()
        try fill(database.url, 0..<5, in: Scratch())
        func faults() throws -> [StoreFault.Kind] {
            try EventDatabase.postgres(url: database.url).archive().faults().map(\.kind)
        }
        #expect(try faults() == [])
        let session = try database.session()
        try session.query("DROP VIEW audit_requests")
        #expect(try faults() == [.view])
        try session.query(
            "CREATE VIEW audit_requests AS \(PostgresSchema.messages) AND d.principal <> 'ada@example.com'"
        )
        #expect(try faults() == [.view])
        #expect(try EventDatabase.postgres(url: database.url).archive().messageCount(AuditQuery()) == 5)
        try session.query("CREATE OR REPLACE VIEW audit_requests AS \(PostgresSchema.messages)")
        #expect(try faults() == [])
        try session.query("ALTER TABLE audit_events RENAME TO hidden")
        try session.query("CREATE VIEW audit_events AS SELECT * FROM hidden")
        #expect(try faults().contains(.table))
    }

    @Test func `what is changed by SQL is named`() throws {
        let database = try AuditDatabase()
        try fill(database.url, 0..<30, in: Scratch())
        #expect(try verify(database).map(\.holds) == [true])
        let session = try database.session()
        for (deed, kind) in [
            ("UPDATE audit_events SET decision = 'deny' WHERE seq = 21", ChainBreak.Kind.altered),
            ("UPDATE audit_events SET at = at + interval '1 microsecond' WHERE seq = 11", .altered),
            ("DELETE FROM audit_events WHERE seq = 3", .missing),
        ] {
            try session.query(deed)
            #expect(try verify(database).first?.breaks.first?.kind == kind)
        }
    }

    @Test func `what is verified and chosen is of one moment, whatever is written meanwhile`() throws {
        let database = try AuditDatabase()
        try fill(database.url, 0..<10, in: Scratch())
        let session = try database.session()
        let archive = try EventDatabase.postgres(url: database.url).archive()
        var counts: [Int] = []
        try archive.snapshot { () throws(AuditError) in
            counts.append(try archive.count(AuditQuery()))
            #expect(throws: Never.self) { try session.query("DELETE FROM audit_events WHERE seq > 5") }
            counts.append(try archive.count(AuditQuery()))
        }
        #expect(counts == [20, 20])
        #expect(try archive.count(AuditQuery()) == 5)
    }

    @Test func `a value longer than any is named, and not read to its end`() throws {
        let database = try AuditDatabase()
        try fill(database.url, 0..<3, in: Scratch())
        let session = try database.session()
        for column in AuditColumn.allCases {
            let value =
                switch column.shape {
                case .text where ![.eventID, .requestID, .kind, .writer].contains(column): "repeat('x', 100000)"
                case .sealed, .hash: "decode(repeat('00', 100000), 'hex')"
                case .text, .integer, .time: ""
                }
            if value.isEmpty { continue }
            try session.query("UPDATE audit_events SET \(column.name) = \(value) WHERE seq = 2")
            #expect(try verify(database).first?.holds == false, "\(column.name)")
            try EventDatabase.postgres(url: database.url).archive().events(AuditQuery()) { event in
                let texts = AuditColumn.allCases.map { event[$0].text.utf8.count }
                #expect(texts.max().map { $0 < 50_000 } == true, "\(column.name)")
                #expect(event.hash.count <= 33 && event.previousHash.count <= 33)
                return true
            }
        }
        try session.query(
            """
            INSERT INTO audit_heads VALUES ('long', 1, 'head', now(), decode(repeat('00', 100000), 'hex'), decode(repeat('00', 100000), 'hex'))
            """
        )
        let heads = try EventDatabase.postgres(url: database.url).archive().heads(of: "long")
        #expect(heads.map(\.hash.count) == [33] && heads.map(\.signature.count) == [33])
    }

    @Test func `months that are old are dropped whole, and the log still holds`() throws {
        let database = try AuditDatabase()
        try PostgresSink(url: database.url).prepare()
        let session = try database.session()
        for month in ["2020-01", "2020-02"] {
            try session.query(
                """
                CREATE TABLE audit_events_\(month.replacing("-", with: "_")) PARTITION OF audit_events
                FOR VALUES FROM ('\(month)-01 00:00+00') TO (('\(month)-01 00:00+00'::timestamptz + interval '1 month'))
                """
            )
        }
        let scratch = Scratch()
        for time in ["2020-01-10T00:00:00Z", "2020-02-10T00:00:00Z", "2021-01-01T00:00:00Z"] {
            let at = try #require(Timestamp(parsing: time))
            let system = try AuditSystem(scratch.chained(), sink: PostgresSink(url: database.url))
            let lane = try system.lane(for: 0)
            for number in 0..<10 as Range<UInt64> {
                _ = Sample.decision(number, at: at + .seconds(Int64(number))) { lane.record($0) }
            }
            system.settleAll()
        }
        let cutoff = try #require(Timestamp(parsing: "2020-02-10T00:00:05Z"))
        let pruning = try EventDatabase.postgres(url: database.url).pruning()
        let chains = try AuditVerification.verify(
            EventDatabase.postgres(url: database.url).archive(),
            keys: Sample.keys(1).chain,
            heads: [],
            prunableBefore: cutoff
        ).chains.compactMap(\.prunable)
        #expect(chains.map(\.sequence) == [15])
        let marks = chains.map { $0.checkpoint(at: Sample.start, keys: Sample.keys(1)) }
        #expect(try pruning.prune(marks, before: cutoff) { _ in } == 15)
        #expect(try session.query("SELECT 1 WHERE to_regclass('audit_events_2020_01') IS NULL").count == 1)
        #expect(try session.query("SELECT 1 WHERE to_regclass('audit_events_2020_02') IS NOT NULL").count == 1)
        let report = try #require(try verify(database).first)
        #expect(report.holds && report.events == 15 && report.prunedThrough == 15, "\(report.breaks)")
    }

    @Test func `a chain that goes from sink to sink is whole in the last when the events before were copied`() throws {
        let postgres = try AuditDatabase()
        let scratch = Scratch()
        let other = EventDatabase.sqlite(path: "\(scratch.database)-other")
        let databases = [EventDatabase.sqlite(path: scratch.database), .postgres(url: postgres.url), other]
        for (index, database) in databases.enumerated() {
            let system = try AuditSystem(scratch.chained(), sink: database.sink())
            let lane = try system.lane(for: 0)
            for number in 0..<1200 as Range<UInt64> {
                let receipt = Sample.decision(UInt64(index) * 1200 + number) { lane.record($0) }
                try #require(receipt == .recorded)
                // The smallest lane holds some two hundred.
                if number % 100 == 99 { system.settleAll() }
            }
            guard index > 0 else { continue }
            let found = try verify(database)
            #expect(found.map(\.breaks).joined().map(\.kind) == [.missing], "\(found)")
            for _ in 0..<2 {
                let copied = try AuditMigration.copy(databases[index - 1].archive(), to: database.sink())
                #expect(copied.map(\.events) == [1200 * index])
            }
            let report = try #require(try verify(database).first)
            #expect(report.holds && report.events == 1200 * (index + 1) && report.first == 1, "\(report.breaks)")
        }
    }

    @Test func `copying ends with the failure of the sink that is copied to`() throws {
        let scratch = Scratch()
        try scratch.store(0..<1200, scratch.chained())
        let postgres = try AuditDatabase()
        try postgres.goDown()
        #expect(throws: AuditError.self) {
            try AuditMigration.copy(
                EventDatabase.sqlite(path: scratch.database).archive(),
                to: EventDatabase.postgres(url: postgres.url).sink()
            )
        }
        try postgres.comeBack()
    }

    @Test func `an outage under load ends with every event there once`() async throws {
        let database = try AuditDatabase()
        let scratch = Scratch()
        var settings = scratch.chained()
        settings.retry = (.milliseconds(20), .milliseconds(200))
        let system = try AuditSystem(settings, sink: PostgresSink(url: database.url))
        let lanes = try (0..<2).map { try system.lane(for: $0) }
        try system.start()
        let each: UInt64 = 3000
        // How many events each lane may have recorded by now, so that some come before, during and after every outage.
        let allowed = Watched<UInt64>(0)
        let threads = try lanes.enumerated().map { index, lane in
            try OwnedThread(named: "producer-\(index)") {
                for number in 0..<each {
                    while allowed.read({ $0 <= number }) { giveWay() }
                    while Sample.decision(UInt64(index) * each + number, { lane.record($0) }) != .recorded { giveWay() }
                }
            }
        }
        func wait(until holds: (AuditState) -> Bool) async throws {
            try await Polling.until("the audit") { holds(system.state(at: Sample.start)) }
        }
        for _ in 0..<3 {
            let before = system.state(at: Sample.start).deliveredThrough
            allowed.update { $0 += each / 6 }
            try await wait { $0.deliveredThrough > before }
            try database.goDown()
            allowed.update { $0 += each / 6 }
            try await wait { $0.sinkTrouble != nil }
            try database.comeBack()
            try await wait { $0.sinkTrouble == nil }
        }
        for thread in threads { thread.join() }
        system.shutdown(within: .seconds(120))
        let rows = try database.session().query(
            "SELECT count(*), count(DISTINCT request_id), min(seq), max(seq) FROM audit_events"
        )
        let total = Int64(each) * 2
        #expect(try (0..<4).map { try rows[0].int($0) } == [total, total, 1, total])
        #expect(try verify(database).map(\.holds) == [true])
    }

    @Test func `two processes that make the tables at once do not fail`() async throws {
        let database = try AuditDatabase()
        let url = database.url
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { try PostgresSink(url: url).prepare() } }
            try await group.waitForAll()
        }
        #expect(try database.session().query("SELECT 1 FROM schema_versions WHERE component = 'audit'").count == 1)
    }

    @Test func `a database that no event has come to is told from one that cannot be read`() throws {
        let database = try AuditDatabase()
        func code() -> AuditError.Code? {
            do throws(AuditError) {
                _ = try EventDatabase.postgres(url: database.url).archive()
                return nil
            } catch { return error.code }
        }
        #expect(code() == .empty)
        try PostgresSink(url: database.url).prepare()
        #expect(code() == nil)
        try database.goDown()
        #expect(code() == .unreadable)
    }

    @Test func `an error of the database shows nothing of the password`() throws {
        let database = try AuditDatabase()
        let url = database.url(user: "nobody_here", password: "sesame-5f1d8a")
        for deed in [{ try PostgresSink(url: url).prepare() }, { _ = try EventDatabase.postgres(url: url).archive() }] {
            #expect { try deed() } throws: { error in
                !"\(error)".contains("sesame-5f1d8a") && "\(error)".contains("the audit database")
            }
        }
    }
}
