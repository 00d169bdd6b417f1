internal import GatehouseCore
internal import SQLiteClient

/// Stores events in the table `audit_events` of a SQLite database, which may be the token store's too. A batch is one
/// transaction, and an event that is there already is left alone.
package final class SQLiteSink: AuditSink {
    /// How long a batch waits for another writer's lock; beyond it the drain backs off and tries again.
    package static let busyTimeout: Duration = .seconds(1)

    /// How often the file is looked for at its path.
    package let checkInterval: Duration? = .seconds(1)

    private let path: String
    private var current: Open?
    private var openings = 0

    private struct Open {
        let connection: SQLiteConnection
        let rows: SQLiteEventRows
    }

    /// The database is opened with the first batch, and anew after every failure, so that one that is missing at start or
    /// replaced later is only a sink that is down for a while.
    package init(path: String) { self.path = path }

    /// Makes the database and its tables now.
    package func prepare() throws(AuditError) { _ = try opened() }

    package func deliver(_ batch: AuditBatch) throws(AuditError) {
        let open = try opened()
        do throws(SQLiteError) {
            try open.connection.transaction { () throws(SQLiteError) in
                try open.rows.store(batch.records, of: batch.writer)
                for head in batch.heads { try Self.store(head, on: open.connection) }
            }
        } catch {
            current = nil
            throw SQLiteSchema.wrap(error)
        }
    }

    /// A file that was deleted, renamed or replaced takes what is written and loses it. It is closed before another is opened: the last to close a
    /// database deletes the write-ahead log at its path, which would be the new one's.
    package func open() throws(AuditError) -> Int {
        if current?.connection.checkReplaced() ?? false { current = nil }
        _ = try opened()
        return openings
    }

    package func lastSequence(of writer: String) throws(AuditError) -> Int64? {
        try read(
            """
            SELECT max(
                coalesce((SELECT max(seq) FROM audit_events WHERE writer = ?1), 0),
                coalesce((SELECT max(seq) FROM audit_heads WHERE writer = ?1 AND kind = 'checkpoint'), 0))
            """,
            [.text(writer)]
        )
    }

    package func count(of writer: String, in sequences: ClosedRange<Int64>) throws(AuditError) -> Int? {
        Int(
            clamping: try read(
                "SELECT count(*) FROM audit_events WHERE writer = ?1 AND seq BETWEEN ?2 AND ?3",
                [.text(writer), .integer(sequences.lowerBound), .integer(sequences.upperBound)]
            )
        )
    }

    // MARK: -

    private func read(_ sql: String, _ values: [SQLiteValue]) throws(AuditError) -> Int64 {
        let open = try opened()
        do throws(SQLiteError) {
            let statement = try open.connection.prepare(sql)
            try statement.bind(values)
            return try statement.step() ? try statement.integer(0) : 0
        } catch {
            current = nil
            throw SQLiteSchema.wrap(error)
        }
    }

    private func opened() throws(AuditError) -> Open {
        if let current { return current }
        do throws(SQLiteError) {
            let connection = try SQLiteConnection(path: path, busyTimeout: Self.busyTimeout)
            try connection.migrate(SQLiteSchema.component, through: SQLiteSchema.scripts)
            let opened = Open(connection: connection, rows: try SQLiteEventRows(on: connection))
            current = opened
            openings += 1
            return opened
        } catch { throw SQLiteSchema.wrap(error) }
    }

    static func store(_ head: AuditHead, on connection: SQLiteConnection) throws(SQLiteError) {
        try connection.run(
            SQLiteSchema.insertHead,
            .text(head.writer),
            .integer(head.sequence),
            .text(head.kind.rawValue),
            .integer(head.at.microseconds),
            .blob(head.hash),
            .blob(head.signature)
        )
    }
}
