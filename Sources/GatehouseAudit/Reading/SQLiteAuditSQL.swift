internal import GatehouseCore
internal import SQLiteClient

/// What ``SQLiteSink`` stored.
struct SQLiteAuditSQL: AuditSQL {
    static let dialect = QueryDialect.sqlite

    private let connection: SQLiteConnection

    init(reading path: String) throws(AuditError) {
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
        } catch { throw Self.unreadable(error) }
        guard version > 0 else { throw AuditError(.empty, "\(path) holds no audit events") }
    }

    init(pruning path: String) throws(AuditError) {
        do throws(SQLiteError) {
            connection = try SQLiteConnection(path: path, access: .readWrite)
            try connection.migrate(SQLiteSchema.component, through: SQLiteSchema.scripts)
        } catch { throw Self.failed(error) }
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

    /// There are no months: every event goes by its number.
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
