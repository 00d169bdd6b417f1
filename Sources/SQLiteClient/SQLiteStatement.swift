internal import CSQLite

/// A compiled statement, for one use or many: `bind`, then `step` through its rows or `run` to its end.
///
/// Belongs to its connection's thread. Parameters count from 1 and columns from 0, as in SQLite.
package final class SQLiteStatement {
    private let connection: SQLiteConnection
    private let handle: OpaquePointer
    /// Whether the last `step` gave a row: columns may be read only then.
    private var hasRow = false

    init(_ sql: String, on connection: SQLiteConnection) throws(SQLiteError) {
        var compiled: OpaquePointer?
        var result = SQLITE_OK
        var hasMore = false
        sql.withCString { text in
            var tail: UnsafePointer<CChar>?
            result = sqlite3_prepare_v3(connection.handle, text, -1, 0, &compiled, &tail)
            while let byte = tail?.pointee, byte != 0 {
                if byte != 0x20, byte != 0x0A, byte != 0x3B { hasMore = true }
                tail = tail?.advanced(by: 1)
            }
        }
        try connection.check(result)
        guard let compiled, !hasMore else {
            sqlite3_finalize(compiled)
            throw SQLiteError(.other, "a prepared statement is exactly one statement")
        }
        self.connection = connection
        handle = compiled
    }

    deinit { sqlite3_finalize(handle) }

    // MARK: Parameters

    /// Binds the parameters from the first on. Those of an earlier use that are not bound again are NULL.
    package func bind(_ values: [SQLiteValue]) throws(SQLiteError) {
        clear()
        var index: Int32 = 0
        for value in values {
            index += 1
            switch value {
            case .null: try bindNull(at: index)
            case .integer(let number): try bind(number, at: index)
            case .real(let number): try bind(number, at: index)
            case .text(let text): try bind(text, at: index)
            case .blob(let bytes): try connection.check(bytes.withUnsafeBytes { bindBlob($0, at: index, Self.copied) })
            }
        }
    }

    package func bindNull(at index: Int32) throws(SQLiteError) {
        try connection.check(sqlite3_bind_null(handle, index))
    }

    package func bind(_ number: Int64, at index: Int32) throws(SQLiteError) {
        try connection.check(sqlite3_bind_int64(handle, index, number))
    }

    package func bind(_ number: Double, at index: Int32) throws(SQLiteError) {
        try connection.check(sqlite3_bind_double(handle, index, number))
    }

    package func bind(_ text: String, at index: Int32) throws(SQLiteError) {
        var text = text
        try connection.check(text.withUTF8 { bindText(UnsafeRawBufferPointer($0), at: index, Self.copied) })
    }

    /// Makes the statement ready for its next use, with every parameter NULL.
    package func clear() {
        reset()
        sqlite3_clear_bindings(handle)
    }

    /// Binds UTF-8 text that SQLite reads where it lies, and does not copy: it stays there, unchanged, until the parameter is bound anew or cleared.
    package func bind(lentText text: UnsafeRawBufferPointer, at index: Int32) throws(SQLiteError) {
        try connection.check(bindText(text, at: index, nil))
    }

    /// The same for bytes.
    package func bind(lentBlob blob: UnsafeRawBufferPointer, at index: Int32) throws(SQLiteError) {
        try connection.check(bindBlob(blob, at: index, nil))
    }

    // MARK: Rows

    /// Steps to the next row.
    ///
    /// - Returns: whether there is one; after the last the statement is ready for its next use.
    package func step() throws(SQLiteError) -> Bool {
        let result = sqlite3_step(handle)
        hasRow = result == SQLITE_ROW
        if hasRow { return true }
        // The message is the connection's last one, so it is taken before the reset.
        let error = result == SQLITE_DONE ? nil : SQLiteError(result: result, of: connection.handle)
        reset()
        if let error { throw error }
        return false
    }

    /// Runs the statement to its end and ignores its rows.
    package func run() throws(SQLiteError) {
        while try step() {}
    }

    /// Makes the statement ready for its next use and releases its read lock. Parameters keep their values.
    package func reset() {
        hasRow = false
        // The result repeats the error of the last step, which was thrown then.
        _ = sqlite3_reset(handle)
    }

    package var columnCount: Int { Int(sqlite3_column_count(handle)) }

    package func columnName(_ column: Int) -> String {
        sqlite3_column_name(handle, Int32(clamping: column)).map { String(cString: $0) } ?? ""
    }

    package func isNull(_ column: Int) -> Bool { type(column) == SQLITE_NULL }

    /// - Throws: ``SQLiteError`` `mismatch` when the column holds something else; so do the reads below.
    package func integer(_ column: Int) throws(SQLiteError) -> Int64 {
        try expect(SQLITE_INTEGER, "an integer", column)
        return sqlite3_column_int64(handle, Int32(column))
    }

    package func real(_ column: Int) throws(SQLiteError) -> Double {
        if type(column) != SQLITE_INTEGER { try expect(SQLITE_FLOAT, "a number", column) }
        return sqlite3_column_double(handle, Int32(column))
    }

    package func text(_ column: Int) throws(SQLiteError) -> String {
        try withText(column) { String(decoding: $0, as: UTF8.self) }
    }

    package func blob(_ column: Int) throws(SQLiteError) -> [UInt8] {
        try withBlob(column) { Array($0) }
    }

    /// Reads the column's bytes in place; they are valid during the call only.
    package func withBlob<Result>(
        _ column: Int,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(SQLiteError) -> Result {
        try expect(SQLITE_BLOB, "a blob", column)
        // The pointer before the count, as SQLite's documentation orders. It is NULL for an empty blob.
        let start = sqlite3_column_blob(handle, Int32(column))
        return body(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, Int32(column)))))
    }

    /// Reads the column's UTF-8 text in place; it is valid during the call only.
    package func withText<Result>(
        _ column: Int,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(SQLiteError) -> Result {
        try expect(SQLITE_TEXT, "a text", column)
        let start = sqlite3_column_text(handle, Int32(column))
        return body(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, Int32(column)))))
    }

    package func value(_ column: Int) throws(SQLiteError) -> SQLiteValue {
        switch type(column) {
        case SQLITE_INTEGER: .integer(try integer(column))
        case SQLITE_FLOAT: .real(try real(column))
        case SQLITE_TEXT: .text(try text(column))
        case SQLITE_BLOB: .blob(try blob(column))
        case _: .null
        }
    }

    // MARK: -

    /// SQLITE_NULL when there is no such column or no row: SQLite leaves both undefined.
    private func type(_ column: Int) -> Int32 {
        guard hasRow, column >= 0, column < columnCount else { return SQLITE_NULL }
        return sqlite3_column_type(handle, Int32(column))
    }

    private func expect(_ type: Int32, _ words: String, _ column: Int) throws(SQLiteError) {
        guard self.type(column) == type else {
            throw SQLiteError(.mismatch, "column \(column) (\(columnName(column))) does not hold \(words)")
        }
    }

    /// - Parameter release: nil for bytes that SQLite reads where they lie.
    private func bindText(
        _ text: UnsafeRawBufferPointer,
        at index: Int32,
        _ release: sqlite3_destructor_type?
    ) -> Int32 {
        // A NULL pointer would bind NULL; an empty text is a text.
        guard let start = text.baseAddress else { return sqlite3_bind_text(handle, index, "", 0, Self.copied) }
        let bytes = start.assumingMemoryBound(to: CChar.self)
        return sqlite3_bind_text64(handle, index, bytes, UInt64(text.count), release, UInt8(SQLITE_UTF8))
    }

    private func bindBlob(
        _ blob: UnsafeRawBufferPointer,
        at index: Int32,
        _ release: sqlite3_destructor_type?
    ) -> Int32 {
        guard let start = blob.baseAddress else { return sqlite3_bind_zeroblob(handle, index, 0) }
        return sqlite3_bind_blob64(handle, index, start, UInt64(blob.count), release)
    }

    /// SQLITE_TRANSIENT, a macro that Swift cannot import: SQLite copies the bytes before the call returns.
    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
}
