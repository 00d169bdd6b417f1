import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

@Suite("The life of a token", .needsTools, .needsPostgres, .timeLimit(.minutes(10)))
struct TokenLifeTests {
    @Test func `a client sees nothing of env to sqlite to postgres to infisical and back, with a rotation in each`()
        async throws
    {
        let tokens = (0...9).map { "life-token-\($0)-8c1e" }
        let fixture = try await TokenFixture.start(
            store: "environment",
            postgres: try await PostgresServer.start(),
            // Tokens that the operator has put there for the first day, for a rotation by configuration, and for the way back.
            environment: [
                "CODA_API_TOKEN": tokens[0], "CODA_SECOND": tokens[1], "CODA_BACK": tokens[7], "CODA_LAST": tokens[8],
            ],
            tokens: Set(tokens)
        )
        let client = Task { await fixture.loop() }
        defer { client.cancel() }
        func arrives(_ token: String) async throws { try await fixture.eventually { fixture.sent == token } }
        try await arrives(tokens[0])
        // In the environment a rotation is another variable.
        try fixture.reload { text in
            text.replacingOccurrences(of: "{ kind: env }", with: "{ kind: env, variables: { coda: CODA_SECOND } }")
        }
        try await arrives(tokens[1])

        var previous = "environment"
        var current = tokens[1]
        for (index, store) in ["sqlite", "postgres", "infisical", "postgres", "sqlite"].enumerated() {
            let dry = try await fixture.command("store", "migrate", previous, store, "--dry-run")
            #expect(dry.contains("would be \(index < 3 ? "created" : "updated")"))
            _ = try await fixture.command("store", "migrate", previous, store)
            // A second run finds nothing to do.
            #expect(try await fixture.command("store", "migrate", previous, store).contains("same"))
            try await fixture.switchStore(to: store)
            current = tokens[2 + index]
            _ = try await fixture.command("token", "rotate", "coda", input: current)
            try await arrives(current)
            previous = store
        }
        let lines = try await fixture.command("store", "migrate", "sqlite", "environment", "--reveal")
        #expect(lines == "CODA_SECOND=\(current)\n")
        #expect(
            try await fixture.command("store", "migrate", "sqlite", "environment", fails: true).contains("--reveal")
        )
        try fixture.reload { $0.replacing("CODA_SECOND", with: "CODA_BACK") }
        try await fixture.switchStore(to: "environment")
        try await arrives(tokens[7])
        try fixture.reload { $0.replacing("CODA_BACK", with: "CODA_LAST") }
        try await arrives(tokens[8])

