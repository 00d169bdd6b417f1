internal import SQLiteClient

/// The audit tables in SQLite. Times are microseconds since 1970, UTC.
enum SQLiteSchema {
    static let component = "audit"

    /// Released scripts never change; new columns come with new scripts.
    static let scripts = [
        """
        CREATE TABLE audit_events (
            event_id TEXT NOT NULL PRIMARY KEY,
            request_id TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('decision', 'outcome')),
            at INTEGER NOT NULL,
            writer TEXT NOT NULL,
            seq INTEGER NOT NULL,
            prev_hash BLOB,
            hash BLOB,
            route TEXT,
            principal_kind TEXT,
            principal TEXT,
            subject TEXT,
            decision TEXT,
            reason TEXT,
            http_method TEXT,
            path TEXT,
            rpc_method TEXT,
            rpc_id TEXT,
            target TEXT,
            arguments_digest TEXT,
            session TEXT,
            protocol_version TEXT,
            token_name TEXT,
            token_version INTEGER,
            assertion_kid TEXT,
            client_ip TEXT,
            cf_ray TEXT,
            status INTEGER,
            upstream_status INTEGER,
            rpc_error TEXT,
            bytes_in INTEGER,
            bytes_out INTEGER,
            duration_us INTEGER,
            upstream_us INTEGER,
            ended TEXT
        ) STRICT;
        CREATE INDEX audit_events_request ON audit_events (request_id);
        CREATE INDEX audit_events_at ON audit_events (at);
        CREATE VIEW audit_requests AS
            SELECT d.event_id, d.request_id, d.at, d.writer, d.seq, d.route, d.principal_kind, d.principal, d.subject, d.decision,
                coalesce(d.reason, o.reason) AS reason, d.http_method, d.path, d.rpc_method, d.rpc_id, d.target,
                d.arguments_digest, d.session, d.protocol_version, d.token_name, d.token_version, d.assertion_kid,
                d.client_ip, d.cf_ray, o.at AS ended_at, o.status, o.upstream_status, o.rpc_error, o.bytes_in,
                o.bytes_out, o.duration_us, o.upstream_us, o.ended
            FROM audit_events d
            LEFT JOIN audit_events o ON o.request_id = d.request_id AND o.kind = 'outcome'
                AND NOT EXISTS (
                    SELECT 1 FROM audit_events n
                    WHERE n.request_id = o.request_id AND n.kind = 'outcome' AND n.rowid > o.rowid
                )
            WHERE d.kind = 'decision'
                AND NOT EXISTS (
                    SELECT 1 FROM audit_events n
                    WHERE n.request_id = d.request_id AND n.kind = 'decision' AND n.rowid > d.rowid
                );
        """,
        """
        ALTER TABLE audit_events ADD COLUMN arguments_sealed BLOB;
        CREATE INDEX audit_events_chain ON audit_events (writer, seq);
        CREATE TABLE audit_heads (
            writer TEXT NOT NULL,
            seq INTEGER NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('head', 'checkpoint')),
            at INTEGER NOT NULL,
            hash BLOB NOT NULL,
            signature BLOB NOT NULL,
            PRIMARY KEY (writer, seq, kind)
        ) STRICT, WITHOUT ROWID;
        DROP VIEW audit_requests;
        CREATE VIEW audit_requests AS
            SELECT d.event_id, d.request_id, d.at, d.writer, d.seq, d.route, d.principal_kind, d.principal, d.subject, d.decision,
                coalesce(d.reason, o.reason) AS reason, d.http_method, d.path, d.rpc_method, d.rpc_id, d.target,
                d.arguments_digest, d.session, d.protocol_version, d.token_name, d.token_version, d.assertion_kid,
                d.client_ip, d.cf_ray, o.at AS ended_at, o.status, o.upstream_status, o.rpc_error, o.bytes_in,
                o.bytes_out, o.duration_us, o.upstream_us, o.ended, d.arguments_sealed
            FROM audit_events d
            LEFT JOIN audit_events o ON o.request_id = d.request_id AND o.kind = 'outcome'
                AND NOT EXISTS (
                    SELECT 1 FROM audit_events n
                    WHERE n.request_id = o.request_id AND n.kind = 'outcome' AND n.rowid > o.rowid
                )
            WHERE d.kind = 'decision'
                AND NOT EXISTS (
                    SELECT 1 FROM audit_events n
                    WHERE n.request_id = d.request_id AND n.kind = 'decision' AND n.rowid > d.rowid
                );
        """,
        """
        ALTER TABLE audit_events ADD COLUMN rpc_position INTEGER;
        ALTER TABLE audit_events ADD COLUMN requests INTEGER;
        """,
        // SQLite changes no CHECK of a table that is there. Its text in the schema is put in place, as "Making Other Kinds Of Table Schema Changes" of
        // SQLite's ALTER TABLE describes: the other way copies every row.
        """
        ALTER TABLE audit_events ADD COLUMN change TEXT;
        ALTER TABLE audit_events ADD COLUMN token_owner TEXT;
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, 'kind IN (''decision'', ''outcome'')', 'kind IN (''decision'', ''outcome'', ''change'')')
            WHERE type = 'table' AND name = 'audit_events';
        PRAGMA writable_schema = RESET;
        """,
        """
        ALTER TABLE audit_events ADD COLUMN caller_groups TEXT;
        DROP VIEW audit_requests;
        \(view);
        """,
    ]

