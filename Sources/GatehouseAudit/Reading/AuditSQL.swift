internal import GatehouseCore

/// A database's language as far as ``DatabaseArchive`` and ``DatabasePruning`` need it. Used by one thread at a time.
protocol AuditSQL {
    associatedtype Row: EventRow

    static var dialect: QueryDialect { get }

    /// The statement of the view `audit_requests`. Used instead of the view, so that nobody who replaces the view decides what is shown.
    static var messages: String { get }

    /// Hands over the rows of a small result until `body` returns false.
    func read(
        _ sql: String,
        _ values: [QueryValue],
        _ body: (Row) throws(Row.Failure) -> Bool
    ) throws(Row.Failure)

    /// Hands over the rows of one unchanging view, without holding them, until `body` returns false.
    func walk(
        _ sql: String,
        _ values: [QueryValue],
        _ body: (Row) throws(Row.Failure) -> Bool
    ) throws(Row.Failure)

    /// - Returns: the rows that were changed.
    @discardableResult
    func run(_ sql: String, _ values: [QueryValue]) throws(Row.Failure) -> Int

    func store(_ head: AuditHead) throws(Row.Failure)

    /// Runs `body` on the rows as they are stored at one moment, for scans in pieces.
    func snapshot(_ body: () throws(AuditError) -> Void) throws(AuditError)

    func faults() throws(Row.Failure) -> [StoreFault]

    func encodingTrouble() throws(Row.Failure) -> String?

    func mayDelete() throws(Row.Failure) -> Bool
    func lock() throws(Row.Failure) -> Bool
    func clock() throws(Row.Failure) -> Timestamp?
    func joinSchemas() throws(Row.Failure) -> Int

    /// Why the audit is in two places, for people; nil when it is in one.
    func splitTrouble() throws(Row.Failure) -> String?

    /// Returns the disk space of a deleting step to the file system, as far as the database leaves that to its clients.
    func settleStep() throws(Row.Failure)

    /// Deletes in one go what ended before a time and has nothing behind its writer's last event to go.
    ///
    /// - Returns: how many events went.
    func deleteWholeMonths(before time: QueryValue, through last: [String: Int64]) throws(Row.Failure) -> Int

    /// The error for a failure while reading, and the one for a failure while pruning.
    static func unreadable(_ failure: Row.Failure) -> AuditError
    static func failed(_ failure: Row.Failure) -> AuditError
}

extension AuditSQL {
    /// Visits one writer after the other through the index, without reading all their rows. A name that is no text is left out: no query can name it.
    ///
    /// - Parameter table: `audit_events` or `audit_heads`.
    func writers(in table: String) throws(Row.Failure) -> [String] {
        let sql = """
            WITH RECURSIVE w (name) AS (
                SELECT min(writer) FROM \(table)
                UNION ALL
                SELECT (SELECT min(writer) FROM \(table) WHERE writer > w.name) FROM w WHERE w.name IS NOT NULL
            ) SELECT name FROM w WHERE name IS NOT NULL
            """
        var writers: [String] = []
        try read(sql, []) { (row) throws(Row.Failure) in
            try row.withBytes(0) { bytes in
                if let name = String(validating: bytes, as: UTF8.self) { writers.append(name) }
            }
            return true
        }
        return writers
    }
}
