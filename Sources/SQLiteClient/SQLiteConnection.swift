internal import CSQLite
internal import GatehouseCore

/// One connection to a database file. Not `Sendable`: it belongs to one thread, actor or queue at a time, so SQLite's
/// own mutexes are left out.
///
/// Every connection is in WAL mode with foreign keys on and the schema untrusted (`trusted_schema=OFF`), so that a
/// database that someone else wrote cannot call functions from its views and triggers.
package final class SQLiteConnection {
    package enum Access: Sendable {
        /// Opens the file, or makes an empty one of mode 0600.
        case create
        /// The file must be there.
        case readWrite
        /// Never writes to the database. The file must be there; its mode is left alone. A `-wal` and a `-shm` may be made beside it.
        case readOnly
        /// The same, and makes no file either. A database that has no `-wal` is not open anywhere: it is read as it lies there
        /// (`immutable=1`, https://www.sqlite.org/uri.html).
        case untouched
    }

    /// When SQLite calls fsync (`PRAGMA synchronous`), in WAL mode.
    package enum Synchronous: String, Sendable {
        /// At checkpoints only: a power cut may lose the newest transactions, never the database.
        case normal = "NORMAL"
        /// After every transaction.
        case full = "FULL"
    }

    /// Bytes of a value that is bound or read; beyond it `tooLarge`. Gatehouse writes none of a tenth of that, and whoever can write the file may
    /// put in one of a gigabyte.
    package static let maximumValue = 256 << 10
    /// Bytes that SQLite holds in a process, the caches of all connections included; beyond it `tooLarge`. A look-up by an index compares whole
    /// rows on its way, so that of a table without row ids reads some that nobody asked for, however long they are.
    package static let maximumMemory: Int64 = 64 << 20

    /// Holds this process to ``maximumMemory``.
    package static func boundMemory() { _ = sqlite3_hard_heap_limit64(maximumMemory) }

    /// Bytes of a page of a new database. With twice SQLite's own size the audit's events take 15 % less CPU to store.
    private static let pageSize = 8192

    /// How long a statement waits for another connection's lock; beyond it `busy`.
    package static let defaultBusyTimeout: Duration = .seconds(5)

    package let path: String
    let handle: OpaquePointer
    let file: String
    let identity: Identity?
    let busyMilliseconds: Int
    /// The identity of this database's write-ahead log.
    var logIdentity: Identity?

    /// Opens the database file at `path`, which is a path in the file system and never a URI or `:memory:`.
    ///
    /// The file, its `-wal` and its `-shm` are readable by their owner alone: a file with a wider mode is narrowed.
    ///
    /// - Throws: ``SQLiteError`` `notOpened` or `permission` when the file cannot be had, `notADatabase` or `corrupt` when it
    ///   is something else, `busy` when another connection kept it locked.
    package init(
        path: String,
        access: Access = .create,
        busyTimeout: Duration = SQLiteConnection.defaultBusyTimeout,
        synchronous: Synchronous = .full
    ) throws(SQLiteError) {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw SQLiteError(.notOpened, "a database path is empty or has a NUL byte")
        }
        self.path = path
        // Absolute or dotted, a name like `file:x?mode=memory` or `:memory:` stays a name.
        file = path.utf8.first == UInt8(ascii: "/") ? path : "./\(path)"
        let isReading = access == .readOnly || access == .untouched
        if !isReading { try Self.narrow(file, creating: access == .create) }
        let isAlone = access == .untouched && Self.identity(of: file + "-wal") == nil
        var mode = isReading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE
        if isAlone { mode |= SQLITE_OPEN_URI }
        // Where the signal cannot be taken, a shortened file ends the process without a word.
        _ = ShortenedIndex.isWatched
        var opened: OpaquePointer?
        let place = isAlone ? Self.immutableURI(of: file) : file
        let result = sqlite3_open_v2(place, &opened, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard result == SQLITE_OK, let opened else {
            let error = SQLiteError(result: result, of: opened)
            sqlite3_close_v2(opened)
            let owner = result & 0xFF == SQLITE_CANTOPEN ? ForeignFile.owner(of: file) : ""
            throw SQLiteError(error.code, extendedCode: error.extendedCode, "\(path): \(error.message)\(owner)")
        }
        // From the next lines on deinit closes the handle, also when a setting below throws.
        identity = Self.identity(of: file)
        handle = opened
        busyMilliseconds = Int(max(0, min(busyTimeout / .milliseconds(1), 3_600_000)))
        sqlite3_busy_timeout(handle, Int32(busyMilliseconds))
        sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, Int32(Self.maximumValue))
        try execute("PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=ON; PRAGMA synchronous=\(synchronous.rawValue)")
        if !isReading {
            // Only a new database takes this: what is deleted can then be given back to the file system, and each page costs a system call or two less
            // often. One that has it would be written to.
            if access == .create, try isNew() {
                try execute("PRAGMA page_size=\(Self.pageSize); PRAGMA auto_vacuum=INCREMENTAL")
            }
            try enterWAL(within: busyMilliseconds)
            // The first reader makes the log.
            try execute("SELECT count(*) FROM sqlite_schema")
            logIdentity = Self.identity(of: "\(file)-wal")
        }
    }

    private func isNew() throws(SQLiteError) -> Bool {
        let pages = try prepare("PRAGMA page_count")
        guard try pages.step() else { return false }
        return try pages.integer(0) == 0
    }

    deinit {
        // Statements hold the connection, so none is left; v2 would outlive one all the same.
        sqlite3_close_v2(handle)
    }

    /// Runs a script of any number of statements and ignores the rows they give.
    package func execute(_ script: String) throws(SQLiteError) {
        try check(sqlite3_exec(handle, script, nil, nil, nil))
    }

    /// Compiles one statement.
    ///
    /// - Throws: ``SQLiteError`` `other` for a statement that does not fit the schema, and for text with more than one.
    package func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        try SQLiteStatement(sql, on: self)
    }

    /// Runs one statement to its end.
    ///
    /// - Returns: the rows that it inserted, updated or deleted.
    @discardableResult
    package func run(_ sql: String, _ values: SQLiteValue...) throws(SQLiteError) -> Int {
        let statement = try prepare(sql)
        try statement.bind(values)
        try statement.run()
        return changes
    }

    /// The rows that the last INSERT, UPDATE or DELETE changed, without those of triggers and foreign keys.
    package var changes: Int { Int(sqlite3_changes64(handle)) }

    package var lastInsertRowID: Int64 { sqlite3_last_insert_rowid(handle) }

    /// A number that changes when another connection, of this process or another, has committed to the database. Reads shared memory only,
    /// so it may be polled.
    package func dataVersion() throws(SQLiteError) -> Int64 {
        let statement = try prepare("PRAGMA data_version")
        guard try statement.step() else { throw SQLiteError(.other, "\(path): no data_version") }
        return try statement.integer(0)
    }

    func check(_ result: Int32) throws(SQLiteError) {
        guard result == SQLITE_OK || result == SQLITE_ROW || result == SQLITE_DONE else {
            throw SQLiteError(result: result, of: handle)
        }
    }

    /// The mode is kept in the file, so only the first connection switches. Two that switch at once may get `busy` without
    /// SQLite waiting (each holds what the other needs), so the wait is ours.
    private func enterWAL(within milliseconds: Int) throws(SQLiteError) {
        var waited = 0
        while true {
            do throws(SQLiteError) {
                let statement = try prepare("PRAGMA journal_mode=WAL")
                guard try statement.step(), try statement.text(0) == "wal" else {
                    throw SQLiteError(.notOpened, "\(path): the file system does not support a write-ahead log")
                }
                return
            } catch {
                guard error.code == .busy, waited < milliseconds else { throw error }
                waited += Int(sqlite3_sleep(10))
            }
        }
    }
}
