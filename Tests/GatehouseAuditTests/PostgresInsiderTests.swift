import GatehouseCore
import PostgresClient
import Testing

@testable import GatehouseAudit

/// Plays those who have a role of the database and want more than it gives.
@Suite(
    .enabled(if: AuditDatabase.server != nil, "GATEHOUSE_TEST_POSTGRES names no database; deploy/test.sh starts one")
)
struct PostgresInsiderTests {
    /// The tables as the first release made them.
    private func released(_ database: AuditDatabase) throws {
        let session = try database.session()
        try session.migrate(PostgresSchema.component, through: [PostgresSchema.scripts[0]])
    }

    /// Makes the partition function, which runs as the owner, resolve names of the caller's own.
    ///
    /// - Returns: whether code of the attacker ran as another user.
    private func becomesOwner(_ url: String) throws -> Bool {
        let attacker = try PostgresSession(PostgresOptions(url: url))
        let loot = "pg_temp.loot"
        try attacker.query("CREATE TEMPORARY TABLE loot (who pg_catalog.text)")
        try attacker.query("GRANT ALL ON \(loot) TO PUBLIC")
        try attacker.query(
            """
            CREATE FUNCTION pg_temp.take(value anyelement) RETURNS pg_catalog.bool LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO pg_temp.loot VALUES (current_user::pg_catalog.text); RETURN true; END $$
            """
        )
        for type in ["text", "timestamp", "timestamptz", "bool", "boolean"] {
            _ = try? attacker.query(
                "CREATE DOMAIN pg_temp.\"\(type)\" AS pg_catalog.\(type == "boolean" ? "bool" : type) CHECK (pg_temp.take(VALUE))"
            )
        }
        for time in ["2026-01-01T00:00:00Z", "\(SystemClock().now().rfc3339)"] {
            _ = try? attacker.query(
                "SELECT public.audit_make_partition($1::pg_catalog.timestamptz)",
                [.text(time)]
            )
        }
        let others = try attacker.query(
            "SELECT pg_catalog.count(*) FROM pg_temp.loot WHERE who <> current_user::pg_catalog.text"
        )
        return try others[0].int(0) > 0
    }

    @Test func `the documented role to insert does not become the owner of the tables`() throws {
        let database = try AuditDatabase()
        try PostgresSink(url: database.url).prepare()
        #expect(try !becomesOwner(database.insertOnlyURL()))
    }

    /// The effect of the attack above depends on the server's version; the installed function does not.
    private func expectHardened(_ database: AuditDatabase) throws {
        let functions = try database.session().query(
            """
            SELECT proname::text, array_to_string(proconfig, '; ') FROM pg_catalog.pg_proc
            WHERE prosecdef AND pronamespace = 'public'::regnamespace
            """
        )
        #expect(try functions.map { row throws(PostgresError) in try row.text(0) } == ["audit_make_partition"])
        #expect(try functions[0].text(1) == "search_path=pg_catalog, public, pg_temp; lock_timeout=2s")
    }

    @Test func `every function with its owner's rights, and a session, looks into temporary tables last`() throws {
        let database = try AuditDatabase()
        try PostgresSink(url: database.url).prepare()
        try expectHardened(database)
        let session = try database.session()
        try PostgresSchema.open(session)
        #expect(try session.query("SHOW search_path")[0].text(0) == "public, pg_temp")
    }

    @Test
    func `tables of the first release are mended by their owner, and the role goes on inserting before and after`()
        throws
    {
        let database = try AuditDatabase()
        try released(database)
        let url = try database.insertOnlyURL()
        #expect(try becomesOwner(url), "the test finds the hole where it is")
        // The role cannot mend it, and is not stopped by that.
        try PostgresSink(url: url).prepare()
        #expect(try database.session().schemaVersion(of: PostgresSchema.component) == 1)
        _ = try EventDatabase.postgres(url: database.url).pruning()
        #expect(try database.session().schemaVersion(of: PostgresSchema.component) == PostgresSchema.scripts.count)
        #expect(try !becomesOwner(url))
        try expectHardened(database)
        try PostgresSink(url: url).prepare()
        let writer = try PostgresSession(PostgresOptions(url: url))
        let made = try writer.query("SELECT audit_make_partition(now())")
        #expect(try made[0].bool(0))
        let month = SystemClock().now().rfc3339.prefix(7).replacing("-", with: "_")
        let table = try database.session().query("SELECT to_regclass('public.audit_events_\(month)') IS NOT NULL")
        #expect(try table[0].bool(0))
    }

    @Test func `a role that holds advisory locks keeps nobody from a partition`() throws {
        let database = try AuditDatabase()
        try PostgresSink(url: database.url).prepare()
        let url = try database.insertOnlyURL()
        let attacker = try PostgresSession(PostgresOptions(url: url))
        try attacker.query("SELECT pg_advisory_lock(7449363237539247475)")
        let made = try PostgresSession(PostgresOptions(url: url, statementTimeout: .seconds(5)))
            .query("SELECT audit_make_partition(now())")
        #expect(try made[0].bool(0))
    }

    @Test func `a schema called like the user does not split the audit`() throws {
        let database = try AuditDatabase()
        let session = try database.session()
        let user = try session.query("SELECT quote_ident(current_user)")[0].text(0)
        try PostgresSink(url: database.url).prepare()
        try session.query("CREATE SCHEMA \(user)")
        try PostgresSink(url: database.url).prepare()
        func places() throws -> [String] {
            try session.query(
                """
                SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relname = 'audit_events' ORDER BY 1
                """
            ).map { row throws(PostgresError) in try row.text(0) }
        }
        #expect(try places() == ["public"])
        // Where the schemas were split already, every session goes on in the older part.
        let split = try database.session()
        try split.settle(in: try session.query("SELECT current_user::text")[0].text(0))
        try split.migrate(PostgresSchema.component, through: PostgresSchema.scripts)
        #expect(try places().count == 2)
        let opened = try database.session()
        try PostgresSchema.open(opened)
        #expect(try opened.query("SELECT current_schema()::text")[0].text(0) == "public")
    }

    @Test func `tables that only the user's own schema has are found there`() throws {
        let database = try AuditDatabase()
        let session = try database.session()
        try session.query("CREATE SCHEMA \(session.query("SELECT quote_ident(current_user)")[0].text(0))")
        try session.migrate(PostgresSchema.component, through: [PostgresSchema.scripts[0]])
        let opened = try database.session()
        try PostgresSchema.open(opened)
        #expect(try opened.query("SELECT current_schema() = current_user")[0].bool(0))
        #expect(try opened.schemaVersion(of: PostgresSchema.component) == PostgresSchema.scripts.count)
    }

    @Test func `a newer schema is called that to a user who may change nothing, too`() throws {
        let database = try AuditDatabase()
        try PostgresSink(url: database.url).prepare()
        try database.session().query("UPDATE schema_versions SET version = 99")
        let writer = try PostgresSession(PostgresOptions(url: try database.insertOnlyURL()))
        let error = #expect(throws: PostgresError.self) { try PostgresSchema.open(writer) }
        #expect(error?.code == .schemaTooNew)
    }
}
