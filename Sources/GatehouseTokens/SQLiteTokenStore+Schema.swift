extension SQLiteTokenStore {
    /// Script n brings version n - 1 to n. Times are microseconds since 1970.
    static let schema = [
        """
        CREATE TABLE token_versions (
            name TEXT NOT NULL,
            version INTEGER NOT NULL,
            predecessor INTEGER,
            created_at INTEGER NOT NULL,
            expires_at INTEGER,
            actor TEXT NOT NULL,
            note TEXT NOT NULL,
            sealed BLOB NOT NULL,
            PRIMARY KEY (name, version)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE token_heads (
            name TEXT PRIMARY KEY,
            current INTEGER NOT NULL,
            latest INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            changed_at INTEGER NOT NULL,
            seal BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE token_events (
            name TEXT NOT NULL,
            revision INTEGER NOT NULL,
            action TEXT NOT NULL,
            version INTEGER NOT NULL,
            at INTEGER NOT NULL,
            actor TEXT NOT NULL,
            note TEXT NOT NULL,
            seal BLOB NOT NULL,
            PRIMARY KEY (name, revision)
        ) STRICT, WITHOUT ROWID;
        """
    ]
}
