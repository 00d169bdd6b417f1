import PostgresClient
import Testing

@Suite("One connection to PostgreSQL", .needsDatabase, .timeLimit(.minutes(1)))
struct PostgresConnectionTests {
    @Test func `values come back as they went`() async throws {
        let connection = try await Database.open()
        let bytes = (0...255).map { UInt8($0) }
        let rows = try await connection.query(
            "SELECT $1::text, $2::bigint, $3::boolean, $4::bytea, $5::text, $6::bytea",
            [.text("grüß dich, 世界 '\"\\"), .int(.min), .bool(true), .bytes(bytes), .null, .bytes([])]
        )
        let row = try #require(rows.first)
        #expect(try row.text(0) == "grüß dich, 世界 '\"\\")
        #expect(try row.int(1) == .min)
        #expect(try row.bool(2))
        #expect(try row.bytes(3) == bytes)
        #expect(try row.isNull(4))
        #expect(try row.bytes(5) == [])
        #expect(rows.count == 1)
    }

    @Test func `a password with characters that are structure of a URL is sent as it is when it is percent-encoded`()
        async throws
    {
        let connection = try await Database.open()
        let role = "gatehouse_\(UInt32.random(in: 0...UInt32.max))"
        _ = try await connection.query("CREATE ROLE \(role) LOGIN PASSWORD 'a@b/c%41 d:e?f#g'")
        let url = try #require(Database.url)
        let server = try #require(url.split(separator: "@").last)
        let options = PostgresOptions(
            url: "postgres://\(role):a%40b%2Fc%2541%20d%3Ae%3Ff%23g@\(server)",
            connectTimeout: .seconds(20)
        )
        let second = try await PostgresConnection.open(options)
        #expect(try await second.query("SELECT session_user::text").first?.text(0) == role)
        _ = try await connection.query("DROP ROLE \(role)")
    }

    @Test func `reading a column as what it is not is an error and no trap`() async throws {
        let connection = try await Database.open()
        let rows = try await connection.query("SELECT 'words' AS words, NULL")
        let row = try #require(rows.first)
        #expect(rows.columnNames == ["words", "?column?"])
        #expect(await failure { () throws(PostgresError) in try row.int(0) }?.code == .unexpectedResult)
        #expect(await failure { () throws(PostgresError) in try row.bool(0) }?.code == .unexpectedResult)
        #expect(await failure { () throws(PostgresError) in try row.text(1) }?.code == .unexpectedResult)
        #expect(await failure { () throws(PostgresError) in try row.text(2) }?.code == .unexpectedResult)
        #expect(await failure { () throws(PostgresError) in try row.text(-1) }?.code == .unexpectedResult)
    }

