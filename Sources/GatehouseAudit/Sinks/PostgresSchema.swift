internal import GatehouseCore
internal import PostgresClient

/// The audit tables in PostgreSQL: `audit_events` in monthly partitions.
///
/// A unique key of a partitioned table has the column it is partitioned by, so the key is `(event_id, at)`. That is as unique as `event_id`
/// alone: an id is made of the very `at` of its event, and an event that comes again comes with both.
enum PostgresSchema {
    static let component = "audit"

    /// Released scripts never change; new columns come with new scripts.
    static let scripts = [
        [
            """
            CREATE TABLE audit_events (
                event_id uuid NOT NULL, request_id text NOT NULL,
                kind text NOT NULL CHECK (kind IN ('decision', 'outcome')),
                at timestamptz NOT NULL, writer text NOT NULL, seq bigint NOT NULL, prev_hash bytea, hash bytea,
                route text, principal_kind text, principal text, subject text, decision text, reason text,
                http_method text, path text, rpc_method text, rpc_id text, target text, arguments_digest text,
                session text, protocol_version text, token_name text, token_version bigint, assertion_kid text,
                client_ip text, cf_ray text, status bigint, upstream_status bigint, rpc_error text, bytes_in bigint,
                bytes_out bigint, duration_us bigint, upstream_us bigint, ended text, arguments_sealed bytea,
                PRIMARY KEY (event_id, at)
            ) PARTITION BY RANGE (at)
            """,
            // Takes what no month has been made for, so that an event always finds its place.
            "CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT",
            "CREATE INDEX audit_events_request ON audit_events (request_id)",
            "CREATE INDEX audit_events_at ON audit_events (at)",
            "CREATE INDEX audit_events_chain ON audit_events (writer, seq)",
            """
            CREATE TABLE audit_heads (
                writer text NOT NULL, seq bigint NOT NULL, kind text NOT NULL CHECK (kind IN ('head', 'checkpoint')),
                at timestamptz NOT NULL, hash bytea NOT NULL, signature bytea NOT NULL,
                PRIMARY KEY (writer, seq, kind)
            )
            """,
            // Subqueries that are evaluated for each row let a query for the newest rows read only those.
            """
            CREATE VIEW audit_requests AS
                SELECT d.event_id, d.request_id, d.at, d.writer, d.seq, d.route, d.principal_kind, d.principal,
                    d.subject, d.decision, coalesce(d.reason, o.reason) AS reason, d.http_method, d.path, d.rpc_method,
                    d.rpc_id, d.target, d.arguments_digest, d.session, d.protocol_version, d.token_name,
                    d.token_version, d.assertion_kid, d.client_ip, d.cf_ray, o.at AS ended_at, o.status,
                    o.upstream_status, o.rpc_error, o.bytes_in, o.bytes_out, o.duration_us, o.upstream_us, o.ended,
                    d.arguments_sealed
                FROM audit_events d
                LEFT JOIN LATERAL (
                    SELECT * FROM audit_events n WHERE n.request_id = d.request_id AND n.kind = 'outcome'
                    ORDER BY n.at DESC, n.event_id DESC LIMIT 1
                ) o ON true
                WHERE d.kind = 'decision'
                    AND d.event_id = (
                        SELECT n.event_id FROM audit_events n WHERE n.request_id = d.request_id AND n.kind = 'decision'
                        ORDER BY n.at DESC, n.event_id DESC LIMIT 1
                    )
            """,
            // With the rights of the tables' owner, so that a user who may only INSERT still gets a partition for a new month; for
            // months around now alone, so that it is good for nothing else.
            """
            CREATE FUNCTION audit_make_partition(wanted timestamptz) RETURNS boolean
            LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
            DECLARE
                month timestamp := date_trunc('month', wanted AT TIME ZONE 'UTC');
                name text := 'audit_events_' || to_char(month, 'YYYY_MM');
            BEGIN
                IF to_regclass(name) IS NOT NULL THEN RETURN true; END IF;
                IF abs(extract(epoch FROM wanted - now())) > 40 * 86400 THEN RETURN false; END IF;
                PERFORM pg_advisory_xact_lock(7449363237539247475);
                EXECUTE format(
                    'CREATE TABLE IF NOT EXISTS %I PARTITION OF audit_events FOR VALUES FROM (%L) TO (%L)',
                    name, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC'
                );
                RETURN true;
            EXCEPTION
                -- The month has begun in the default partition: there it goes on.
                WHEN check_violation THEN RETURN false;
            END
            $$
            """,
            "REVOKE EXECUTE ON FUNCTION audit_make_partition(timestamptz) FROM PUBLIC",
        ],
        [PostgresPartitions.hardened],
        ["ALTER TABLE audit_events ADD COLUMN rpc_position bigint, ADD COLUMN requests bigint"],
        [
            "ALTER TABLE audit_events ADD COLUMN change text, ADD COLUMN token_owner text",
            "ALTER TABLE audit_events DROP CONSTRAINT audit_events_kind_check",
            // Not validated: the rows that are there have kept the narrower one, and reading them all would lock the table meanwhile.
            """
            ALTER TABLE audit_events ADD CONSTRAINT audit_events_kind_check
                CHECK (kind IN ('decision', 'outcome', 'change')) NOT VALID
            """,
        ],
        [
            "ALTER TABLE audit_events ADD COLUMN caller_groups text",
            // Replaced and not dropped, so that the rights to it stay: new columns come last.
            "CREATE OR REPLACE VIEW audit_requests AS \(messages)",
        ],
    ]
    /// A gateway that may only insert goes on with the first schema until the tables' owner brings it up to date.
    static let oldestUsable = 1

