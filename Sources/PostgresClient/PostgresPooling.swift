/// The kind of pooler between a connection and the server.
package enum PostgresPooling: String, Sendable {
    /// Nothing, or what passes bytes on.
    case none
    /// A pooler that gives a client one session of the server for as long as it stays.
    case session
    /// One that gives it one for a transaction, or a statement, at a time: LISTEN hears nothing there.
    case transaction

    /// Looks with two connections: what one was served by a moment ago serves the other only where sessions are shared.
    ///
    /// A pool that others use at that moment may hide that it shares. A pooler that has no second session to give is taken for one that gives them
    /// away for good.
    package static func look(_ options: PostgresOptions) async throws(PostgresError) -> PostgresPooling {
        let one = try await PostgresConnection.open(options)
        guard try await one.run({ session throws(PostgresError) in session.isPooled }) else {
            await one.close()
            return .none
        }
        var isShared = false
        do throws(PostgresError) {
            let backend = try await one.run { session throws(PostgresError) in try session.backend() }
            let other = try await PostgresConnection.open(options)
            isShared = try await other.run { session throws(PostgresError) in try session.backend() } == backend
            if !isShared {
                isShared = try await one.run { session throws(PostgresError) in try session.backend() } != backend
            }
            await other.close()
        } catch {
            guard error.code == .timeout || error.code == .connectionFailed else { throw error }
        }
        await one.close()
        return isShared ? .transaction : .session
    }
}

extension PostgresSession {
    /// The process of the server that runs this statement.
    fileprivate func backend() throws(PostgresError) -> Int64 {
        try query("SELECT pg_catalog.pg_backend_pid()")[0].int(0)
    }
}
