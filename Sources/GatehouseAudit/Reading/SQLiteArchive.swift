internal import GatehouseCore
internal import SQLiteClient

/// Reads what ``SQLiteSink`` stored, without keeping it from storing more.
package final class SQLiteArchive: AuditArchive {
    private let connection: SQLiteConnection

    /// - Throws: `.unreadable` when there is no such database, `.empty` when it has no audit tables.
    package init(path: String) throws(AuditError) {
        let version: Int
        do throws(SQLiteError) {
            let reader = try SQLiteConnection(path: path, access: .readOnly)
            version = try reader.schemaVersion(of: SQLiteSchema.component)
            if (1..<SQLiteSchema.scripts.count).contains(version) {
                // Of the release before: nobody else brings it up to date while no proxy runs.
                let writer = try SQLiteConnection(path: path, access: .readWrite)
                try writer.migrate(SQLiteSchema.component, through: SQLiteSchema.scripts)
                connection = try SQLiteConnection(path: path, access: .readOnly)
            } else {
                connection = reader
            }
        } catch { throw Self.wrap(error) }
        guard version > 0 else { throw AuditError(.empty, "\(path) holds no audit events") }
    }

    package func events(_ query: AuditQuery, _ body: (AuditEvent) -> Bool) throws(AuditError) {
        let conditions = QueryConditions(query, on: "e", joiningOutcomes: true, for: .sqlite)
        try read(
            "SELECT \(Self.columns) FROM audit_events e\(conditions.clause) ORDER BY e.at",
            query,
            conditions.values,
            body
        )
    }

    package func requests(_ query: AuditQuery, _ body: (AuditEvent) -> Bool) throws(AuditError) {
        let conditions = QueryConditions(query, on: "r", joiningOutcomes: false, for: .sqlite)
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
        let conditions = QueryConditions(query, on: "e", joiningOutcomes: true, for: .sqlite)
        do throws(SQLiteError) {
            let statement = try connection.prepare("SELECT count(*) FROM audit_events e\(conditions.clause)")
            try statement.bind(conditions.values.map(\.sqlite))
            guard try statement.step() else { return 0 }
            return min(Int(clamping: try statement.integer(0)), query.limit ?? .max)
        } catch { throw Self.wrap(error) }
    }

    package func writers() throws(AuditError) -> [String] {
        var writers: [String] = []
        do throws(SQLiteError) {
            let statement = try connection.prepare(AuditSQL.writers)
            while try statement.step() { writers.append(try statement.text(0)) }
        } catch { throw Self.wrap(error) }
        return writers
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
            var conditions = QueryConditions(query, on: "e", joiningOutcomes: true, for: .sqlite)
            conditions.add("e.writer =", .text(writer))
            conditions.add("e.seq >", .integer(behind))
            conditions.add("e.seq <=", .integer(last))
            let rest = limit - events.count
            let sql = "SELECT \(Self.columns) FROM audit_events e\(conditions.clause) ORDER BY e.seq LIMIT \(rest)"
            var found: [AuditEvent] = []
            do throws(SQLiteError) {
                let statement = try connection.prepare(sql)
                try statement.bind(conditions.values.map(\.sqlite))
                while try statement.step() {
                    if let event = try statement.event() { found.append(event) }
                }
            } catch { throw Self.wrap(error) }
            place.sequences[writer] = found.count < rest ? last : found.last?.sequence ?? last
            events += found
        }
        return (events, place)
    }

    package func chain(of writer: String, _ body: (ChainRow) -> Void) throws(AuditError) {
        let room = EventRoom()
        do throws(SQLiteError) {
            let statement = try connection.prepare(
                "SELECT \(Self.columns) FROM audit_events e WHERE e.writer = ? ORDER BY e.seq, e.rowid"
            )
            try statement.bind([.text(writer)])
            while try statement.step() { body(try statement.chainRow(in: room.bytes)) }
        } catch { throw Self.wrap(error) }
    }

    package func heads(of writer: String) throws(AuditError) -> [AuditHead] {
        var heads: [AuditHead] = []
        do throws(SQLiteError) {
            let statement = try connection.prepare(
                "SELECT seq, kind, at, hash, signature FROM audit_heads WHERE writer = ? ORDER BY seq"
            )
            try statement.bind([.text(writer)])
            while try statement.step() {
                guard let kind = AuditHead.Kind(rawValue: try statement.text(1)) else { continue }
                heads.append(
                    AuditHead(
                        kind: kind,
                        writer: writer,
                        sequence: try statement.integer(0),
                        hash: try statement.blob(3),
                        at: Timestamp(microseconds: try statement.integer(2)),
                        signature: try statement.blob(4)
                    )
                )
            }
        } catch { throw Self.wrap(error) }
        return heads
    }

    // MARK: -

    private static let columns = AuditColumn.allCases.map { "e.\($0.name)" }.joined(separator: ", ")

    private func last(of writer: String) throws(AuditError) -> Int64 {
        do throws(SQLiteError) {
            let statement = try connection.prepare("SELECT coalesce(max(seq), 0) FROM audit_events WHERE writer = ?")
            try statement.bind([.text(writer)])
            return try statement.step() ? try statement.integer(0) : 0
        } catch { throw Self.wrap(error) }
    }

    private static func wrap(_ error: SQLiteError) -> AuditError {
        AuditError(.unreadable, "the audit database cannot be read", underlying: error)
    }

    private func read(
        _ sql: String,
        _ query: AuditQuery,
        _ values: [QueryValue],
        _ body: (AuditEvent) -> Bool
    ) throws(AuditError) {
        let direction = query.order == .newestFirst ? " DESC" : ""
        do throws(SQLiteError) {
            let statement = try connection.prepare("\(sql)\(direction), seq\(direction) LIMIT ?")
            try statement.bind(values.map(\.sqlite) + [.integer(Int64(query.limit ?? -1))])
            while try statement.step() {
                guard let event = try statement.event() else { continue }
                if !body(event) { return }
            }
        } catch { throw Self.wrap(error) }
    }
}

extension SQLiteStatement: EventRow {
    typealias Failure = SQLiteError

    func bytes(_ column: Int) throws(SQLiteError) -> [UInt8] { try blob(column) }

    func withBytes(_ column: Int, _ body: (UnsafeRawBufferPointer) -> Void) throws(SQLiteError) {
        if column == AuditColumn.argumentsSealed.index {
            try withBlob(column, body)
        } else {
            try withText(column, body)
        }
    }
}

extension QueryValue {
    fileprivate var sqlite: SQLiteValue {
        switch self {
        case .text(let text): .text(text)
        case .integer(let number): .integer(number)
        case .time(let time): .integer(time.microseconds)
        }
    }
}