    /// Opens the tables on a session that has just been connected, and makes them or brings them up to date where the user may.
    @discardableResult
    static func open(_ session: PostgresSession) throws(PostgresError) -> PostgresPlace {
        let place = try PostgresPlace.enter(session)
        try session.migrate(component, through: scripts, usableFrom: oldestUsable)
        return place
    }

    /// One row a message: every decision, with the newest outcome of its request; and one row a change, which ends when it is made. By a subquery that is asked for each row, so that a query for the
    /// newest rows reads only those.
    static let messages = """
        SELECT d.event_id, d.request_id, d.at, d.writer, d.seq, d.route, d.principal_kind, d.principal,
            d.subject, d.decision, coalesce(d.reason, o.reason) AS reason, d.http_method, d.path, d.rpc_method,
            d.rpc_id, d.target, d.arguments_digest, d.session, d.protocol_version, d.token_name,
            d.token_version, d.assertion_kid, d.client_ip, d.cf_ray, o.at AS ended_at, o.status,
            o.upstream_status, o.rpc_error, o.bytes_in, o.bytes_out, o.duration_us, o.upstream_us, o.ended,
            d.arguments_sealed, d.rpc_position, d.requests,
            CASE d.kind WHEN 'change' THEN d.writer ELSE o.writer END AS ended_writer,
            CASE d.kind WHEN 'change' THEN d.seq ELSE o.seq END AS ended_seq, d.kind, d.change, d.token_owner, d.caller_groups
        FROM audit_events d
        LEFT JOIN LATERAL (
            SELECT * FROM audit_events n WHERE n.request_id = d.request_id AND n.kind = 'outcome'
            ORDER BY n.at DESC, n.event_id DESC LIMIT 1
        ) o ON true
        WHERE d.kind IN ('decision', 'change')
        """

    /// The type in which a column is sent, as an array.
    static func type(of column: AuditColumn) -> PostgresArray.ElementType {
        switch column {
        case .eventID: .uuid
        case .at: .timestamptz
        case _:
            switch column.shape {
            case .text: .text
            case .integer: .bigint
            case .hash, .sealed: .bytea
            case .time: .timestamptz
            }
        }
    }

    /// One statement for a whole batch. Without a conflict target, so that the right to INSERT is enough.
    static let insert = insert(AuditColumn.allCases)

    /// The same statement for events that have no value in the columns added after the first release: a gateway may meet tables that their owner has
    /// not migrated yet. An event with such a value stays in the spool.
    static let firstInsert = insert(AuditColumn.firstRelease)

    private static func insert(_ columns: [AuditColumn]) -> String {
        let names = columns.map(\.name).joined(separator: ", ")
        let arrays = columns.enumerated().map { "$\($0.offset + 1)::\(type(of: $0.element).name)[]" }.joined(
            separator: ", "
        )
        return "INSERT INTO audit_events (\(names)) SELECT * FROM unnest(\(arrays)) ON CONFLICT DO NOTHING"
    }

    static let insertHead = """
        INSERT INTO audit_heads (writer, seq, kind, at, hash, signature)
        VALUES ($1, $2, $3, $4::timestamptz, $5, $6) ON CONFLICT DO NOTHING
        """

    static func insert(_ head: AuditHead, in place: PostgresPlace) -> PostgresStatement {
        PostgresStatement(
            place.qualified(insertHead),
            [
                .text(head.writer), .int(head.sequence), .text(head.kind.rawValue), .text(head.at.rfc3339),
                .bytes(head.hash), .bytes(head.signature),
            ]
        )
    }

    static func wrap(_ error: PostgresError) -> AuditError {
        AuditError(.sinkFailed, "the audit database", underlying: error, source: .upstream)
    }
}
