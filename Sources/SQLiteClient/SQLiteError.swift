internal import CSQLite

/// Why SQLite refused: what to decide on, SQLite's own number, and words for the operator.
///
/// The message is SQLite's, which names tables, columns and files and never repeats a bound value.
package struct SQLiteError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// Another connection held the lock for longer than the busy timeout.
        case busy
        case constraint
        case corrupt
        case full
        case io
        /// A column held another type than the one read, or NULL.
        case mismatch
        case notADatabase
        case notOpened
        case permission
        case readOnly
        /// The database was written by a newer release.
        case schemaTooNew
        /// A value, or the rows on the way to one, beyond what a connection or the process holds.
        case tooLarge
        /// Everything else: usually a statement that does not fit the schema.
        case other
    }

    package let code: Code
    /// SQLite's extended result code (`sqlite3_extended_errcode`); 0 when SQLite was not the one to refuse.
    package let extendedCode: Int32
    package let message: String

    package init(_ code: Code, extendedCode: Int32 = 0, _ message: String) {
        self.code = code
        self.extendedCode = extendedCode
        self.message = message
    }

    init(result: Int32, of handle: OpaquePointer?) {
        // A handle that could not be allocated has no message; the bare code has.
        let words = handle.flatMap { sqlite3_errmsg($0) } ?? sqlite3_errstr(result)
        let code = Code(primary: result & 0xFF)
        let told = words.map { String(cString: $0) } ?? "SQLite error \(result)"
        self.init(
            code,
            extendedCode: handle.map { sqlite3_extended_errcode($0) } ?? result,
            code == .tooLarge ? "a row holds more than Gatehouse ever writes: \(told)" : told
        )
    }

    package var description: String { message }
}

extension SQLiteError.Code {
    fileprivate init(primary: Int32) {
        self =
            switch primary {
            case SQLITE_BUSY, SQLITE_LOCKED: .busy
            case SQLITE_CONSTRAINT: .constraint
            case SQLITE_CORRUPT: .corrupt
            case SQLITE_FULL: .full
            case SQLITE_IOERR: .io
            case SQLITE_NOTADB: .notADatabase
            case SQLITE_CANTOPEN: .notOpened
            case SQLITE_PERM, SQLITE_AUTH: .permission
            case SQLITE_READONLY: .readOnly
            case SQLITE_TOOBIG, SQLITE_NOMEM: .tooLarge
            case _: .other
            }
    }
}
