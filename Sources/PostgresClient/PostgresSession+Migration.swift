extension PostgresSession {
    /// One for every component and release, so that none changes tables beside another ("gatehaus" in ASCII).
    private static let migrationLock: Int64 = 0x6761_7465_6861_7573

    /// Brings the tables of one component to the schema that this release knows.
    ///
    /// Several components may share a database, so the version is kept for each in the table `schema_versions`.
    ///
    /// - Parameters:
    ///   - component: whose tables these are; a constant such as `tokens`.
    ///   - scripts: script number n, a list of statements, brings version n - 1 to n. Released ones never change; new ones are added at
    ///     the end. All that are missing run in order in one transaction, so a failure leaves the version that was there.
    /// - Throws: ``PostgresError`` `schemaTooNew` when a newer release has made the tables, and whatever a script causes.
    package func migrate(_ component: String, through scripts: [[String]]) throws(PostgresError) {
        // Read first: a user who may not create tables needs nothing more when they are up to date.
        if try schemaVersion(of: component) == scripts.count { return }
        try transaction { (session) throws(PostgresError) in
            try session.query("SELECT pg_advisory_xact_lock($1)", [.int(Self.migrationLock)])
            try session.query(
                """
                CREATE TABLE IF NOT EXISTS schema_versions (
                    component text PRIMARY KEY, version integer NOT NULL CHECK (version >= 0)
                )
                """
            )
            let version = try session.schemaVersion(of: component)
            guard version <= scripts.count else {
                throw PostgresError(
                    .schemaTooNew,
                    "the \(component) tables have schema \(version) and this release knows \(scripts.count); "
                        + "use the newer release"
                )
            }
            for script in scripts[version...] {
                for statement in script { try session.query(statement) }
            }
            try session.query(
                """
                INSERT INTO schema_versions VALUES ($1, $2)
                ON CONFLICT (component) DO UPDATE SET version = excluded.version
                """,
                [.text(component), .int(Int64(scripts.count))]
            )
        }
    }

    /// The schema that the tables of `component` have; 0 when there are none.
    package func schemaVersion(of component: String) throws(PostgresError) -> Int {
        guard try query("SELECT 1 WHERE to_regclass('schema_versions') IS NOT NULL").count == 1 else { return 0 }
        let rows = try query("SELECT version FROM schema_versions WHERE component = $1", [.text(component)])
        return try rows.first.map { (row) throws(PostgresError) in Int(try row.int(0)) } ?? 0
    }
}
