internal import CSQLite

extension SQLiteConnection {
    /// How long a copy waits for locks, in milliseconds.
    private static let copyPatience = 60_000

    /// Copies the database as it is at one moment into a file that is not there yet, while others go on writing to this one
    /// (https://www.sqlite.org/backup.html). The copy is whole when this returns, with no log beside it.
    package func copy(to path: String) throws(SQLiteError) {
        guard Self.identity(of: path) == nil else { throw SQLiteError(.notOpened, "\(path) is there already") }
        let target = try SQLiteConnection(path: path, access: .create)
        guard let backup = sqlite3_backup_init(target.handle, "main", handle, "main") else {
            throw SQLiteError(result: sqlite3_errcode(target.handle), of: target.handle)
        }
        var waited = 0
        var result = sqlite3_backup_step(backup, -1)
        while result == SQLITE_BUSY || result == SQLITE_LOCKED, waited < Self.copyPatience {
            waited += Int(sqlite3_sleep(50))
            result = sqlite3_backup_step(backup, -1)
        }
        let finished = sqlite3_backup_finish(backup)
        guard result == SQLITE_DONE, finished == SQLITE_OK else {
            throw SQLiteError(result: result == SQLITE_DONE ? finished : result, of: target.handle)
        }
        try target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// - Throws: ``SQLiteError`` `corrupt` when the file's pages do not fit together.
    package func checkPages() throws(SQLiteError) {
        let statement = try prepare("PRAGMA quick_check(1)")
        guard try statement.step(), try statement.text(0) == "ok" else {
            throw SQLiteError(.corrupt, "\(path): its pages do not fit together")
        }
    }
}
