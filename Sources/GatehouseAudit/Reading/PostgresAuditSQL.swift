internal import GatehouseCore
internal import Glibc
internal import PostgresClient

/// Reads the events that ``PostgresSink`` stored. Scans fetch their rows in pieces, so that memory does not grow with them.
struct PostgresAuditSQL: AuditSQL {
    static let dialect = QueryDialect.postgres
    static let messages = PostgresSchema.messages
    /// The timeout of the statement for one piece of a result; sorting many rows takes its time.
    static let statementTimeout: Duration = .seconds(300)
    /// The number of rows in one piece.
    private static let piece = 2000

    private let session: PostgresSession
    private let place: PostgresPlace
    private let moment = Moment()
    private let log: PostgresLogBound

    /// Whether a snapshot is under way.
    private final class Moment {
        var isHeld = false
    }

    init(reading url: String) throws(AuditError) {
        let version: Int
        log = PostgresLogBound()
        do throws(PostgresError) {
            session = try Self.session(url, "gatehouse audit")
            // The view's subqueries look dear to the planner, who would compile for a second what runs for milliseconds.
            try session.set("jit", to: "off")
            place = try PostgresPlace.enter(session)
            version = try session.schemaVersion(of: PostgresSchema.component)
        } catch { throw Self.unreadable(error) }
        guard version > 0 else { throw AuditError(.empty, "the database holds no audit events") }
        guard version <= PostgresSchema.scripts.count else {
            throw Self.unreadable("the audit tables were made by a newer release; use that")
        }
        guard version == PostgresSchema.scripts.count else {
            throw Self.unreadable(
                """
                the audit tables are those of an older release: their owner brings them up to date with `gatehouse audit prune --dry-run`
                """
            )
        }
    }

    init(pruning url: String, log: PostgresLogBound = PostgresLogBound()) throws(AuditError) {
        self.log = log
        do throws(PostgresError) {
            session = try Self.session(url, "gatehouse audit prune")
            place = try PostgresSchema.open(session)
        } catch { throw Self.failed(error) }
    }

    private static func session(_ url: String, _ name: String) throws(PostgresError) -> PostgresSession {
        try PostgresSession(PostgresOptions(url: url, statementTimeout: statementTimeout, applicationName: name))
    }

    func read(
        _ sql: String,
        _ values: [QueryValue],
        _ body: (PostgresRow) throws(PostgresError) -> Bool
    ) throws(PostgresError) {
        for row in try session.query(place.qualified(sql), values.map(\.postgres)) where try !body(row) { return }
    }

    func walk(
        _ sql: String,
        _ values: [QueryValue],
        _ body: (PostgresRow) throws(PostgresError) -> Bool
    ) throws(PostgresError) {
        guard !moment.isHeld else { return try fetch(sql, values, body) }
        try session.transaction(.snapshot, { $0 }) { () throws(PostgresError) in try fetch(sql, values, body) }
    }

    private func fetch(
        _ sql: String,
        _ values: [QueryValue],
        _ body: (PostgresRow) throws(PostgresError) -> Bool
    ) throws(PostgresError) {
        try session.query("DECLARE found NO SCROLL CURSOR FOR \(place.qualified(sql))", values.map(\.postgres))
        reading: while true {
            let piece = try session.query("FETCH FORWARD \(Self.piece) FROM found")
            for row in piece where try !body(row) { break reading }
            guard piece.count == Self.piece else { break }
        }
        try session.query("CLOSE found")
    }

    func snapshot(_ body: () throws(AuditError) -> Void) throws(AuditError) {
        moment.isHeld = true
        defer { moment.isHeld = false }
        try session.transaction(.snapshot, { Self.unreadable($0) }, body)
    }

    func faults() throws(PostgresError) -> [StoreFault] {
        var faults: [StoreFault] = []
        for (name, kind) in [("audit_events", "p"), ("audit_heads", "r")] {
            let found = try session.query(
                "SELECT 1 FROM pg_class WHERE oid = to_regclass($1) AND relkind::text = $2",
                [.text(name), .text(kind)]
            )
            if found.count == 0 {
                faults.append(StoreFault(kind: .table, text: "\(name) is not the table that Gatehouse made"))
            }
        }
        if let fault = try viewFault() { faults.append(fault) }
        return faults
    }

    /// SQL_ASCII takes every byte as it comes.
    func encodingTrouble() throws(PostgresError) -> String? {
        let encoding = try session.query("SHOW server_encoding")[0].text(0)
        guard encoding != "UTF8", encoding != "SQL_ASCII" else { return nil }
        return "the database is in \(encoding): the first event with a character that it has not stops the sink"
    }

    /// Beside the view is made the one that it should be, and taken back: the server's words for both are then comparable.
    private func viewFault() throws(PostgresError) -> StoreFault? {
        try session.query("BEGIN")
        defer { _ = try? session.query("ROLLBACK") }
        do throws(PostgresError) {
            try session.query("CREATE TEMPORARY VIEW gatehouse_wanted AS \(PostgresSchema.messages)")
        } catch {
            guard error.code == .statementFailed, session.isOpen else { throw error }
            return StoreFault(
                kind: .unseen,
                text: "audit_requests was not looked at: no temporary view can be made here (\(error.message))"
            )
        }
        let same = try session.query(
            """
            SELECT 1 FROM pg_class WHERE oid = to_regclass('audit_requests') AND relkind = 'v' AND pg_get_viewdef(oid)
                = pg_get_viewdef(to_regclass('pg_temp.gatehouse_wanted'))
            """
        )
        return same.count == 1
            ? nil
            : StoreFault(
                kind: .view,
                text: "audit_requests is not the view that Gatehouse made: it may show, or hide, anything"
            )
    }

