import Foundation
import GatehouseTestSupport
import PostgresClient
import Testing

@Suite("Behind a pooler", .needsDatabase, .needsPooler)
struct PoolerTests {
    private func pooler(_ mode: String, size: Int = 4) async throws -> Pooler {
        try await Pooler(to: try #require(Database.url), mode: mode, size: size)
    }

    private func setting(_ name: String, _ connection: PostgresConnection) async throws -> String {
        try await connection.query("SELECT current_setting($1)", [.text(name)])[0].text(0)
    }

    @Test func `a pooler and how it shares is known`() async throws {
        let direct = PostgresOptions(url: try #require(Database.url))
        #expect(try await PostgresPooling.look(direct) == .none)
        for mode in ["session", "transaction"] {
            let pooler = try await pooler(mode)
            #expect(try await PostgresPooling.look(PostgresOptions(url: pooler.url)).rawValue == mode)
        }
    }

    @Test func `a pool of one connection is enough for transactions`() async throws {
        let pooler = try await pooler("transaction", size: 1)
        #expect(try await PostgresPooling.look(PostgresOptions(url: pooler.url)) == .transaction)
    }

    @Test(arguments: ["transaction", "session"])
    func `what one client sets no other meets`(mode: String) async throws {
        let pooler = try await pooler(mode, size: mode == "transaction" ? 1 : 4)
        let short = PostgresOptions(url: pooler.url, statementTimeout: .milliseconds(1500))
        let one = try await PostgresConnection.open(short)
        try await one.run { session throws(PostgresError) in
            try session.settle(in: "somewhere")
            try session.set("jit", to: "off")
        }
        #expect(try await setting("search_path", one) == "somewhere, pg_temp")
        #expect(try await setting("statement_timeout", one) == "1500ms")
        #expect(try await setting("jit", one) == "off")
        let other = try await PostgresConnection.open(PostgresOptions(url: pooler.url))
        #expect(try await setting("search_path", other) == "\"$user\", public")
        #expect(try await setting("statement_timeout", other) == "30s")
        #expect(try await setting("jit", other) == "on")
        // And the first still has its own.
        #expect(try await setting("search_path", one) == "somewhere, pg_temp")
    }

    @Test func `settings hold in transactions and batches, and a slow statement ends`() async throws {
        let pooler = try await pooler("transaction")
        let options = PostgresOptions(url: pooler.url, statementTimeout: .milliseconds(300))
        let connection = try await PostgresConnection.open(options)
        try await connection.run { session throws(PostgresError) in try session.settle(in: "somewhere") }
        let inside = try await connection.transaction { session throws(PostgresError) in
            try session.query("SELECT 1")
            return try session.query("SHOW search_path")[0].text(0)
        }
        #expect(inside == "somewhere, pg_temp")
        let batch = try await connection.batch([PostgresStatement("SELECT 7"), PostgresStatement("SHOW search_path")])
        #expect(batch.count == 2)
        #expect(try batch[1][0].text(0) == "somewhere, pg_temp")
        let slow = await failure { () async throws(PostgresError) in try await connection.query("SELECT pg_sleep(30)") }
        #expect(slow?.code == .timeout && slow?.sqlState == "57014")
        // The connection is as good as before, also after a refused statement.
        let wrong = await failure { () async throws(PostgresError) in
            try await connection.query("SELECT 1/$1::int", ["0"])
        }
        #expect(wrong?.sqlState == "22012")
        #expect(try await connection.query("SELECT 1")[0].int(0) == 1)
    }

    @Test func `a pool that has no connection left says so within the time to connect`() async throws {
        let pooler = try await pooler("transaction", size: 1)
        let one = try await PostgresConnection.open(PostgresOptions(url: pooler.url))
        let held = Task {
            try await one.transaction { session throws(PostgresError) in _ = try session.query("SELECT pg_sleep(25)") }
        }
        defer { held.cancel() }
        try await Polling.until("the transaction") {
            let direct = try await Database.open()
            return try await direct.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(25)%'")
                .count
                > 0
        }
        var options = PostgresOptions(url: pooler.url)
        options.connectTimeout = .milliseconds(500)
        let began = ContinuousClock.now
        let refused = await failure { () async throws(PostgresError) in try await PostgresConnection.open(options) }
        #expect(refused?.code == .timeout && ContinuousClock.now - began < .seconds(3))
    }
}

extension Trait where Self == ConditionTrait {
    static var needsPooler: Self {
        .enabled(if: Pooler.isInstalled, "pgbouncer is not installed; deploy/test.sh installs it")
    }
}
