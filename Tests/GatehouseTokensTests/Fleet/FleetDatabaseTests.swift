import GatehouseCore
import GatehouseTestSupport
import PostgresClient
import Testing

@testable import GatehouseTokens

/// The tables by which instances know each other, in a real database.
@Suite(.needsPostgres) struct FleetInADatabase {
    private let fixture: PostgresStoreFixture

    init() async throws { fixture = try await PostgresStoreFixture() }

    private func database(_ keys: MasterKey..., url: String? = nil) throws -> FleetDatabase {
        let keyring = try MasterKeyring(keys.isEmpty ? [StoreFixture.oldKey] : keys)
        return FleetDatabase(url: Secret(url ?? fixture.url), keyring: keyring)
    }

    private func card(_ name: String, _ configuration: String = "c") -> InstanceCard {
        InstanceCard(
            id: "id-\(name)",
            name: name,
            version: "1",
            since: Timestamp(seconds: 5),
            configuration: configuration
        )
    }

    @Test func `instances that begin at once make one set of tables, and see each other`() async throws {
        let databases = try (0..<6).map { _ in try database() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, database) in databases.enumerated() {
                group.addTask { _ = try await database.report(self.card("i\(index)")) }
            }
            try await group.waitForAll()
        }
        let (seen, strangers) = try await databases[0].report(card("i0", "other"))
        #expect(seen.map(\.card.name) == (0..<6).map { "i\($0)" } && strangers == 0)
        #expect(seen[0].card.configuration == "other" && seen.allSatisfy { $0.age < .seconds(60) })
        try await databases[1].leave("id-i1")
        #expect(try await databases[0].report(card("i0")).instances.count == 5)
    }

    /// Tables of an older release, to which the new ones come while an instance of that release goes on.
    @Test func `an older release goes on beside the new tables`() async throws {
        let old = try fixture.store()
        try await old.set(.coda, "one")
        _ = try await database().report(card("new"))
        try await old.rotate(.coda, "two")
        #expect(try await fixture.store().value(of: .coda).secret.text == "two")
        let versions = try await fixture.sql("SELECT component, version FROM schema_versions ORDER BY 1")
        #expect(try versions?.map { row in try row.text(0) } == ["fleet", "tokens"])
        // A newer release's tables are not touched.
        try await fixture.sql("UPDATE schema_versions SET version = 99 WHERE component = 'fleet'")
        #expect(await code { _ = try await self.database().report(self.card("new")) } == .schemaTooNew)
        try await old.rotate(.coda, "three")
    }

    @Test func `rows of another hand take nobody down, and one that says nothing is forgotten`() async throws {
        let database = try database()
        _ = try await database.report(card("one"))
        try await fixture.sql(
            """
            INSERT INTO instances SELECT 'junk' || n, repeat('x', 100000), '', 9223372036854775807, 'c', '\\x00', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM generate_series(1, 50) n;
            INSERT INTO instances VALUES ('min', '', '', -9223372036854775808, '', '\\x00', -9223372036854775808);
            INSERT INTO instances VALUES ('max', '', '', 0, '', '\\x00', 9223372036854775807);
            INSERT INTO instances SELECT 'copy', name, version, since, configuration, seal, seen_at FROM instances WHERE id = 'id-one';
            INSERT INTO instances SELECT 'id-old', 'old', '1', 5, 'c', '\\x00', 1
            """
        )
        let (seen, strangers) = try await database.report(card("one"))
        #expect(seen.map(\.card.name) == ["one"] && strangers == 51)
        let ids = try await fixture.sql("SELECT count(*) FROM instances WHERE id IN ('min', 'max', 'id-old')")
        #expect(try ids?[0].int(0) == 0)
        // Under another master key it is no row of the fleet's; under a ring that has both it is.
        #expect(try await self.database(StoreFixture.newKey).report(card("two")).instances.map(\.card.name) == ["two"])
        let both = try self.database(StoreFixture.newKey, StoreFixture.oldKey)
        #expect(try await both.report(card("two")).instances.map(\.card.name) == ["one", "two"])
    }

    @Test func `sums are exchanged, and rows of another hand take nobody down`() async throws {
        let (one, two) = (try database(), try database())
        #expect(one.ratesKey == two.ratesKey)
        #expect(try await one.exchange([], of: "one").others.isEmpty)
        _ = try await one.exchange([(5, 100), (.max, 7)], of: "one")
        let (others, now) = try await two.exchange([(5, 1)], of: "two")
        #expect(others.map(\.spent).sorted() == [7, 100] && others.contains { $0.owner == .max })
        #expect(others.allSatisfy { $0.instance == "one" && $0.madeAt <= now })
        _ = try await one.exchange([(5, 150)], of: "one")
        let again = try await two.exchange([], of: "two").others
        #expect(again.first { $0.owner == 5 }?.spent == 150)
        #expect(again.first { $0.owner == 5 }?.madeAt == others.first { $0.owner == 5 }?.madeAt)
        try await fixture.sql(
            """
            INSERT INTO rate_spending SELECT 'junk', n, 9223372036854775807, -1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM generate_series(1, 30000) n;
            INSERT INTO rate_spending VALUES (repeat('x', 100000), 1, 1, 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
            INSERT INTO rate_spending VALUES ('min', 1, 1, 1, -9223372036854775808);
            INSERT INTO rate_spending VALUES ('max', 1, 1, 1, 9223372036854775807)
            """
        )
        #expect(try await two.exchange([(6, 2)], of: "two").others.count <= FleetDatabase.maximumSpending)
        #expect(
            try await fixture.sql("SELECT count(*) FROM rate_spending WHERE instance IN ('min', 'max')")?[0].int(0) == 0
        )
    }

    @Test func `a server that restarts is found again`() async throws {
        let database = try database()
        _ = try await database.report(card("one"))
        try await fixture.sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        #expect(await code { _ = try await database.report(self.card("one")) } == .unavailable)
        #expect(try await database.report(card("one")).instances.count == 1)
    }

    @Test(.enabled(if: Pooler.isInstalled)) func `all of it works behind a pooler in transaction mode`() async throws {
        let pooler = try await Pooler(to: fixture.url, mode: "transaction", size: 1)
        let (one, two) = (try database(url: pooler.url), try database(url: pooler.url))
        _ = try await one.report(card("one"))
        #expect(try await two.report(card("two")).instances.count == 2)
        _ = try await one.exchange([(1, 10)], of: "one")
        #expect(try await two.exchange([], of: "two").others.count == 1)
        let plain = try await PostgresConnection.open(PostgresOptions(url: pooler.url))
        #expect(try await plain.query("SHOW search_path")[0].text(0) == "\"$user\", public")
    }
}
