internal import Glibc

extension PostgresSession {
    /// One for every component and release, so that none changes tables beside another ("gatehaus" in ASCII).
    private static let migrationLock: Int64 = 0x6761_7465_6861_7573
    /// How long ``takeTurn(_:)`` waits for others.
    static let turnPatience: Duration = .seconds(3)

    /// Migrates the tables of one component to the schema of this release.
    ///
    /// Several components may share a database, so the version is kept for each in the table `schema_versions`.
    ///
    /// - Parameters:
    ///   - component: whose tables these are; a constant such as `tokens`.
    ///   - scripts: script number n, a list of statements, brings version n - 1 to n. Released ones never change; new ones are added at
    ///     the end. All that are missing run in order in one transaction, so a failure leaves the version that was there.
    ///   - oldest: the oldest schema that this release works with as it is. A user who may not bring the tables up to date goes on with
    ///     one from there on, until their owner does it; nil when every script is needed.
    /// - Throws: ``PostgresError`` `schemaTooNew` when a newer release has made the tables, and whatever a script causes.
    package func migrate(
        _ component: String,
        through scripts: [[String]],
        usableFrom oldest: Int? = nil
    ) throws(PostgresError) {
        // The version is read first: a user who may not create tables needs nothing more when they are up to date, and needs to know their version
        // when they are newer.
        let version = try checkedVersion(of: component, scripts)
        if version == scripts.count { return }
        do throws(PostgresError) {
            try transaction { (session) throws(PostgresError) in
                try session.takeTurn(Self.migrationLock)
                try session.query(
                    """
                    CREATE TABLE IF NOT EXISTS schema_versions (
                        component text PRIMARY KEY, version integer NOT NULL CHECK (version >= 0)
                    )
                    """
                )
                let version = try session.checkedVersion(of: component, scripts)
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
        } catch {
            guard error.sqlState == "42501", let oldest, version >= max(1, oldest) else { throw error }
        }
    }

    /// The schema that the tables of `component` have; 0 when there are none.
    package func schemaVersion(of component: String) throws(PostgresError) -> Int {
        guard try query("SELECT 1 WHERE to_regclass('schema_versions') IS NOT NULL").count == 1 else { return 0 }
        let rows = try query("SELECT version FROM schema_versions WHERE component = $1", [.text(component)])
        return try rows.first.map { (row) throws(PostgresError) in Int(try row.int(0)) } ?? 0
    }

    /// Waits for the advisory lock, until the end of the transaction, to make objects that can be made once: of two that begin together the second
    /// one finds them made.
    ///
    /// Any user of the database can hold an advisory lock. So it is a courtesy and protects nothing: after ``turnPatience`` the caller goes on
    /// without it, and the catalog lets one of two makers fail.
    package func takeTurn(_ lock: Int64) throws(PostgresError) {
        let end = ContinuousClock.now + Self.turnPatience
        while true {
            let isMine = try query("SELECT pg_try_advisory_xact_lock($1)", [.int(lock)]).first?.bool(0) ?? false
            if isMine || ContinuousClock.now >= end { return }
            usleep(50_000)
        }
    }

    /// Resolves every name that is not qualified in `schema` and, before it, in the catalog; in nobody's temporary tables, and not in a schema
    /// that happens to be called like the user (`"$user"`).
    package func settle(in schema: String) throws(PostgresError) {
        // The catalog is searched first unless it is named; named first, it would be where tables are made.
        let path = try query("SELECT pg_catalog.quote_ident($1) || ', pg_temp'", [.text(schema)])[0].text(0)
        try set("search_path", to: path)
    }

    private func checkedVersion(of component: String, _ scripts: [[String]]) throws(PostgresError) -> Int {
        let version = try schemaVersion(of: component)
        guard version <= scripts.count else {
            throw PostgresError(
                .schemaTooNew,
                "the \(component) tables have schema \(version) and this release knows \(scripts.count); "
                    + "use the newer release"
            )
        }
        return version
    }
}