    func run(_ sql: String, _ values: [QueryValue]) throws(PostgresError) -> Int {
        try session.query(place.qualified(sql), values.map(\.postgres)).affectedCount
    }

    func store(_ head: AuditHead) throws(PostgresError) { try session.batch([PostgresSchema.insert(head, in: place)]) }

    func mayDelete() throws(PostgresError) -> Bool {
        try session.query("SELECT has_table_privilege($1, 'DELETE')", [.text("\(place.schema).audit_events")])[0].bool(
            0
        )
    }

    /// The advisory lock of a prune ("gatehaus" in ASCII, and one). The session's end releases it.
    private static let pruneLock: Int64 = 0x6761_7465_6861_7574

    /// Behind a pooler a session's lock would stay with one of the pool's sessions for ever, whichever client uses it next. So no lock is held there:
    /// two prunes at once do the same work twice and no more, see ``AuditPruning/prune(_:before:progress:)``.
    func lock() throws(PostgresError) -> Bool {
        let function = session.isPooled ? "pg_try_advisory_xact_lock" : "pg_try_advisory_lock"
        return try session.query("SELECT \(function)($1)", [.int(Self.pruneLock)])[0].bool(0)
    }

    func clock() throws(PostgresError) -> Timestamp? {
        Timestamp(microseconds: try session.clock())
    }

    func joinSchemas() throws(PostgresError) -> Int { try PostgresSplit.join(place, session) }

    func splitTrouble() throws(PostgresError) -> String? { try PostgresSplit.trouble(place, session) }

    /// The tables' own room is for the server's housekeeping to give back.
    func settleStep() throws(PostgresError) { try log.settle(session) }

    /// How long one attempt to drop a month waits for its locks: every insert queues behind one that waits.
    private static let dropWait = "100ms"
    /// The pause between two attempts.
    private static let dropPause: Duration = .seconds(1)
    /// Attempts, behind which the events of the month are deleted one by one.
    private static let dropAttempts = 15

    /// Deletes months by dropping their partitions. A partition that an auditor is reading is left to the deletion by rows, which needs no lock on
    /// the table.
    func deleteWholeMonths(before time: QueryValue, through last: [String: Int64]) throws(PostgresError) -> Int {
        let months = try session.query(
            """
            SELECT format('%I.%I', n.nspname, c.relname)
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE i.inhparent = '\(place.schema).audit_events'::regclass AND c.relname ~ '^audit_events_[0-9]{4}_[0-9]{2}$'
                AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= $1::timestamptz
            """,
            [time.postgres]
        )
        var deleted = 0
        for month in months {
            // Quoted by the server, with its schema.
            let table = try month.text(0)
            for attempt in 0..<Self.dropAttempts {
                if attempt > 0 { usleep(UInt32(Self.dropPause / .microseconds(1))) }
                do throws(PostgresError) {
                    deleted += try drop(table, through: last)
                    break
                } catch {
                    // A lock or a deadlock. Another's table, or one that another prune has dropped meanwhile, is not tried again.
                    guard ["55P03", "40P01", "42501", "42P01"].contains(error.sqlState) else { throw error }
                    if error.sqlState == "42501" || error.sqlState == "42P01" { break }
                }
            }
        }
        return deleted
    }

    /// Counts without a lock, and looks again under one whether there is more by the index: counting a month takes seconds.
    private func drop(_ table: String, through last: [String: Int64]) throws(PostgresError) -> Int {
        var count = 0
        for row in try session.query("SELECT writer, max(seq), count(*) FROM \(table) GROUP BY writer") {
            guard let last = last[try row.text(0)], try row.int(1) <= last else { return 0 }
            count += Int(try row.int(2))
        }
        return try session.transaction { (session) throws(PostgresError) in
            try session.query("SET LOCAL lock_timeout = '\(Self.dropWait)'")
            try session.query("LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE")
            for writer in try writers(in: table) {
                guard let last = last[writer],
                    try session.query("SELECT max(seq) FROM \(table) WHERE writer = $1", [.text(writer)])[0].int(0)
                        <= last
                else { return 0 }
            }
            try session.query("DROP TABLE \(table)")
            return count
        }
    }

    static func unreadable(_ failure: PostgresError) -> AuditError {
        AuditError(.unreadable, "the audit database cannot be read", underlying: failure, source: .upstream)
    }

    private static func unreadable(_ words: String) -> AuditError {
        AuditError(.unreadable, "the audit database cannot be read: \(words)")
    }

    static func failed(_ failure: PostgresError) -> AuditError { PostgresSchema.wrap(failure) }
}

extension PostgresRow: EventRow {
    typealias Failure = PostgresError

    func integer(_ column: Int) throws(PostgresError) -> Int64 { try int(column) }

    func withBytes(_ column: Int, _ body: (UnsafeRawBufferPointer) -> Void) throws(PostgresError) {
        try bytes(column).withUnsafeBytes { body($0) }
    }
}

extension QueryValue {
    fileprivate var postgres: PostgresValue {
        switch self {
        case .text(let text): .text(text)
        case .integer(let number): .int(number)
        case .time(let time): .text(time.rfc3339)
        }
    }
}
