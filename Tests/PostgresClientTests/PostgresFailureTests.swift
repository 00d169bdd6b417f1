import Glibc
import PostgresClient
import Testing

@Suite("What goes wrong with PostgreSQL", .timeLimit(.minutes(1)))
struct PostgresFailureTests {
    @Test(arguments: [
        "", "mysql://user:s3cret@host/db", "host=127.0.0.1 password=s3cret",
        "postgres://user:s3cret@[::1/db", "postgres://user:s3cret@host/db?nonsense=1",
        "postgres://user:s3cret%ZZ@host/db",
    ])
    func `a URL that is none is refused without repeating it`(url: String) async throws {
        let options = PostgresOptions(url: url)
        let error = try #require(
            await failure { () throws(PostgresError) in try await PostgresConnection.open(options) }
        )
        #expect(error.code == .invalidURL)
        #expect(!"\(error) \(options) \(String(reflecting: options))".contains("s3cret"))
    }

    @Test(arguments: ["postgres://user:s3cret@127.0.0.1:1/db", "postgres://user:s3cret@127.0.0.1:port/127.0.0.1"])
    func `nobody listening is a failed connection whose message has no password`(url: String) async throws {
        let options = PostgresOptions(url: url)
        let error = try #require(
            await failure { () throws(PostgresError) in try await PostgresConnection.open(options) }
        )
        #expect(error.code == .connectionFailed)
        #expect(error.message.contains("port"))
        #expect(!error.message.contains("s3cret"))
    }

    @Test func `a server that never answers ends with the connect timeout`() async throws {
        // Listens and accepts nothing: the kernel completes the connection, and silence follows.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutableBytes(of: &address) {
            let pointer = try #require($0.assumingMemoryBound(to: sockaddr.self).baseAddress)
            #expect(bind(listener, pointer, length) == 0 && listen(listener, 1) == 0)
            #expect(getsockname(listener, pointer, &length) == 0)
        }
        let port = UInt16(bigEndian: address.sin_port)
        let options = PostgresOptions(url: "postgres://u:p@127.0.0.1:\(port)/d", connectTimeout: .milliseconds(50))
        let error = await failure { () throws(PostgresError) in try await PostgresConnection.open(options) }
        #expect(error?.code == .timeout)
    }

    @Test(.needsDatabase) func `a statement over its timeout is ended by the server and the connection serves on`()
        async throws
    {
        let connection = try await Database.open(statementTimeout: .milliseconds(50))
        let error = await failure { () throws(PostgresError) in try await connection.query("SELECT pg_sleep(60)") }
        #expect(error?.code == .timeout)
        #expect(error?.sqlState == "57014")
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test(.needsDatabase) func `cancelling the task ends its statement and closes the connection`() async throws {
        let connection = try await Database.open()
        let observer = try await Database.open()
        let process = try #require(try await connection.query("SELECT pg_backend_pid()").first).int(0)
        let sleeping = Task {
            await failure { () throws(PostgresError) in try await connection.query("SELECT pg_sleep(60)") }
        }
        let asleep = "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'"
        while try await observer.query(asleep, [.int(process)]).isEmpty {}
        sleeping.cancel()
        #expect(await sleeping.value?.code == .cancelled)
        #expect(await !connection.isOpen)
    }

    @Test(.needsDatabase) func `cancelling one task leaves another's statement alone`() async throws {
        let connection = try await Database.open()
        async let slow = connection.query("SELECT pg_sleep(0.2), 7")
        let waiting = Task { await failure { () throws(PostgresError) in try await connection.query("SELECT 8") } }
        waiting.cancel()
        _ = await waiting.value
        #expect(try await slow.first?.int(1) == 7)
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test(.needsDatabase) func `a connection the server ends is lost, and stays so`() async throws {
        let connection = try await Database.open()
        let other = try await Database.open()
        let process = try #require(try await connection.query("SELECT pg_backend_pid()").first).int(0)
        async let sleeping = failure { () throws(PostgresError) in try await connection.query("SELECT pg_sleep(60)") }
        try await other.query("SELECT pg_terminate_backend($1)", [.int(process)])
        let error = try #require(await sleeping)
        #expect(error.code == .connectionLost || error.sqlState == "57P01")
        let after = await failure { () throws(PostgresError) in try await connection.query("SELECT 1") }
        #expect(after?.code == .connectionLost)
        #expect(await !connection.isOpen)
    }

    @Test(.needsDatabase) func `a wrong password is refused without repeating it`() async throws {
        let url = try #require(Database.url)
        let scheme = try #require(url.split(separator: "@").last)
        let options = PostgresOptions(url: "postgres://nobody_here:s3cret@\(scheme)")
        let error = try #require(
            await failure { () throws(PostgresError) in try await PostgresConnection.open(options) }
        )
        #expect(error.code == .connectionFailed)
        #expect(!error.message.contains("s3cret"))
    }

    /// "Wrong state [25006]" tells an operator nothing after a failover.
    @Test(.needsDatabase) func `a database that takes no changes is called read-only`() async throws {
        let connection = try await Database.open()
        try await connection.query("SET default_transaction_read_only = on")
        let error = await failure { () throws(PostgresError) in try await connection.query("CREATE TABLE t (i int)") }
        #expect(error?.sqlState == "25006")
        #expect(
            error?.message
                == "the database is read-only: a standby, or default_transaction_read_only is set [25006]"
        )
    }

    @Test(.needsDatabase) func `a closed connection refuses calls`() async throws {
        let connection = try await Database.open()
        await connection.close()
        let error = await failure { () throws(PostgresError) in try await connection.query("SELECT 1") }
        #expect(error?.code == .connectionLost)
    }
}
