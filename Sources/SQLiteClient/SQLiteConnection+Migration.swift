extension SQLiteConnection {
    /// Migrates the tables of one component to the schema of this release.
    ///
    /// Several components may share a file, so the version is kept for each in the table `schema_versions` and not in the one
    /// `user_version` of the file.
    ///
    /// - Parameters:
    ///   - component: whose tables these are; a constant such as `tokens`.
    ///   - scripts: script number n brings version n - 1 to n. Released ones never change; new ones are added at the end. All that
    ///     are missing run in order in one transaction, so a failure leaves the version that was there.
    /// - Throws: ``SQLiteError`` `schemaTooNew` when a newer release has written the tables, and whatever a script causes.
    package func migrate(_ component: String, through scripts: [String]) throws(SQLiteError) {
        // Read first, so that opening a database that is up to date waits for no writer.
        if try schemaVersion(of: component) == scripts.count { return }
        try transaction { () throws(SQLiteError) in
            try execute(
                "CREATE TABLE IF NOT EXISTS schema_versions (component TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT"
            )
            let version = try schemaVersion(of: component)
            guard version <= scripts.count else {
                throw SQLiteError(
                    .schemaTooNew,
                    "\(path): the \(component) tables have schema \(version) and this release knows \(scripts.count); "
                        + "use the newer release"
                )
            }
            for script in scripts[version...] { try execute(script) }
            try run(
                "INSERT INTO schema_versions VALUES (?, ?) ON CONFLICT (component) DO UPDATE SET version = excluded.version",
                .text(component),
                .integer(Int64(scripts.count))
            )
        }
    }

    /// The schema that the tables of `component` have; 0 when there are none.
    package func schemaVersion(of component: String) throws(SQLiteError) -> Int {
        let table = try prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_versions'")
        guard try table.step() else { return 0 }
        let statement = try prepare("SELECT version FROM schema_versions WHERE component = ?")
        try statement.bind([.text(component)])
        guard try statement.step() else { return 0 }
        guard let version = Int(exactly: try statement.integer(0)), version >= 0 else {
            throw SQLiteError(.corrupt, "\(path): the schema version of the \(component) tables is not a number from 0")
        }
        return version
    }
}
