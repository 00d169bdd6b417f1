internal import GatehouseCore
internal import SQLiteClient

/// Reads what ``SQLiteSink`` stored, without keeping it from storing more.
package final class SQLiteArchive: AuditArchive {
    private let connection: SQLiteConnection

    /// - Throws: `.unreadable` when there is no such database, or none with audit tables.
    package init(path: String) throws(AuditError) {
        do throws(SQLiteError) {
            connection = try SQLiteConnection(path: path, access: .readOnly)
            guard try connection.schemaVersion(of: SQLiteSchema.component) > 0 else {
                throw SQLiteError(.other, "\(path) holds no audit events")
            }
        } catch { throw Self.wrap(error) }
    }

    package func events(_ query: AuditQuery, _ body: (AuditEvent) -> Bool) throws(AuditError) {
        let conditions = SQLiteQuery(query, on: "e", joiningOutcomes: true)
        let columns = AuditColumn.allCases.map { "e.\($0.name)" }.joined(separator: ", ")
        try read(
            "SELECT \(columns) FROM audit_events e\(conditions.clause) ORDER BY e.at",
            query,
            conditions.values,
            body
        )
    }

    package func requests(_ query: AuditQuery, _ body: (AuditEvent) -> Bool) throws(AuditError) {
        let conditions = SQLiteQuery(query, on: "r", joiningOutcomes: false)
        let columns = AuditColumn.allCases.map { column in
            switch column {
            case .kind: "'decision'"
            case .previousHash, .hash: "NULL"
            case _: "r.\(column.name)"
            }
        }
        let list = columns.joined(separator: ", ")
        try read(
            "SELECT \(list) FROM audit_requests r\(conditions.clause) ORDER BY r.at",
            query,
            conditions.values,
            body
        )
    }

    package func count(_ query: AuditQuery) throws(AuditError) -> Int {
        let conditions = SQLiteQuery(query, on: "e", joiningOutcomes: true)
        do throws(SQLiteError) {
            let statement = try connection.prepare("SELECT count(*) FROM audit_events e\(conditions.clause)")
            try statement.bind(conditions.values)
            guard try statement.step() else { return 0 }
            return min(Int(clamping: try statement.integer(0)), query.limit ?? .max)
        } catch { throw Self.wrap(error) }
    }

    package func end() throws(AuditError) -> AuditPlace {
        do throws(SQLiteError) {
            let statement = try connection.prepare("SELECT coalesce(max(rowid), 0) FROM audit_events")
            guard try statement.step() else { return AuditPlace(number: 0) }
            return AuditPlace(number: try statement.integer(0))
        } catch { throw Self.wrap(error) }
    }

    package func events(
        after place: AuditPlace,
        _ query: AuditQuery,
        limit: Int
    ) throws(AuditError) -> (events: [AuditEvent], place: AuditPlace) {
        var conditions = SQLiteQuery(query, on: "e", joiningOutcomes: true)
        conditions.add("e.rowid > ?", .integer(place.number))
        let columns = AuditColumn.allCases.map { "e.\($0.name)" }.joined(separator: ", ")
        let sql = "SELECT \(columns), e.rowid FROM audit_events e\(conditions.clause) ORDER BY e.rowid LIMIT ?"
        var events: [AuditEvent] = []
        var last = place
        do throws(SQLiteError) {
            let statement = try connection.prepare(sql)
            try statement.bind(conditions.values + [.integer(Int64(limit))])
            while try statement.step() {
                last = AuditPlace(number: try statement.integer(AuditColumn.count))
                if let event = try Self.event(statement) { events.append(event) }
            }
        } catch { throw Self.wrap(error) }
        return (events, last)
    }

    // MARK: -

    private static func wrap(_ error: SQLiteError) -> AuditError {
        AuditError(.unreadable, "the audit database cannot be read", underlying: error)
    }

    private func read(
        _ sql: String,
        _ query: AuditQuery,
        _ values: [SQLiteValue],
        _ body: (AuditEvent) -> Bool
    ) throws(AuditError) {
        let direction = query.order == .newestFirst ? " DESC" : ""
        do throws(SQLiteError) {
            let statement = try connection.prepare("\(sql)\(direction), seq\(direction) LIMIT ?")
            try statement.bind(values + [.integer(Int64(query.limit ?? -1))])
            while try statement.step() {
                // A row that somebody changed so that it is no event any more is for `audit verify` to name.
                guard let event = try Self.event(statement) else { continue }
                if !body(event) { return }
            }
        } catch { throw Self.wrap(error) }
    }

    private static func event(_ row: SQLiteStatement) throws(SQLiteError) -> AuditEvent? {
        guard let id = EventID(parsing: try row.text(AuditColumn.eventID.index)),
            let requestID = RequestID(parsing: try row.text(AuditColumn.requestID.index)),
            let kind = EventKind(name: try row.text(AuditColumn.kind.index))
        else { return nil }
        let at = Timestamp(microseconds: try row.integer(AuditColumn.at.index))
        var event = AuditEvent(id: id, requestID: requestID, kind: kind, at: at)
        event.writer = try row.text(AuditColumn.writer.index)
        event.sequence = try row.integer(AuditColumn.sequence.index)
        if !row.isNull(AuditColumn.hash.index) { event.hash = try row.blob(AuditColumn.hash.index) }
        if !row.isNull(AuditColumn.previousHash.index) {
            event.previousHash = try row.blob(AuditColumn.previousHash.index)
        }
        for column in AuditColumn.allCases.dropFirst(AuditColumn.firstField.index) where !row.isNull(column.index) {
            switch column.shape {
            case .text: event.set(column, .text(try row.text(column.index)))
            case .integer: event.set(column, .integer(try row.integer(column.index)))
            case .time, .hash: break
            }
        }
        return event
    }
}
