internal import PostgresClient

/// The schema in which the audit's tables are.
///
/// It is looked for once for each session, and every statement names it. Left to `search_path`, a user named `gatehouse` would find the tables in
/// `public` until the tokens' schema of that name is made, and from then on make new ones there. A path that is set for the session does not
/// suffice: behind a pooler in transaction mode the next statement may meet another session.
struct PostgresPlace: Sendable {
    /// Quoted by the server.
    let schema: String
    /// Other schemas of the user's path that have such tables too: what another release, or the path, has split.
    let others: [String]
    /// The statements that every batch needs: to put the schema into their text takes longer than to store an event.
    let insert: String
    let firstInsert: String

    private init(schema: String, others: [String]) {
        self.schema = schema
        self.others = others
        insert = Self.qualified(PostgresSchema.insert, schema)
        firstInsert = Self.qualified(PostgresSchema.firstInsert, schema)
    }

    /// Finds the schema in which the session's tables are, or the first schema of the user's `search_path` in which they can be made.
    static func enter(_ session: PostgresSession) throws(PostgresError) -> PostgresPlace {
        // Where tables are in two schemas, the one that is not named like the user holds the older ones. New tables are not made in the tokens'
        // schema while another one is usable.
        let found = try session.query(
            """
            SELECT s.name::pg_catalog.text, pg_catalog.quote_ident(s.name), t.is_there
            FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s (name, place),
                LATERAL (SELECT pg_catalog.to_regclass(pg_catalog.format('%I.audit_events', s.name)) IS NOT NULL) t (is_there)
            ORDER BY NOT t.is_there, t.is_there AND s.name = CURRENT_USER,
                NOT pg_catalog.has_schema_privilege(s.name::pg_catalog.text, 'CREATE'), s.name = 'gatehouse', s.place
            """
        )
        guard let first = found.first else {
            throw PostgresError(.unexpectedResult, "the database user's search_path names no schema that there is")
        }
        try session.settle(in: try first.text(0))
        var others: [String] = []
        for row in found.dropFirst() where try row.bool(2) { others.append(try row.text(1)) }
        return PostgresPlace(schema: try first.text(1), others: others)
    }

    /// The names of the audit's objects in its schema.
    private static let names = ["audit_events", "audit_heads", "audit_make_partition", "schema_versions"]

    /// The statement with its schema before each name of the audit's. Ours are written with a space before such a name, and values are bound.
    func qualified(_ sql: String) -> String { Self.qualified(sql, schema) }

    private static func qualified(_ sql: String, _ schema: String) -> String {
        names.reduce(sql) { $0.replacing(" \($1)", with: " \(schema).\($1)") }
    }
}
