import Foundation
import GatehouseAudit
import Glibc
import Testing

/// Commands that change tokens record it in the audit, which shows it beside what callers asked for.
@Suite("Changes by commands", .timeLimit(.minutes(2)))
struct ChangeCommandTests {
    private func prepared(_ sink: String? = nil) async throws -> CommandFixture {
        let fixture = try CommandFixture()
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        if let sink {
            let text = fixture.read("gatehouse.yaml").replacing(#/sink: \{.*\}/#, with: "sink: \(sink)")
            try fixture.write(text, to: "gatehouse.yaml")
        }
        return fixture
    }

    private func changes(_ fixture: CommandFixture, _ arguments: String...) async throws -> [[String: Any]] {
        let outcome = try await fixture.run(["audit", "query", "--kind", "change", "--json"] + arguments)
        #expect(outcome.exit == 0, "\(outcome)")
        return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]])
    }

    private func succeed(_ fixture: CommandFixture, _ arguments: String..., input: String = "") async throws {
        let outcome = try await fixture.run(arguments, input: input)
        #expect(outcome.exit == 0 && outcome.errors.isEmpty, "\(arguments): \(outcome)")
    }

    @Test func `each change of a token is a row with who, what and which version, and the chain holds`() async throws {
        let fixture = try await prepared()
        try fixture.recordRequests(count: 3, chained: true)
        try await succeed(fixture, "token", "set", "coda", "--by", "ann", input: "one-7f3a")
        try await succeed(fixture, "token", "rotate", "coda", "--by", "bob", "--no-probe", input: "two-7f3a")
        try await succeed(fixture, "token", "rollback", "coda")
        try await succeed(fixture, "token", "delete", "coda", "--yes")
        let rows = try await changes(fixture)
        #expect(
            rows.map { $0["change"] as? String } == ["token_set", "token_rotate", "token_rollback", "token_delete"]
        )
        #expect(rows.map { $0["principal"] as? String } == ["ann", "bob", CommandFixture.user, CommandFixture.user])
        #expect(
            rows.allSatisfy { $0["principal_kind"] as? String == "operator" && $0["token_name"] as? String == "coda" }
        )
        #expect(rows.map { $0["token_version"] as? Int } == [1, 2, 1, nil])
        #expect(rows.allSatisfy { $0["kind"] as? String == "change" && $0["token_owner"] == nil })
        #expect(try await changes(fixture, "--principal", "b*").count == 1)
        #expect(try await changes(fixture, "--token", "other").isEmpty)
        // Requests are not changes, and both are rows of one list.
        let requests = try await fixture.run("audit", "query", "--kind", "request", "--json")
        #expect(!requests.output.contains("token_set") && requests.output.contains("tool1"))
        let table = try await fixture.run("audit", "query")
        #expect(table.output.contains("token_rotate") && table.output.contains("tool1"))
        let tail = try await fixture.run("audit", "tail", "--kind", "change")
        #expect(tail.output.contains(" change bob token_rotate coda "), "\(tail)")
        let verify = try await fixture.run("audit", "verify")
        #expect(verify.exit == 0 && verify.output.contains("4 events"), "\(verify)")
        #expect(!rows.description.contains("7f3a"))
        let unknown = try await fixture.run("audit", "query", "--kind", "chang")
        #expect(unknown.exit == 64 && unknown.errors.contains("request or change"), "\(unknown)")
    }

    @Test func `keys, stores and bearers are recorded too`() async throws {
        let fixture = try await prepared()
        func succeed(_ config: String, _ arguments: String..., input: String = "") async throws {
            let outcome = try await fixture.run(
                arguments + ["--config", "\(fixture.path)/\(config)"],
                input: input
            )
            #expect(outcome.exit == 0, "\(arguments): \(outcome)")
        }
        try await succeed("gatehouse.yaml", "token", "set", "coda", input: "one-7f3a")
        try await succeed("gatehouse.yaml", "store", "migrate", "sealed", "second", "--dry-run")
        try await succeed("gatehouse.yaml", "store", "migrate", "sealed", "second")
        // Nothing was copied, so nothing is recorded.
        try await succeed("gatehouse.yaml", "store", "migrate", "sealed", "second")
        try await succeed("breakglass.yaml", "bearer", "issue", "night", "--routes", "coda")
        try await succeed("breakglass.yaml", "bearer", "revoke", "night")
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key2").exit == 0)
        try await succeed("rotating.yaml", "key", "rotate")
        let outcome = try await fixture.run([
            "audit", "query", "--kind", "change", "--json", "--config", "\(fixture.path)/rotated.yaml",
        ])
        let rows = try #require(
            try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]]
        )
        #expect(
            rows.map { $0["change"] as? String } == [
                "token_set", "token_migrate", "bearer_issue", "bearer_revoke", "key_rotate",
            ]
        )
        let targets = rows.compactMap { $0["target"] as? String }
        #expect(targets.contains("sealed to second"))
        #expect(targets.contains { $0.hasPrefix("night (") && $0.contains(" for coda until ") })
        #expect(targets.contains { $0.hasPrefix("sealed: ") && $0.contains("retired ") })
        #expect(!outcome.output.contains("7f3a") && !outcome.output.contains("gh_"))
    }

    @Test func `nothing is recorded of a change that was not made`() async throws {
        let fixture = try await prepared()
        try await succeed(fixture, "token", "set", "coda", input: "one")
        #expect(try await fixture.run(["token", "rotate", "other", "--no-probe"], input: "two").exit != 0)
        #expect(try await fixture.run("token", "rollback", "coda").exit != 0)
        #expect(try await changes(fixture).map { $0["change"] as? String } == ["token_set"])
    }

    @Test func `a row that the sink does not take now waits in the spool, and the chain goes on`() async throws {
        let fixture = try await prepared()
        let text = fixture.read("gatehouse.yaml")
        try fixture.write(
            text.replacing("\(fixture.path)/audit.db", with: "\(fixture.path)/later/audit.db"),
            to: "gatehouse.yaml"
        )
        try await succeed(fixture, "token", "set", "coda", input: "one")
        try FileManager.default.createDirectory(atPath: "\(fixture.path)/later", withIntermediateDirectories: false)
        try await succeed(fixture, "token", "rotate", "coda", "--no-probe", input: "two")
        #expect(try await changes(fixture).map { $0["change"] as? String } == ["token_set", "token_rotate"])
        let verify = try await fixture.run("audit", "verify")
        #expect(verify.exit == 0 && verify.output.contains("2 events"), "\(verify)")
    }

    @Test func `many commands at once are all recorded`() async throws {
        let fixture = try await prepared()
        try await succeed(fixture, "token", "set", "coda", input: "start")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    try await succeed(fixture, "token", "rotate", "coda", "--no-probe", input: "value-\(number)")
                }
            }
            try await group.waitForAll()
        }
        #expect(try await changes(fixture).count == 7)
        #expect(try await fixture.run("audit", "verify").exit == 0)
    }

    @Test func `an audit that keeps nothing is told nothing`() async throws {
        let fixture = try await prepared("{ kind: none }")
        try await succeed(fixture, "token", "set", "coda", input: "one")
        #expect(!FileManager.default.fileExists(atPath: "\(fixture.path)/spool"))
    }

    /// Standard output is the running instance's: it finds the event in the spool.
    @Test func `an audit to standard output is left in the spool for the instance`() async throws {
        let fixture = try await prepared("{ kind: stdout }")
        let outcome = try await fixture.run(["token", "set", "coda"], input: "one")
        #expect(outcome.exit == 0 && outcome.errors.isEmpty && !outcome.output.contains("token_set"), "\(outcome)")
        let waiting = SharedSpool.walks(of: "\(fixture.path)/spool")
        #expect(waiting.count == 1)
    }

    /// A folder that this user made there, its instance could not read.
    @Test(.enabled(if: geteuid() == 0, "only root can give a folder to another user"))
    func `a spool of another user is left alone, and the sink takes the row at once or the command says so`()
        async throws
    {
        let fixture = try await prepared()
        try fixture.recordRequests(count: 1, chained: true)
        #expect(chown("\(fixture.path)/spool", 65_534, 65_534) == 0)
        let before = try FileManager.default.contentsOfDirectory(atPath: "\(fixture.path)/spool").sorted()
        try await succeed(fixture, "token", "set", "coda", input: "one")
        #expect(try await changes(fixture).count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(fixture.path)/spool").sorted() == before)
        let text = fixture.read("gatehouse.yaml")
        try fixture.write(
            text.replacing("\(fixture.path)/audit.db", with: "\(fixture.path)/none/audit.db"),
            to: "gatehouse.yaml"
        )
        let outcome = try await fixture.run(["token", "rotate", "coda", "--no-probe"], input: "two")
        #expect(
            outcome.exit == 0 && outcome.errors.contains("warning: the audit has no row of this change: "),
            "\(outcome)"
        )
    }
}
