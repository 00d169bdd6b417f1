internal import GatehouseCore
internal import PostgresClient

/// Reads what ``PostgresSink`` stored. Results are fetched in pieces, so that memory does not grow with them.
package final class PostgresArchive: AuditArchive {
    /// Of one piece of a result; sorting many rows takes its time.
    package static let statementTimeout: Duration = .seconds(300)
    private static let piece = 2000

    private let session: PostgresSession

    /// - Throws: `.unreadable` when there is no such database, `.empty` when it has no audit tables.
    package init(url: String) throws(AuditError) {
        let version: Int
        do throws(PostgresError) {
            let options = PostgresOptions(
                url: url,
                statementTimeout: Self.statementTimeout,
                applicationName: "gatehouse audit"
            )
            session = try PostgresSession(options)
            // The view's subqueries look dear to the planner, who would compile for a second what runs for milliseconds.
            try session.query("SET jit = off")
            version = try session.schemaVersion(of: PostgresSchema.component)
        } catch { throw Self.wrap(error) }
        guard version > 0 else { throw AuditError(.empty, "the database holds no audit events") }
        guard version <= PostgresSchema.scripts.count else {
            throw Self.wrap("the audit tables were made by a newer release; use that")
        }
    }

    package func events(_ query: AuditQuery, _ body: (AuditEvent) -> Bool) throws(AuditError) {
        let conditions = QueryConditions(query, on: "e", joiningOutcomes: true, for: .postgres)
        let sql = "SELECT \(Self.columns) FROM audit_events e\(conditions.clause)"
        try read(sql + Self.order("e", query), conditions.values, body)
    }

    package func requests(_ query: AuditQuery, _ body: (AuditEvent) -> Bool) throws(AuditError) {
        let conditions = QueryConditions(query, on: "r", joiningOutcomes: false, for: .postgres)
        let columns = AuditColumn.allCases.map { column in
            switch column {
            case .kind: "'decision'"
            case .previousHash, .hash: "NULL"
            case _: Self.expression(column, of: "r")
            }
        }
        let sql = "SELECT \(columns.joined(separator: ", ")) FROM audit_requests r\(conditions.clause)"
        try read(sql + Self.order("r", query), conditions.values, body)
    }

    package func count(_ query: AuditQuery) throws(AuditError) -> Int {
        let conditions = QueryConditions(query, on: "e", joiningOutcomes: true, for: .postgres)
        let sql = "SELECT count(*) FROM audit_events e\(conditions.clause)"
        return min(Int(clamping: try number(sql, conditions.values.map(\.postgres))), query.limit ?? .max)
    }

    package func writers() throws(AuditError) -> [String] {
        do throws(PostgresError) {
            return try session.query(AuditSQL.writers).map { (row) throws(PostgresError) in try row.text(0) }
        } catch { throw Self.wrap(error) }
    }

    package func end() throws(AuditError) -> AuditPlace {
        var place = AuditPlace()
        for writer in try writers() { place.sequences[writer] = try last(of: writer) }
        return place
    }

    package func events(
        after place: AuditPlace,
        _ query: AuditQuery,
        limit: Int
    ) throws(AuditError) -> (events: [AuditEvent], place: AuditPlace) {
        var events: [AuditEvent] = []
        var place = place
        for writer in try writers() where events.count < limit {
            let last = try last(of: writer)
            let behind = place.sequences[writer] ?? 0
            guard last > behind else { continue }
            var conditions = QueryConditions(query, on: "e", joiningOutcomes: true, for: .postgres)
            conditions.add("e.writer =", .text(writer))
            conditions.add("e.seq >", .integer(behind))
            conditions.add("e.seq <=", .integer(last))
            let rest = limit - events.count
            let sql = "SELECT \(Self.columns) FROM audit_events e\(conditions.clause) ORDER BY e.seq LIMIT \(rest)"
            var found: [AuditEvent] = []
            try read(sql, conditions.values) { event in
                found.append(event)
                return true
            }
            place.sequences[writer] = found.count < rest ? last : found.last?.sequence ?? last
            events += found
        }
        return (events, place)
    }

    package func chain(of writer: String, _ body: (ChainRow) -> Void) throws(AuditError) {
        let room = EventRoom()
        let sql = "SELECT \(Self.columns) FROM audit_events e WHERE e.writer = $1 ORDER BY e.seq, e.at, e.event_id"
        do throws(PostgresError) {
            try rows(sql, [.text(writer)]) { (row) throws(PostgresError) in
                body(try row.chainRow(in: room.bytes))
                return true
            }
        } catch { throw Self.wrap(error) }
    }

    package func heads(of writer: String) throws(AuditError) -> [AuditHead] {
        let sql = """
            SELECT seq, kind, (extract(epoch FROM at) * 1000000)::bigint, hash, signature FROM audit_heads
            WHERE writer = $1 ORDER BY seq
            """
        var heads: [AuditHead] = []
        do throws(PostgresError) {
            for row in try session.query(sql, [.text(writer)]) {
                guard let kind = AuditHead.Kind(rawValue: try row.text(1)) else { continue }
                heads.append(
                    AuditHead(
                        kind: kind,
                        writer: writer,
                        sequence: try row.int(0),
                        hash: try row.bytes(3),
                        at: Timestamp(microseconds: try row.int(2)),
                        signature: try row.bytes(4)
                    )
                )
            }
        } catch { throw Self.wrap(error) }
        return heads
    }

    // MARK: -

    private static let columns = AuditColumn.allCases.map { expression($0, of: "e") }.joined(separator: ", ")

    private static func expression(_ column: AuditColumn, of table: String) -> String {
        column == .at ? "(extract(epoch FROM \(table).at) * 1000000)::bigint" : "\(table).\(column.name)"
    }

    private static func order(_ table: String, _ query: AuditQuery) -> String {
        let direction = query.order == .newestFirst ? " DESC" : ""
        let limit = query.limit.map { " LIMIT \($0)" } ?? ""
        return " ORDER BY \(table).at\(direction), \(table).seq\(direction)\(limit)"
    }

    private static func wrap(_ error: PostgresError) -> AuditError {
        AuditError(.unreadable, "the audit database cannot be read", underlying: error, source: .upstream)
    }

    private static func wrap(_ words: String) -> AuditError {
        AuditError(.unreadable, "the audit database cannot be read: \(words)")
    }

    private func number(_ sql: String, _ values: [PostgresValue]) throws(AuditError) -> Int64 {
        do throws(PostgresError) {
            return try session.query(sql, values).first.map { (row) throws(PostgresError) in try row.int(0) } ?? 0
        } catch { throw Self.wrap(error) }
    }

    private func last(of writer: String) throws(AuditError) -> Int64 {
        try number("SELECT coalesce(max(seq), 0) FROM audit_events WHERE writer = $1", [.text(writer)])
    }

    private func read(_ sql: String, _ values: [QueryValue], _ body: (AuditEvent) -> Bool) throws(AuditError) {
        do throws(PostgresError) {
            try rows(sql, values.map(\.postgres)) { (row) throws(PostgresError) in
                guard let event = try row.event() else { return true }
                return body(event)
            }
        } catch { throw Self.wrap(error) }
    }

    /// Hands over rows of one unchanging view until `body` returns false.
    private func rows(
        _ sql: String,
        _ values: [PostgresValue],
        _ body: (PostgresRow) throws(PostgresError) -> Bool
    ) throws(PostgresError) {
        try session.transaction { (session) throws(PostgresError) in
            try session.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try session.query("DECLARE found NO SCROLL CURSOR FOR \(sql)", values)
            while true {
                let piece = try session.query("FETCH FORWARD \(Self.piece) FROM found")
                for row in piece where try !body(row) { return }
                guard piece.count == Self.piece else { return }
            }
        }
    }
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
