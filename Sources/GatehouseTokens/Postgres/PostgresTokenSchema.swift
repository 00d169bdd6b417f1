internal import PostgresClient

/// Brings the tables to the schema that this release knows.
enum PostgresTokenSchema {
    /// Each component of a database has its own version, as in SQLite. All that is missing runs in one transaction, so a failure leaves
    /// what was there; a user who may not make tables still gets along with tables that are up to date.
    static func migrate(_ connection: PostgresConnection) async throws(PostgresError) {
        try await connection.run { session throws(PostgresError) in
            if try version(session) == TokenSchema.postgres.count { return }
            try session.transaction { session throws(PostgresError) in
                try session.query("SELECT pg_advisory_xact_lock($1)", [.int(PostgresTokenDatabase.lock + 1)])
                // Asked before: CREATE … IF NOT EXISTS wants the privilege even when there is nothing to make.
                if try session.query("SELECT to_regnamespace($1)", [.text(PostgresTokenDatabase.schema)])[0].isNull(0) {
                    try session.query("CREATE SCHEMA \(PostgresTokenDatabase.schema)")
                }
                if try session.query("SELECT to_regclass('schema_versions')")[0].isNull(0) {
                    try session.query(
                        "CREATE TABLE schema_versions (component text PRIMARY KEY, version bigint NOT NULL)"
                    )
                }
                let found = try version(session)
                let known = TokenSchema.postgres.count
                guard found <= known else {
                    throw PostgresError(
                        .schemaTooNew,
                        "the tokens tables have schema \(found) and this release knows \(known); use the newer release"
                    )
                }
                for statement in TokenSchema.postgres[found...].joined() { try session.query(statement) }
                try session.query(
                    """
                    INSERT INTO schema_versions VALUES ($1, $2)
                    ON CONFLICT (component) DO UPDATE SET version = excluded.version
                    """,
                    [.text(TokenSchema.component), .int(Int64(known))]
                )
            }
        }
    }

    /// The schema that the tables have; 0 when there are none.
    private static func version(_ session: PostgresSession) throws(PostgresError) -> Int {
        if try session.query("SELECT to_regclass('schema_versions')")[0].isNull(0) { return 0 }
        let rows = try session.query(
            "SELECT version FROM schema_versions WHERE component = $1",
            [.text(TokenSchema.component)]
        )
        return rows.isEmpty ? 0 : Int(clamping: max(0, try rows[0].int(0)))
    }
}
