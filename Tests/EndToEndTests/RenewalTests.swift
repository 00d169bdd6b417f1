import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

@Suite("Tokens that renew themselves", .needsAuthlib, .timeLimit(.minutes(8)))
struct RenewalTests {
    @Test func `of each kind are renewed again and again and fail no call`() async throws {
        let fixture = try await RenewalFixture(lifetime: 6)
        let seed = try await fixture.server.grant()
        try await fixture.command("token", "set", "drive", input: seed)
        let process = try await fixture.serve()
        for name in RenewalFixture.names { try await fixture.eventually { await fixture.answers(name) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for name in RenewalFixture.names { group.addTask { await fixture.loop(name) } }
            for kind in ["github", "client_credentials", "refresh_token"] {
                try await fixture.eventually { try await fixture.server.count(kind) >= 4 }
            }
            group.cancelAll()
        }
        let made = fixture.made
        #expect(made.count >= 2 * RenewalFixture.names.count)
        #expect(made.failures.isEmpty, "\(made.failures.count) of \(made.count): \(made.failures.first ?? "")")
        let asked = try await fixture.server.asked
        #expect(asked.allSatisfy { $0.status == 200 || $0.status == 201 })

        let drive = try await fixture.renewal("drive")
        #expect(drive["kind"].text == "refresh_token")
        #expect(drive["state"].text == "good")
        #expect(drive["version"].number ?? 0 >= 4)
        #expect(drive["renews_at"].text != nil)
        let metrics = try await fixture.admin("/metrics")
        #expect(metrics.contains(#"gatehouse_token_renewal_state{token="github",state="good"} 1"#))
        #expect(metrics.contains(#"gatehouse_token_renewals_total{token="crm",result="failed"} 0"#))
        // Renewals are events of the audit, and secrets are nowhere.
        try await fixture.eventually {
            let rows = try JSON.rows(
                try await fixture.command("audit", "tail", "--events", "--lines", "1000", "--json")
            )
            return rows.contains { $0["change"].text == "token_renew" && $0["token_name"].text == "drive" }
        }
        process.send(signal: SIGTERM)
        #expect(await process.exit() == .code(0))
        let log = await process.errors.whole
        let audit = try Data(contentsOf: URL(fileURLWithPath: "\(fixture.folder.path)/one-audit.db"))
        let database = try Data(contentsOf: URL(fileURLWithPath: "\(fixture.folder.path)/tokens.db"))
        for secret in try fixture.secrets(seed) {
            #expect(!log.contains(secret))
            #expect(audit.range(of: Data(secret.utf8)) == nil)
            #expect(database.range(of: Data(secret.utf8)) == nil)
        }
    }

    /// What is in the store under the name is a refresh token then, which no upstream may see.
    @Test func `are not sent as they were set when their entry leaves the file`() async throws {
        let fixture = try await RenewalFixture(lifetime: 3600, names: ["crm", "drive"])
        let seed = try await fixture.server.grant()
        try await fixture.command("token", "set", "drive", input: seed)
        let first = try await fixture.serve()
        try await fixture.eventually { await fixture.answers("drive") }
        // A command that speaks to the upstream sends what the instance sends.
        _ = try? await fixture.command("call", "drive", "--list")
        let path = "\(fixture.folder.path)/one.yaml"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try fixture.folder.write(text.replacing(#/(?m)^  drive: \{ renew.*\n/#, with: ""), to: "one.yaml")
        let refused = try await fixture.command("reload", fails: true)
        #expect(refused.contains("the value of 'drive' is a refresh token"), "\(refused)")
        #expect(await fixture.answers("drive"))
        first.send(signal: SIGTERM)
        #expect(await first.exit() == .code(0))
        let second = try await fixture.serve()
        try await fixture.eventually { await fixture.answers("crm") }
        #expect(try await fixture.call("drive").status == 503)
        #expect(try await fixture.admin("/readyz").contains("'drive'"))
        let words = "the value of 'drive' is a refresh token"
        try await fixture.eventually { second.errors.text.contains(words) }
        let doctor = try await fixture.command("doctor", fails: true)
        #expect(doctor.contains(words), "\(doctor)")
        for said in [second.errors.text, doctor] { #expect(!said.contains(seed)) }
        let run = try await fixture.command("run", "--env", "TOKEN=drive", "--", "printenv", "TOKEN", fails: true)
        #expect(!run.contains(seed))
        #expect(try await !fixture.server.seen.contains(seed))
        // The entry is put back, and all is as before.
        try fixture.folder.write(text, to: "one.yaml")
        try await fixture.command("reload")
        try await fixture.eventually { await fixture.answers("drive") }
    }

    @Test func `are renewed at once when the upstream rejects them`() async throws {
        let fixture = try await RenewalFixture(lifetime: 3600, names: ["crm"])
        try await fixture.serve()
        try await fixture.eventually { await fixture.answers("crm") }
        try await fixture.server.set(#"{"revoked": true}"#)
        // The client sees nothing of it: the request is sent once more.
        #expect(try await fixture.call("crm").status == 200)
        #expect(try await fixture.server.count("client_credentials") == 2)
        // At most one renewal in 30 s, whoever causes 401s.
        try await fixture.server.set(#"{"revoked": true}"#)
        let begun = ContinuousClock.now
        var statuses: Set<Int> = []
        for _ in 0..<50 { statuses.insert(try await fixture.call("crm").status) }
        // On a machine that takes longer for them than the 30 s, one more each.
        let further = Int((ContinuousClock.now - begun) / .seconds(30))
        #expect(try await fixture.server.count("client_credentials") <= 2 + further)
        #expect(further > 0 || !statuses.contains(200))
    }

    /// The server has rotated the refresh token, and the process that asked dies before it has written the new one down.
    @Test func `that were killed between rotation and write are asked for once more and then said to need connecting`()
        async throws
    {
        let fixture = try await RenewalFixture(lifetime: 8, names: ["drive"])
        try await fixture.command("token", "set", "drive", input: try await fixture.server.grant())
        let first = try await fixture.serve()
        try await fixture.eventually { await fixture.answers("drive") }
        try await fixture.server.set(#"{"hold": true}"#)
        try await fixture.eventually { try await fixture.server.count("refresh_token") == 2 }
        first.send(signal: SIGKILL)
        #expect(await first.exit() == .signal(SIGKILL))
        try await fixture.server.set(#"{"release": true}"#)
        try await fixture.serve()
        try await fixture.eventually { try await fixture.renewal("drive")["state"].text == "needs_connecting" }
        #expect(
            try await fixture.server.asked == [
                .init(kind: "refresh_token", status: 200), .init(kind: "refresh_token", status: 200),
                .init(kind: "refresh_token", status: 400),
            ]
        )
        #expect(
            try await fixture.admin("/readyz").contains("needs connecting anew: the server answers 400 invalid_grant")
        )
        #expect(try await fixture.call("drive").status == 503)
        // Somebody connects it.
        try await fixture.command("token", "set", "drive", input: try await fixture.server.grant())
        try await fixture.eventually { await fixture.answers("drive") }
        #expect(try await fixture.renewal("drive")["state"].text == "good")
    }

    @Test(.needsPostgres) func `are renewed once for two instances on one PostgreSQL`() async throws {
        let postgres = try await PostgresServer.start()
        let fixture = try await RenewalFixture(lifetime: 6, names: ["drive", "crm"], postgres: postgres)
        try await fixture.command("token", "set", "drive", input: try await fixture.server.grant())
        for instance in ["one", "two"] { try await fixture.serve(instance) }
        for instance in ["one", "two"] {
            for name in ["drive", "crm"] {
                try await fixture.eventually(instance) { await fixture.answers(name, of: instance) }
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for instance in ["one", "two"] { group.addTask { await fixture.loop("drive", of: instance) } }
            try await fixture.eventually { try await fixture.server.count("refresh_token") >= 4 }
            group.cancelAll()
        }
        #expect(fixture.made.failures.isEmpty, "\(fixture.made.failures.first ?? "")")
        let asked = try await fixture.server.asked
        // Nobody showed a refresh token that another one had shown: the server would have ended the family.
        #expect(asked.allSatisfy { $0.status == 200 })
        let version = try #require(try await fixture.renewal("drive")["version"].number)
        let renewals = try await fixture.server.count("refresh_token")
        #expect((version...version + 1).contains(renewals))
    }

    @Test func `serve to their end while the server is down, and come back with it`() async throws {
        let fixture = try await RenewalFixture(lifetime: 40, names: ["crm"])
        try await fixture.serve()
        try await fixture.eventually { await fixture.answers("crm") }
        try await fixture.server.set(#"{"down": true}"#)
        try await fixture.eventually { try await fixture.server.count("down") >= 1 }
        #expect(await fixture.answers("crm"))
        try await fixture.eventually {
            try await fixture.admin("/readyz").contains(
                "cannot be renewed: the server answers 503; version "
            )
        }
        try await fixture.eventually { try await fixture.call("crm").status == 503 }
        #expect(
            try await fixture.admin("/metrics").contains(
                #"gatehouse_token_renewal_state{token="crm",state="failing"} 1"#
            )
        )
        #expect(try await fixture.command("token", "list").contains("the server answers 503"))
        try await fixture.server.set(#"{"down": false}"#)
        try await fixture.eventually { await fixture.answers("crm") }
    }

    @Test func `that are revoked at the vendor are said to need connecting`() async throws {
        let fixture = try await RenewalFixture(lifetime: 6, names: ["drive"])
        let seed = try await fixture.server.grant()
        try await fixture.command("token", "set", "drive", input: seed)
        let process = try await fixture.serve()
        try await fixture.eventually { await fixture.answers("drive") }
        try await fixture.server.revoke(seed)
        try await fixture.eventually { try await fixture.renewal("drive")["state"].text == "needs_connecting" }
        #expect(process.errors.text.contains("a token needs connecting"))
        #expect(try await fixture.admin("/metrics").contains(#"gatehouse_problems{probe="renewal",verdict="fail"} 1"#))
    }

    @Test func `are looked at and changed by the commands that tokens have`() async throws {
        let fixture = try await RenewalFixture(lifetime: 3600)
        let seed = try await fixture.server.grant()
        try await fixture.command("token", "set", "drive", input: seed)
        #expect(try await fixture.renewal("drive")["state"].text == "obtaining")
        let process = try await fixture.serve()
        for name in RenewalFixture.names { try await fixture.eventually { await fixture.answers(name) } }
        let table = try await fixture.command("token", "list")
        #expect(table.contains("RENEWS BY") && table.contains("github_app") && table.contains("client_credentials"))
        #expect(try await fixture.command("token", "show", "github").contains("github_app"))
        for secret in try fixture.secrets(seed) { #expect(!table.contains(secret)) }
        #expect(try await fixture.command("token", "rollback", "drive", fails: true).contains("renews itself"))
        #expect(
            try await fixture.command("token", "set", "github", input: "x", fails: true).contains("no value to set")
        )
        #expect(try await fixture.command("doctor", "--json").contains("renewal"))
        // A program gets what requests are given, and never the refresh token.
        let given = try await fixture.command(
            "run",
            "--env",
            "TOKEN=github",
            "--env",
            "DRIVE=drive",
            "--",
            "/usr/bin/env"
        )
        #expect(given.contains("TOKEN=ghs_"))
        #expect(!given.contains(seed))
        process.send(signal: SIGTERM)
        #expect(await process.exit() == .code(0))
        let moved = try await fixture.command("store", "migrate", "kept", "other", "--json")
        let rows = try JSON(parsing: moved).elements
        #expect(rows.count { $0["renewed"] == .bool(true) && $0["result"].text == "create" } == 3)
        // The other store goes on where this one was.
        let yaml = try String(contentsOfFile: "\(fixture.folder.path)/one.yaml", encoding: .utf8)
        try fixture.folder.write(yaml.replacing("store: kept", with: "store: other"), to: "one.yaml")
        let before = try await fixture.server.asked.count
        try await fixture.serve()
        for name in RenewalFixture.names { try await fixture.eventually { await fixture.answers(name) } }
        #expect(try await fixture.server.asked.count == before)
        // A reload takes one out and puts it back.
        try fixture.folder.write(
            yaml.replacing("store: kept", with: "store: other")
                .replacing(#/\n  crm: .*/#, with: ""),
            to: "one.yaml"
        )
        try fixture.process().send(signal: SIGHUP)
        try await fixture.eventually { try await fixture.call("crm").status == 503 }
        #expect(await fixture.answers("drive"))
        try fixture.folder.write(yaml.replacing("store: kept", with: "store: other"), to: "one.yaml")
        try fixture.process().send(signal: SIGHUP)
        try await fixture.eventually { await fixture.answers("crm") }
        try await fixture.command("token", "delete", "drive", "--yes")
        try await fixture.eventually { try await fixture.call("drive").status == 503 }
        #expect(try await fixture.renewal("drive")["state"].text == "waits_for_seed")
    }

    /// The live store may be one that cannot be written: what it has is the beginning, and what came of it is kept elsewhere.
    @Test func `begin with a variable and are kept in another store`() async throws {
        let fixture = try await RenewalFixture(lifetime: 6, names: ["drive"])
        let yaml = try String(contentsOfFile: "\(fixture.folder.path)/one.yaml", encoding: .utf8)
        try fixture.folder.write(
            yaml.replacing("stores:\n", with: "stores:\n  phase1: { kind: env }\n")
                .replacing("store: kept\n", with: "store: phase1\nstate: kept\n"),
            to: "one.yaml"
        )
        let seed = try await fixture.server.grant()
        let process = try await fixture.serve(environment: ["DRIVE_API_TOKEN": seed])
        try await fixture.eventually { try await fixture.server.count("refresh_token") >= 3 }
        #expect(await fixture.answers("drive"))
        process.send(signal: SIGTERM)
        #expect(await process.exit() == .code(0))
        // The variable has the first refresh token still, which is used up; what was kept goes on.
        try await fixture.serve(environment: ["DRIVE_API_TOKEN": seed])
        let before = try await fixture.server.count("refresh_token")
        try await fixture.eventually { try await fixture.server.count("refresh_token") > before }
        try await fixture.eventually { await fixture.answers("drive") }
        #expect(try await fixture.server.asked.allSatisfy { $0.status == 200 })
    }

    /// SIGTERM comes while the server makes up its mind: what it gives is still written down.
    @Test func `that are being renewed at the end are written down`() async throws {
        let fixture = try await RenewalFixture(lifetime: 6, names: ["drive"])
        try await fixture.command("token", "set", "drive", input: try await fixture.server.grant())
        let process = try await fixture.serve()
        try await fixture.eventually { await fixture.answers("drive") }
        try await fixture.server.set(#"{"hold": true}"#)
        try await fixture.eventually { try await fixture.server.count("refresh_token") == 2 }
        process.send(signal: SIGTERM)
        try await fixture.eventually { process.errors.text.contains("draining") }
        try await fixture.server.set(#"{"release": true}"#)
        #expect(await process.exit() == .code(0))
        #expect(try await fixture.renewal("drive")["version"].number == 2)
    }
}
