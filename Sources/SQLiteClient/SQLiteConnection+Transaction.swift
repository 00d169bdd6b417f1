internal import CSQLite

extension SQLiteConnection {
    /// Runs `body` in a transaction that takes the write lock at its start (`BEGIN IMMEDIATE`): what it reads is what it changes, and
    /// no other writer comes between. Commits when `body` returns, rolls back when it throws.
    package func transaction<Result>(
        _ body: () throws(SQLiteError) -> Result
    ) throws(SQLiteError) -> Result {
        try transaction({ $0 }, body)
    }

    /// The same for a body with errors of its own; `wrap` turns SQLite's into one of them.
    package func transaction<Result, Failure: Error>(
        _ wrap: (SQLiteError) -> Failure,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try between("BEGIN IMMEDIATE", wrap, body)
    }

    /// Runs `body` on one unchanging view of the database, without keeping writers out.
    package func reading<Result, Failure: Error>(
        _ wrap: (SQLiteError) -> Failure,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try between("BEGIN DEFERRED", wrap, body)
    }

    private func between<Result, Failure: Error>(
        _ begin: String,
        _ wrap: (SQLiteError) -> Failure,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        do { try execute(begin) } catch { throw wrap(error) }
        do throws(Failure) {
            let result = try body()
            do { try execute("COMMIT") } catch { throw wrap(error) }
            return result
        } catch {
            // Some failures (disk full, I/O) have rolled back already. One that cannot be rolled back is closed with the connection.
            if sqlite3_get_autocommit(handle) == 0 { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
            throw error
        }
    }
}
