internal import PostgresClient

/// Events in tables of a second schema. Release 0.1.0 left the schema to the user's `search_path`: with a user named `gatehouse` the tables made
/// before the tokens' schema are in `public`, and those made after a restart in `gatehouse`.
enum PostgresSplit {
    /// Events moved in one step.
    private static let step = 2000

    /// A description of the trouble, for people; nil when all events are in one schema. A second schema that may not be read counts as trouble.
    static func trouble(_ place: PostgresPlace, _ session: PostgresSession) throws(PostgresError) -> String? {
        for other in place.others {
            do throws(PostgresError) {
                let found = try session.query("SELECT 1 FROM \(other).audit_events LIMIT 1")
                if found.isEmpty { continue }
            } catch {
                guard error.sqlState == "42501" else { throw error }
            }
            return """
                audit events stand in two schemas, \(place.schema) and \(other): `gatehouse audit prune`, by the owner of both, brings \
                them together
                """
        }
        return nil
    }

    /// Moves the events and heads of the second schema to the first, where the user owns both. The tables stay, for an instance of the release
    /// before that may still store there.
    ///
    /// - Returns: how many events there were.
    static func join(_ place: PostgresPlace, _ session: PostgresSession) throws(PostgresError) -> Int {
        var moved = 0
        for other in place.others where try isOwner(of: [place.schema, other], session) {
            if try session.query("SELECT 1 FROM \(other).audit_events LIMIT 1").isEmpty { continue }
            // So that the events of this month do not go to the default partition, where the month would then stay.
            try session.query(
                place.qualified(
                    """
                    SELECT audit_make_partition(m) FROM (SELECT DISTINCT date_trunc('month', at) m FROM \(other).audit_events) x
                    """
                )
            )
            let columns = try session.query(
                """
                SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
                """,
                [.text("\(other).audit_events")]
            )[0].text(0)
            while true {
                let count = try session.query(
                    """
                    WITH old AS (
                        DELETE FROM \(other).audit_events e
                        USING (SELECT event_id, at FROM \(other).audit_events LIMIT \(step)) o
                        WHERE e.event_id = o.event_id AND e.at = o.at RETURNING e.*
                    ), new AS (
                        INSERT INTO \(place.schema).audit_events (\(columns)) SELECT \(columns) FROM old ON CONFLICT DO NOTHING
                    ) SELECT count(*) FROM old
                    """
                )[0].int(0)
                if count == 0 { break }
                moved += Int(count)
            }
            try session.query(
                """
                INSERT INTO \(place.schema).audit_heads (writer, seq, kind, at, hash, signature)
                SELECT writer, seq, kind, at, hash, signature FROM \(other).audit_heads ON CONFLICT DO NOTHING
                """
            )
        }
        return moved
    }

    private static func isOwner(of schemas: [String], _ session: PostgresSession) throws(PostgresError) -> Bool {
        for schema in schemas {
            let rows = try session.query(
                "SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = $1::regclass",
                [.text("\(schema).audit_events")]
            )
            guard try rows.first?.bool(0) ?? false else { return false }
        }
        return true
    }
}
