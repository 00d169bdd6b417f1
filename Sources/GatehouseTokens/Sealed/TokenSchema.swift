/// The tables of a ``SealedTokenStore``: script n brings version n - 1 to n. Times are microseconds since 1970.
enum TokenSchema {
    /// The name of the tables' component where several components share a database.
    static let component = "tokens"

    static let sqlite = [
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
    static let postgres: [[String]] = [
        [
            """
            CREATE TABLE token_versions (
                name text NOT NULL,
                version bigint NOT NULL,
                predecessor bigint,
                created_at bigint NOT NULL,
                expires_at bigint,
                actor text NOT NULL,
                note text NOT NULL,
                sealed bytea NOT NULL,
                PRIMARY KEY (name, version)
            )
            """,
            """
            CREATE TABLE token_heads (
                name text PRIMARY KEY,
                current bigint NOT NULL,
                latest bigint NOT NULL,
                revision bigint NOT NULL,
                changed_at bigint NOT NULL,
                seal bytea NOT NULL
            )
            """,
            """
            CREATE TABLE token_events (
                name text NOT NULL,
                revision bigint NOT NULL,
                action text NOT NULL,
                version bigint NOT NULL,
                at bigint NOT NULL,
                actor text NOT NULL,
                note text NOT NULL,
                seal bytea NOT NULL,
                PRIMARY KEY (name, revision)
            )
            """,
        ]
    ]
}
