import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Somebody who can write the token database, and has no master key, fills it: the next start listens all the same, and says why no
/// token is there, or serves those that are.
@Suite("A token database full of junk", .needsTools, .needsPostgres, .timeLimit(.minutes(6)))
struct JunkRowsTests {
    /// The time from the start of the process to an answer; the binary waits three seconds for its first readings, the rest is the machine's.
    private static let bound: Duration = .seconds(8)

    enum Junk: String, CaseIterable {
        case heads, versions, events
        /// As many as are read one by one.
        case mostHeads, mostVersions
        /// Under the name of the token, and under the one that stands for the ends of keys.
        case ofToken, ofKeys
    }

    private static func fill(_ junk: Junk, isSQLite: Bool) -> String {
        let blob = isSQLite ? "x'00'" : #"'\x00'::bytea"#
        let numbers =
            isSQLite
            ? "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1000 + "
            : "generate_series(1000, 1000 + "
        func insert(_ table: String, _ values: String, _ count: Int) -> String {
            isSQLite
                ? "\(numbers)\(count)) INSERT INTO \(table) SELECT \(values) FROM n;"
                : "INSERT INTO gatehouse.\(table) SELECT \(values) FROM \(numbers)\(count)) n (i);"
        }
        let version = "i, NULL, 0, NULL, '', '', \(blob)"
        let event = "i, 'set', 1, 0, '', '', \(blob)"
        return switch junk {
        case .heads: insert("token_heads", "'junk-' || i, 0, 0, 0, 0, \(blob)", 200_000)
        case .versions: insert("token_versions", "'junk-' || i, \(version)", 200_000)
        case .events: insert("token_events", "'junk-' || i, \(event)", 200_000)
        case .mostHeads: insert("token_heads", "'junk-' || i, 0, 0, 0, 0, \(blob)", 9_900)
        case .mostVersions: insert("token_versions", "'junk-' || i, \(version)", 9_900)
        case .ofToken:
            insert("token_versions", "'coda', \(version)", 200_000)
                + insert("token_events", "'coda', \(event)", 200_000)
        case .ofKeys: insert("token_events", "'*keys', \(event)", 200_000)
        }
    }

    @Test(arguments: ["sqlite", "postgres"])
    func `keeps no start from listening`(store: String) async throws {
        let database = store == "postgres" ? try await PostgresServer.start() : nil
        let fixture = try await TokenFixture.start(store: store, postgres: database, tokens: ["one-1a"], set: "one-1a")
        fixture.process.send(signal: SIGTERM)
        #expect(await fixture.process.exit() == .code(0))
        for junk in Junk.allCases {
            try await execute(Self.fill(junk, isSQLite: database == nil), fixture, database)
            let began = ContinuousClock.now
            let process = try ChildProcess(
                Tools.gatehouse,
                ["serve", "--config", "\(fixture.folder.path)/gatehouse.yaml"]
            )
            var status = 0
            try await process.eventually {
                status = (try? await fixture.call().status) ?? 0
                return status != 0
            }
            let took = ContinuousClock.now - began
            #expect(took < Self.bound, "\(store), \(junk)")
            switch junk {
            case .heads, .versions, .events:
                #expect(status == 503)
                try await process.eventually {
                    try await fixture.admin("/readyz").body.text.contains("rows of more than 10000 tokens")
                }
            case .ofToken:
                #expect(status == 503)
                try await process.eventually { try await fixture.admin("/readyz").body.text.contains("coda") }
            case .mostHeads, .mostVersions, .ofKeys:
                try await process.eventually { try await fixture.call().status == 200 }
            }
            print("\(store) \(junk): an answer after \(took)")
            process.send(signal: SIGTERM)
            #expect(await process.exit() == .code(0))
            let tables = ["token_heads", "token_versions", "token_events"].map {
                database == nil ? $0 : "gatehouse.\($0)"
            }
            let names = "name LIKE 'junk-%'"
            let clean = [
                "DELETE FROM \(tables[0]) WHERE \(names);",
                "DELETE FROM \(tables[1]) WHERE \(names) OR version >= 1000;",
                "DELETE FROM \(tables[2]) WHERE \(names) OR revision >= 1000;",
            ]
            try await execute(clean.joined(), fixture, database)
        }
    }

    /// The most that a process has held, in bytes.
    private static func peak(_ process: ChildProcess) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return try #require(line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }) << 10
    }

    /// Beside the token and in its own row, as bytes and as text.
    @Test(arguments: ["sqlite", "postgres"])
    func `with values of hundreds of megabytes takes no memory`(store: String) async throws {
        let database = store == "postgres" ? try await PostgresServer.start() : nil
        let fixture = try await TokenFixture.start(store: store, postgres: database, tokens: ["one-1a"], set: "one-1a")
        #expect(try await fixture.call().status == 200)
        let usual = try Self.peak(fixture.process)
        fixture.process.send(signal: SIGTERM)
        #expect(await fixture.process.exit() == .code(0))
        let (text, bytes, tables) =
            database == nil
            ? ("printf('%.*c', 200000000, 'x')", "zeroblob(200000000)", "")
            : ("repeat('x', 200000000)", "decode(repeat('00', 200000000), 'hex')", "gatehouse.")
        for statement in [
            "INSERT INTO \(tables)token_versions VALUES ('cod', 1, NULL, 0, NULL, '', '', \(bytes))",
            "INSERT INTO \(tables)token_events VALUES ('coda', 9, 'set', 1, 0, '', \(text), \(bytes))",
            "UPDATE \(tables)token_versions SET note = \(text) WHERE name = 'coda'",
        ] {
            try await execute(statement + ";", fixture, database)
            let process = try ChildProcess(
                Tools.gatehouse,
                ["serve", "--config", "\(fixture.folder.path)/gatehouse.yaml"]
            )
            try await process.eventually { (try? await fixture.call().status) != nil }
            let peak = try Self.peak(process)
            print("\(store): \(usual >> 20) MiB, \(peak >> 20) MiB with \(statement.prefix(60))")
            #expect(peak < usual + (100 << 20))
            process.send(signal: SIGTERM)
            #expect(await process.exit() == .code(0))
        }
    }

    private func execute(_ statements: String, _ fixture: TokenFixture, _ database: PostgresServer?) async throws {
        let process: ChildProcess
        if let database {
            let psql = "\(try #require(PostgresServer.programs))/psql"
            process = try ChildProcess(psql, ["-q", "-v", "ON_ERROR_STOP=1", database.url, "-c", statements])
        } else {
            let script = "import sqlite3, sys\nbase = sqlite3.connect(sys.argv[1])\nbase.executescript(sys.argv[2])"
            process = try ChildProcess(
                "/usr/bin/python3",
                ["-c", script, "\(fixture.folder.path)/tokens.db", statements]
            )
        }
        process.closeInput()
        guard await process.exit() == .code(0) else {
            throw ChildProcess.Failure(description: await process.errors.whole)
        }
    }
}