    /// One row a message: every decision, with the newest outcome of its request; and one row a change, which ends when it is made. By a subquery that is asked for each row, so that a query for the
    /// newest rows reads only those.
    static let messages = """
        SELECT d.event_id, d.request_id, d.at, d.writer, d.seq, d.route, d.principal_kind, d.principal, d.subject, d.decision,
            coalesce(d.reason, o.reason) AS reason, d.http_method, d.path, d.rpc_method, d.rpc_id, d.target,
            d.arguments_digest, d.session, d.protocol_version, d.token_name, d.token_version, d.assertion_kid,
            d.client_ip, d.cf_ray, o.at AS ended_at, o.status, o.upstream_status, o.rpc_error, o.bytes_in,
            o.bytes_out, o.duration_us, o.upstream_us, o.ended, d.arguments_sealed, d.rpc_position, d.requests,
            CASE d.kind WHEN 'change' THEN d.writer ELSE o.writer END AS ended_writer,
            CASE d.kind WHEN 'change' THEN d.seq ELSE o.seq END AS ended_seq, d.kind, d.change, d.token_owner,
            d.caller_groups
        FROM audit_events d
        LEFT JOIN audit_events o ON o.rowid = (
            SELECT n.rowid FROM audit_events n WHERE n.request_id = d.request_id AND n.kind = 'outcome'
            ORDER BY n.rowid DESC LIMIT 1
        )
        WHERE d.kind IN ('decision', 'change')
        """

    /// The view's text as SQLite stores it.
    static let view = "CREATE VIEW audit_requests AS \(messages)"

    static func columns(of table: String) -> [String] {
        table == "audit_events"
            ? AuditColumn.allCases.map(\.name) : ["writer", "seq", "kind", "at", "hash", "signature"]
    }

    /// Stores so many events of one writer, the parameter ``writerPlace``; the others are in the order of ``place(of:row:)``.
    static func insert(rows: Int) -> String {
        let names = AuditColumn.allCases.map(\.name).joined(separator: ", ")
        let values = (0..<rows).map { row in
            "(" + AuditColumn.allCases.map { "?\(place(of: $0, row: row))" }.joined(separator: ", ") + ")"
        }
        return "INSERT OR IGNORE INTO audit_events (\(names)) VALUES \(values.joined(separator: ", "))"
    }

    static let writerPlace: Int32 = 1

    /// The parameter of a column in a row of the statement, from 0.
    static func place(of column: AuditColumn, row: Int) -> Int32 {
        // Each row has a parameter for the writer that is never used, so that places need no table.
        column == .writer ? writerPlace : Int32(1 + row * AuditColumn.count + column.index + 1)
    }

    static let insertHead = """
        INSERT OR IGNORE INTO audit_heads (writer, seq, kind, at, hash, signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        """

    static func wrap(_ error: SQLiteError) -> AuditError {
        AuditError(.sinkFailed, "the audit database", underlying: error)
    }
}
