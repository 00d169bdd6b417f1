internal import GatehouseCore
internal import PostgresClient

/// What ``PostgresSink`` stored. Walks fetch their rows in pieces, so that memory does not grow with them.
struct PostgresAuditSQL: AuditSQL {
    static let dialect = QueryDialect.postgres
    /// Of one piece of a result; sorting many rows takes its time.
    static let statementTimeout: Duration = .seconds(300)
    /// Rows.
    private static let piece = 2000

    private let session: PostgresSession

    init(reading url: String) throws(AuditError) {
        let version: Int
        do throws(PostgresError) {
            session = try Self.session(url, "gatehouse audit")
            // The view's subqueries look dear to the planner, who would compile for a second what runs for milliseconds.
            try session.query("SET jit = off")
            try PostgresPlace.enter(session)
            version = try session.schemaVersion(of: PostgresSchema.component)
        } catch { throw Self.unreadable(error) }
        guard version > 0 else { throw AuditError(.empty, "the database holds no audit events") }
        guard version <= PostgresSchema.scripts.count else {
            throw Self.unreadable("the audit tables were made by a newer release; use that")
        }
    }

    init(pruning url: String) throws(AuditError) {
        do throws(PostgresError) {
            session = try Self.session(url, "gatehouse audit prune")
            try PostgresSchema.open(session)
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
        for row in try session.query(sql, values.map(\.postgres)) where try !body(row) { return }
    }

    func walk(
        _ sql: String,
        _ values: [QueryValue],
        _ body: (PostgresRow) throws(PostgresError) -> Bool
    ) throws(PostgresError) {
        try session.transaction { (session) throws(PostgresError) in
            try session.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try session.query("DECLARE found NO SCROLL CURSOR FOR \(sql)", values.map(\.postgres))
            while true {
                let piece = try session.query("FETCH FORWARD \(Self.piece) FROM found")
                for row in piece where try !body(row) { return }
                guard piece.count == Self.piece else { return }
            }
        }
    }

    func run(_ sql: String, _ values: [QueryValue]) throws(PostgresError) -> Int {
        try session.query(sql, values.map(\.postgres)).affectedCount
    }

    func store(_ head: AuditHead) throws(PostgresError) { try session.batch([PostgresSchema.insert(head)]) }

    /// By dropping their partitions.
    func deleteWholeMonths(before time: QueryValue, through last: [String: Int64]) throws(PostgresError) -> Int {
        let months = try session.query(
            """
            SELECT format('%I.%I', n.nspname, c.relname)
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE i.inhparent = 'audit_events'::regclass AND c.relname ~ '^audit_events_[0-9]{4}_[0-9]{2}$'
                AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= $1::timestamptz
            """,
            [time.postgres]
        )
        var deleted = 0
        for month in months {
            // Quoted by the server, with its schema.
            let table = try month.text(0)
            deleted += try session.transaction { (session) throws(PostgresError) in
                try session.query("LOCK TABLE \(table) IN SHARE MODE")
                var count = 0
                for row in try session.query("SELECT writer, max(seq), count(*) FROM \(table) GROUP BY writer") {
                    guard let last = last[try row.text(0)], try row.int(1) <= last else { return 0 }
                    count += Int(try row.int(2))
                }
                try session.query("DROP TABLE \(table)")
                return count
            }
        }
        return deleted
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