        let made = fixture.made
        #expect(made.failures.isEmpty, "\(made.failures.count) of \(made.count): \(made.failures.first ?? "")")
        #expect(made.count > 20)
        let dump = try await fixture.postgres?.dump() ?? ""
        let file = String(
            decoding: try Data(contentsOf: URL(fileURLWithPath: "\(fixture.folder.path)/tokens.db")),
            as: UTF8.self
        )
        #expect(dump.contains("token_versions") && !dump.contains("life-token") && !file.contains("life-token"))
        let hex = Array("life-token".utf8).map { String(format: "%02x", $0) }.joined()
        #expect(!dump.contains(hex) && !fixture.process.errors.text.contains("life-token"))
    }

    @Test func `a database that is killed fails no call, and a rotation made meanwhile arrives after`() async throws {
        let database = try await PostgresServer.start()
        let fixture = try await TokenFixture.start(
            store: "postgres",
            postgres: database,
            tokens: ["before-2d", "meanwhile-3e", "after-4f"],
            set: "before-2d"
        )
        let client = Task { await fixture.loop() }
        defer { client.cancel() }
        try await fixture.eventually { fixture.sent == "before-2d" }
        try await database.crash()
        // Readiness stays: what is at hand serves.
        try await fixture.eventually {
            try await fixture.admin("/metrics").body.text.contains("gatehouse_tokens_stale 1")
        }
        #expect(try await fixture.admin("/readyz").status == 200)
        // Twenty calls long; by hand as many seconds as GATEHOUSE_TEST_OUTAGE says.
        let during = fixture.made.count
        let outage = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_OUTAGE"].flatMap { Double($0) } ?? 0
        let end = ContinuousClock.now + .seconds(outage)
        try await fixture.eventually { fixture.made.count > during + 20 && ContinuousClock.now >= end }
        // It comes up where Gatehouse does not look, and somebody rotates there, by a file that Gatehouse does not watch.
        let hidden = database.otherPort
        try await database.start(port: hidden)
        let yaml = try String(contentsOfFile: "\(fixture.folder.path)/gatehouse.yaml", encoding: .utf8)
        try fixture.folder.write(yaml.replacing(":\(database.port)/", with: ":\(hidden)/"), to: "elsewhere.yaml")
        _ = try await fixture.command("token", "rotate", "coda", configuration: "elsewhere.yaml", input: "meanwhile-3e")
        #expect(fixture.sent == "before-2d")
        try await database.crash()
        try await database.start()
        try await fixture.eventually { fixture.sent == "meanwhile-3e" }
        _ = try await fixture.command("token", "rotate", "coda", input: "after-4f")
        try await fixture.eventually { fixture.sent == "after-4f" }
        #expect(fixture.made.failures.isEmpty, "\(fixture.made.failures.first ?? "")")
        // A fail-over: the same data elsewhere, by one line of the file.
        try await database.crash()
        try await database.start(port: hidden)
        let before = fixture.process.errors.text.components(separatedBy: "another store is live").count
        try fixture.reload { $0.replacing(":\(database.port)/", with: ":\(hidden)/") }
        try await fixture.eventually {
            fixture.process.errors.text.components(separatedBy: "another store is live").count > before
        }
        #expect(fixture.made.failures.isEmpty, "\(fixture.made.failures.first ?? "")")
    }

    @Test func `a value that fails the probe changes nothing`() async throws {
        let fixture = try await TokenFixture.start(store: "sqlite", tokens: ["good-1a", "good-2b"], set: "good-1a")
        let words = try await fixture.command("token", "rotate", "coda", input: "wrong-9z", fails: true)
        #expect(words.contains("answers 401, not 200") && words.contains("nothing was changed"))
        #expect(!words.contains("wrong-9z"))
        #expect(
            try await JSON(parsing: fixture.command("token", "show", "coda", "--json")).elements[0]["version"].number
                == 1
        )
        _ = try await fixture.command("token", "rotate", "coda", input: "good-2b")
        try await fixture.call()
        #expect(
            try await JSON(parsing: fixture.command("token", "show", "coda", "--json")).elements[0]["version"].number
                == 2
        )
    }

    @Test func `a token that the upstream rejects after a rotation is gone back from, said and audited`() async throws {
        let fixture = try await TokenFixture.start(store: "sqlite", tokens: ["good-1a"], set: "good-1a")
        try await fixture.eventually { try await fixture.call().status == 200 }
        _ = try await fixture.command("token", "rotate", "coda", "--no-probe", input: "wrong-9z")
        // Calls meet the new token, which does not work, until Gatehouse has gone back.
        try await fixture.eventually {
            _ = try await fixture.call()
            return fixture.process.errors.text.contains("went back to the version before")
        }
        try await fixture.eventually { try await fixture.call().status == 200 && fixture.sent == "good-1a" }
        let history = try await fixture.command("token", "history", "coda")
        #expect(history.contains("auto_revert") && history.contains("gatehouse"))
        #expect(
            try await fixture.admin("/metrics").body.text.contains(#"gatehouse_token_reverts_total{token="coda"} 1"#)
        )
        try await fixture.eventually {
            let rows = try? await fixture.command("audit", "tail", "--events", "--lines", "1000", "--json")
            return try JSON.rows(rows ?? "").contains {
                $0["change"].text == "token_rollback" && $0["token_name"].text == "coda"
                    && $0["principal_kind"].text == "gatehouse" && $0["token_version"].number == 1
            }
        }
        #expect(!fixture.process.errors.text.contains("wrong-9z"))
    }

    @Test func `a 401 that any caller can cause rolls nothing back`() async throws {
        let fixture = try await TokenFixture.start(store: "sqlite", tokens: ["leaked-1a", "good-2b"], set: "leaked-1a")
        try await fixture.eventually { try await fixture.call().status == 200 }
        _ = try await fixture.command("token", "rotate", "coda", input: "good-2b")
        try await fixture.eventually { try await fixture.call().status == 200 && fixture.sent == "good-2b" }
        let before = fixture.probes
        for _ in 0..<20 { #expect(try await fixture.call("/admin").status == 502) }
        try await fixture.eventually {
            fixture.process.errors.text.contains("answered 401 to a token that its probe finds good")
        }
        // Twenty rejections are one proof, and the version before is not sent anywhere.
        #expect(fixture.probes == before + 1)
        #expect(try await fixture.call().status == 200 && fixture.sent == "good-2b")
        #expect(
            try await JSON(parsing: fixture.command("token", "show", "coda", "--json")).elements[0]["version"].number
                == 2
        )
        #expect(try await !fixture.command("token", "history", "coda").contains("auto_revert"))
    }

    @Test func `what works no better is not gone back to`() async throws {
        let fixture = try await TokenFixture.start(store: "sqlite", tokens: ["first-1a"], set: "first-1a")
        try await fixture.eventually { try await fixture.call().status == 200 }
        _ = try await fixture.command("token", "rotate", "coda", "--no-probe", input: "wrong-9z")
        fixture.accept([])
        try await fixture.eventually {
            _ = try await fixture.call()
            return fixture.process.errors.text.contains("the one before works no better")
        }
        #expect(
            try await JSON(parsing: fixture.command("token", "show", "coda", "--json")).elements[0]["version"].number
                == 2
        )
    }

    @Test func `a store that cannot take over leaves the old one serving`() async throws {
        let fixture = try await TokenFixture.start(store: "sqlite", tokens: ["good-1a"], set: "good-1a")
        // Empty: the route's token is not there.
        try fixture.reload { $0.replacing("store: sqlite", with: "store: infisical") }
        try await fixture.eventually {
            fixture.process.errors.text.contains("gatehouse store migrate sqlite infisical")
        }
        #expect(try await fixture.call().status == 200)
        fixture.infisical.standIn.change { $0.status = 503 }
        fixture.process.send(signal: SIGHUP)
        try await fixture.eventually { fixture.process.errors.text.contains("cannot be read") }
        #expect(try await fixture.call().status == 200)
        #expect(try await fixture.admin("/metrics").body.text.contains("gatehouse_config_last_reload_successful 0"))
        fixture.infisical.standIn.change { $0.status = nil }
        _ = try await fixture.command("store", "migrate", "sqlite", "infisical")
        fixture.process.send(signal: SIGHUP)
        try await fixture.eventually { fixture.process.errors.text.contains("another store is live") }
        #expect(try await fixture.call().status == 200)
    }
}
