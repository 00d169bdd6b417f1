internal import GatehouseCore
internal import SQLiteClient

/// Reads the events that ``SQLiteSink`` stored.
struct SQLiteAuditSQL: AuditSQL {
    static let dialect = QueryDialect.sqlite
    static let messages = SQLiteSchema.messages

    private let connection: SQLiteConnection
    private let logBound: Int

    init(reading path: String, isUntouched: Bool = false) throws(AuditError) {
        let version: Int
        do throws(SQLiteError) {
            let reader = try SQLiteConnection(path: path, access: isUntouched ? .untouched : .readOnly)
            version = try reader.schemaVersion(of: SQLiteSchema.component)
            if !isUntouched, (1..<SQLiteSchema.scripts.count).contains(version) {
                // A database of an earlier release is migrated here: no proxy need run that would do it.
                let writer = try SQLiteConnection(path: path, access: .readWrite)
                try writer.migrate(SQLiteSchema.component, through: SQLiteSchema.scripts)
                connection = try SQLiteConnection(path: path, access: .readOnly)
            } else {
                connection = reader
            }
        } catch { throw Self.unreadable(error) }
        logBound = Self.logBound
        guard version > 0 else { throw AuditError(.empty, "\(path) holds no audit events") }
    }

    init(pruning path: String, logBound: Int = SQLiteAuditSQL.logBound) throws(AuditError) {
        do throws(SQLiteError) {
            connection = try SQLiteConnection(path: path, access: .readWrite)
            try connection.migrate(SQLiteSchema.component, through: SQLiteSchema.scripts)
        } catch { throw Self.failed(error) }
        self.logBound = logBound
    }

    func read(
        _ sql: String,
        _ values: [QueryValue],
        _ body: (SQLiteStatement) throws(SQLiteError) -> Bool
    ) throws(SQLiteError) {
        let statement = try connection.prepare(sql)
        try statement.bind(values.map(\.sqlite))
        while try statement.step() {
            guard try body(statement) else { return }
        }
    }

    /// A statement of SQLite reads one view, a row at a time.
    func walk(
        _ sql: String,
        _ values: [QueryValue],
        _ body: (SQLiteStatement) throws(SQLiteError) -> Bool
    ) throws(SQLiteError) { try read(sql, values, body) }

    func run(_ sql: String, _ values: [QueryValue]) throws(SQLiteError) -> Int {
        let statement = try connection.prepare(sql)
        try statement.bind(values.map(\.sqlite))
        try statement.run()
        return connection.changes
    }

    func store(_ head: AuditHead) throws(SQLiteError) { try SQLiteSink.store(head, on: connection) }

    func snapshot(_ body: () throws(AuditError) -> Void) throws(AuditError) {
        try connection.reading({ Self.unreadable($0) }, body)
    }

    func faults() throws(SQLiteError) -> [StoreFault] {
        var faults: [StoreFault] = []
        func add(_ kind: StoreFault.Kind, _ text: String) { faults.append(StoreFault(kind: kind, text: text)) }
        for table in ["audit_events", "audit_heads"] {
            var columns: [String] = []
            let found = try connection.prepare(
                "SELECT name FROM pragma_table_xinfo('\(table)') WHERE hidden = 0 ORDER BY cid"
            )
            while try found.step() { columns.append(try found.text(0)) }
            let schema = try connection.prepare(
                "SELECT 1 FROM sqlite_schema WHERE name = '\(table)' AND type = 'table' AND sql LIKE 'CREATE TABLE%'"
            )
            let isTable = try schema.step()
            if !isTable || columns != SQLiteSchema.columns(of: table) {
                add(.table, "\(table) is not the table that Gatehouse made")
            }
        }
        let view = try connection.prepare(
            "SELECT sql FROM sqlite_schema WHERE name = 'audit_requests' AND type = 'view'"
        )
        let stands = try view.step() ? try view.text(0) : ""
        if stands != SQLiteSchema.view {
            add(.view, "audit_requests is not the view that Gatehouse made: it may show, or hide, anything")
        }
        guard faults.allSatisfy({ $0.kind != .table }) else { return faults }
        // Rows that an index leads to and that are in no table, and the other way round, are shown to some queries only.
        let check = try connection.prepare("PRAGMA integrity_check(audit_events)")
        if try check.step(), try check.text(0) != "ok" {
            add(.damaged, "SQLite finds the file damaged: \(try check.text(0))")
        }
        return faults
    }

    /// Each of SQLite's encodings has every character.
    func encodingTrouble() -> String? { nil }

    func mayDelete() -> Bool { true }

    /// One file has one gateway mostly, and deleting twice deletes nothing more.
    func lock() -> Bool { true }

    func clock() -> Timestamp? { nil }

    func joinSchemas() -> Int { 0 }

    func splitTrouble() -> String? { nil }

    /// Bytes of the write-ahead log beyond which it is emptied between two steps of deleting. A reader keeps it from being reused, and then it
    /// grows by all that is deleted.
    static let logBound = 32 << 20
    /// How long a reader may keep it so, before pruning stops.
    private static let readerPatience: Duration = .seconds(60)
    /// Pages that one step gives back to the file system, where the database was made to do that.
    private static let freedPages = 4000

    func settleStep() throws(SQLiteError) {
        try connection.execute("PRAGMA incremental_vacuum(\(Self.freedPages))")
        guard connection.logLength > logBound else { return }
        let end = ContinuousClock.now + Self.readerPatience
        while try !connection.truncateLog() {
            guard ContinuousClock.now < end else {
                throw SQLiteError(
                    .busy,
                    "a reader has kept the write-ahead log of the database for a minute; what was deleted is deleted, the next prune goes on"
                )
            }
        }
    }

    /// SQLite tables have no partitions by month: every event is deleted by its number.
    func deleteWholeMonths(before time: QueryValue, through last: [String: Int64]) throws(SQLiteError) -> Int { 0 }

    static func unreadable(_ failure: SQLiteError) -> AuditError {
        AuditError(.unreadable, "the audit database cannot be read", underlying: failure)
    }

    static func failed(_ failure: SQLiteError) -> AuditError { SQLiteSchema.wrap(failure) }
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