    @Test func `a refused statement tells its state and constraint, and no value`() async throws {
        let connection = try await Database.open()
        try await connection.query("CREATE TEMP TABLE tokens (name text CONSTRAINT one_name PRIMARY KEY)")
        try await connection.query("INSERT INTO tokens VALUES ($1)", ["s3cret"])
        let error = try #require(
            await failure { () throws(PostgresError) in
                try await connection.query("INSERT INTO tokens VALUES ($1)", ["s3cret"])
            }
        )
        #expect(error.code == .statementFailed)
        #expect(error.sqlState == "23505")
        #expect(error.isUniqueViolation)
        #expect(error.message.contains("one_name"))
        #expect(!"\(error) \(String(reflecting: error))".contains("s3cret"))
        let cast = await failure { () throws(PostgresError) in try await connection.query("SELECT $1::int", ["s3cret"])
        }
        #expect(cast?.sqlState == "22P02")
        #expect(cast?.message.contains("s3cret") == false)
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test func `a text with NUL is refused before it is sent`() async throws {
        let connection = try await Database.open()
        let value = await failure { () throws(PostgresError) in try await connection.query("SELECT $1::text", ["a\0b"])
        }
        #expect(value?.code == .invalidParameter)
        let sql = await failure { () throws(PostgresError) in try await connection.query("SELECT 1\0; DROP TABLE x") }
        #expect(sql?.code == .invalidParameter)
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test func `COPY and several statements in one string are refused`() async throws {
        let connection = try await Database.open()
        let two = await failure { () throws(PostgresError) in try await connection.query("SELECT 1; SELECT 2") }
        #expect(two?.sqlState == "42601")
        let copy = await failure { () throws(PostgresError) in try await connection.query("COPY pg_class TO STDOUT") }
        #expect(copy?.code == .statementFailed)
        #expect(await !connection.isOpen)
    }

    @Test func `a batch is one transaction, and the connection serves on after one that failed`() async throws {
        let connection = try await Database.open()
        try await connection.query("CREATE TEMP TABLE rows (number bigint PRIMARY KEY, payload bytea)")
        let payload = [UInt8](repeating: 7, count: 20_000)
        // More than the socket's buffers hold in either direction.
        let inserts = (0..<500).map { number in
            PostgresStatement(
                "INSERT INTO rows VALUES ($1, $2) RETURNING payload",
                [.int(Int64(number)), .bytes(payload)]
            )
        }
        let results = try await connection.batch(inserts)
        #expect(results.count == 500)
        #expect(try results.last?.first?.bytes(0) == payload)
        #expect(results.allSatisfy { $0.affectedCount == 1 })
        let bad = [PostgresStatement("INSERT INTO rows VALUES (1000)"), inserts[0], PostgresStatement("SELECT 1")]
        let error = await failure { () throws(PostgresError) in try await connection.batch(bad) }
        #expect(error?.isUniqueViolation == true)
        #expect(try await connection.query("SELECT count(*) FROM rows").first?.int(0) == 500)
        #expect(try await connection.batch([]).isEmpty)
        let tooMany = Array(repeating: PostgresStatement("SELECT 1"), count: PostgresSession.maximumBatch + 1)
        #expect(
            await failure { () throws(PostgresError) in try await connection.batch(tooMany) }?.code == .invalidParameter
        )
    }

    @Test func `a transaction commits as a whole or not at all`() async throws {
        let connection = try await Database.open()
        try await connection.query("CREATE TEMP TABLE numbers (number bigint PRIMARY KEY)")
        let sum = try await connection.transaction { (session) throws(PostgresError) in
            for number in 1...3 { try session.query("INSERT INTO numbers VALUES ($1)", [.int(Int64(number))]) }
            return try session.query("SELECT sum(number)::bigint FROM numbers")[0].int(0)
        }
        #expect(sum == 6)
        let thrown = await failure { () throws(PostgresError) in
            try await connection.transaction { (session) throws(PostgresError) in
                try session.query("INSERT INTO numbers VALUES (4)")
                try session.query("INSERT INTO numbers VALUES (4)")
            }
        }
        #expect(thrown?.isUniqueViolation == true)
        let swallowed = await failure { () throws(PostgresError) in
            try await connection.transaction { (session) throws(PostgresError) in
                try session.query("INSERT INTO numbers VALUES (5)")
                _ = try? session.query("INSERT INTO numbers VALUES (5)")
            }
        }
        #expect(swallowed?.code == .statementFailed)
        #expect(try await connection.query("SELECT count(*) FROM numbers").first?.int(0) == 3)
    }

    @Test func `calls of many tasks run one after the other`() async throws {
        let connection = try await Database.open()
        try await connection.query("CREATE TEMP TABLE counter AS SELECT 0::bigint AS value")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await connection.transaction { (session) throws(PostgresError) in
                        let value = try session.query("SELECT value FROM counter")[0].int(0)
                        try session.query("UPDATE counter SET value = $1", [.int(value + 1)])
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await connection.query("SELECT value FROM counter").first?.int(0) == 50)
    }

    @Test func `a notification arrives on the connection that listens`() async throws {
        let listener = try await Database.open()
        let sender = try await Database.open()
        try await listener.listen(to: "Gate \"house\"")
        #expect(try await listener.notification(within: .milliseconds(1)) == nil)
        async let notification = listener.notification(within: .seconds(20))
        try await sender.query("SELECT pg_notify($1, 'token 7')", ["Gate \"house\""])
        let arrived = try await notification
        #expect(arrived?.channel == "Gate \"house\"" && arrived?.payload == "token 7")
        #expect(
            await failure { () throws(PostgresError) in try await listener.listen(to: "") }?.code == .invalidParameter
        )
    }
}
