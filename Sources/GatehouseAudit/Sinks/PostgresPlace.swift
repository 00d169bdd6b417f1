internal import PostgresClient

/// The schema in which the audit's tables are.
///
/// It is looked for once for each session, which then knows no other. Left to `search_path` alone, a user named `gatehouse` would find them in
/// `public` until the tokens' schema of that name is made, and from then on make new ones there.
enum PostgresPlace {
    /// Has the session find the tables where they are, or make them where the user's `search_path` first lets it.
    static func enter(_ session: PostgresSession) throws(PostgresError) {
        // Where tables are in two schemas, the one that is not called like the user holds the older ones. New ones are not made among the
        // tokens' while there is another place.
        let found = try session.query(
            """
            SELECT s.name::pg_catalog.text
            FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s (name, place),
                LATERAL (SELECT pg_catalog.to_regclass(pg_catalog.format('%I.audit_events', s.name)) IS NOT NULL) t (is_there)
            ORDER BY NOT t.is_there, t.is_there AND s.name = CURRENT_USER,
                NOT pg_catalog.has_schema_privilege(s.name::pg_catalog.text, 'CREATE'), s.name = 'gatehouse', s.place
            LIMIT 1
            """
        )
        if let schema = found.first { try session.settle(in: try schema.text(0)) }
    }
}
