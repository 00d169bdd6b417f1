internal import SQLiteClient

/// SQLite as ``TokenRows`` speaks to it: it counts `$1`, a name like any other, by its first use.
struct SQLiteTokenSQL: TokenSQL {
    private let database: SQLiteConnection

    init(_ database: SQLiteConnection) { self.database = database }

    /// All who use the file are on this machine.
    func now() -> Int64? { nil }

    func run(_ statement: String, _ values: [RowValue]) throws(TokenError) -> Int {
        do throws(SQLiteError) {
            let prepared = try database.prepare(statement)
            try prepared.bind(values.map(\.sqlite))
            try prepared.run()
            return database.changes
        } catch {
            throw TokenError(error, path: database.path)
        }
    }

    func read<Result>(
        _ statement: String,
        _ values: [RowValue],
        _ row: (any TokenRow) throws(TokenError) -> Result
    ) throws(TokenError) -> [Result] {
        var results: [Result] = []
        let prepared: SQLiteStatement
        do throws(SQLiteError) {
            prepared = try database.prepare(statement)
            try prepared.bind(values.map(\.sqlite))
        } catch {
            throw TokenError(error, path: database.path)
        }
        let current = SQLiteTokenRow(statement: prepared, path: database.path)
        while true {
            do throws(SQLiteError) { guard try prepared.step() else { return results } } catch {
                throw TokenError(error, path: database.path)
            }
            results.append(try row(current))
        }
    }
}

private struct SQLiteTokenRow: TokenRow {
    let statement: SQLiteStatement
    let path: String

    func isNull(_ column: Int) throws(TokenError) -> Bool { statement.isNull(column) }
    func integer(_ column: Int) throws(TokenError) -> Int64 {
        do throws(SQLiteError) { return try statement.integer(column) } catch { throw TokenError(error, path: path) }
    }
    func text(_ column: Int) throws(TokenError) -> String {
        do throws(SQLiteError) { return try statement.text(column) } catch { throw TokenError(error, path: path) }
    }
    func blob(_ column: Int) throws(TokenError) -> [UInt8] {
        do throws(SQLiteError) { return try statement.blob(column) } catch { throw TokenError(error, path: path) }
    }
}

extension RowValue {
    fileprivate var sqlite: SQLiteValue {
        switch self {
        case .null: .null
        case .integer(let number): .integer(number)
        case .text(let text): .text(text)
        case .blob(let bytes): .blob(bytes)
        }
    }
}

extension TokenError {
    init(_ error: SQLiteError, path: String) {
        let message = error.message.contains(path) ? error.message : "\(path): \(error.message)"
        switch error.code {
        case .schemaTooNew: self.init(.schemaTooNew, message, underlying: error)
        case .busy:
            self.init(.unavailable, message, hint: "another process holds the database locked", underlying: error)
        case .full: self.init(.unavailable, message, hint: "make room on the disk", underlying: error)
        case .permission, .notOpened, .readOnly:
            self.init(
                .unavailable,
                message,
                hint: "the user that runs Gatehouse must own the file and be able to write to its directory",
                underlying: error
            )
        case .tooLarge:
            self.init(
                .tampered,
                message,
                hint: "find out who wrote to the database, and delete the row with another program",
                underlying: error
            )
        case .constraint, .corrupt, .io, .mismatch, .notADatabase, .other:
            self.init(.unavailable, message, underlying: error)
        }
    }
}
