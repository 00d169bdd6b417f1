internal import PostgresClient

/// Migrates the tables to the schema of this release.
enum PostgresTokenSchema {
    /// The tables have a schema of their own. A user who may not make it, or tables in it, still gets along with tables that are up to
    /// date.
    static func migrate(
        _ connection: PostgresConnection,
        _ component: String = TokenSchema.component,
        through scripts: [[String]] = TokenSchema.postgres
    ) async throws(PostgresError) {
        try await connection.run { session throws(PostgresError) in
            if try isMissing(session) {
                try session.transaction { session throws(PostgresError) in
                    try session.takeTurn(PostgresTokenDatabase.making)
                    // Asked again, because another process may have made it meanwhile.
                    if try isMissing(session) { try session.query("CREATE SCHEMA \(PostgresTokenDatabase.schema)") }
                }
            }
            try session.migrate(component, through: scripts)
        }
    }

    /// Asks the catalog itself: `to_regnamespace` answers from a cache of the session's, which may not know yet what another
    /// has just committed.
    private static func isMissing(_ session: PostgresSession) throws(PostgresError) -> Bool {
        try session.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [.text(PostgresTokenDatabase.schema)])
            .isEmpty
    }
}
