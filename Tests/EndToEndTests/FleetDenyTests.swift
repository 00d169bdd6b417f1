import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// `gatehouse deny` before several instances.
@Suite("Denied on every instance", .needsPostgres, .timeLimit(.minutes(5)))
struct FleetDenyTests {
    /// The time that `docs/FLEET.md` promises to an operator.
    private static let promised: Duration = .seconds(2)

    private func seconds(_ body: () async throws -> Void) async rethrows -> Duration {
        let began = ContinuousClock.now
        try await body()
        return ContinuousClock.now - began
    }

    @Test(arguments: [false, true])
    func `a caller is out on all instances, with the streams that are open, until the entry is removed`(
        isPooled: Bool
    ) async throws {
        let fleet = try await FleetFixture.start(isPooled: isPooled, access: ["groups: { claim: groups }"])
        let field = "Cf-Access-Jwt-Assertion: \(fleet.assertion())"
        let streams = try fleet.names.map { try fleet.stream($0, field) }
        let others = try fleet.names.map {
            try fleet.stream($0, "Cf-Access-Jwt-Assertion: \(fleet.assertion(of: "lina@example.com"))")
        }
        _ = try await fleet.command("deny", "add", "--user", "DAVID@Example.com", "--note", "gone", "--by", "ops")
        let took = try await seconds {
            for name in fleet.names { try await fleet.eventually(name) { try await fleet.call(name) == 401 } }
            for stream in streams { _ = try stream.receiveToEnd(orReset: true) }
        }
        #expect(took < Self.promised)
        for name in fleet.names {
            #expect(try await fleet.call(name, as: "lina@example.com") == 200)
            let denials = try await fleet.status(name)["denials"]["entries"].elements
            #expect(denials.map { $0["entry"].text } == ["DAVID@Example.com"] && denials.first?["by"].text == "ops")
        }
        for stream in others { #expect(try stream.pendingBytes() >= 0) }
        // Made at the other instance, and known to the one.
        let explained = try await fleet.command(
            "explain",
            "--route",
            "open",
            "--email",
            "david@example.com",
            on: "two",
            exits: 1
        )
        #expect(explained.contains("`gatehouse deny` names the principal: user DAVID@Example.com, by ops"))

        _ = try await fleet.command("deny", "remove", "--user", "david@example.com", on: "two")
        let back = try await seconds {
            for name in fleet.names { try await fleet.eventually(name) { try await fleet.call(name) == 200 } }
        }
        #expect(back < Self.promised)

        _ = try await fleet.command("deny", "add", "--group", "contract*")
        for name in fleet.names {
            try await fleet.eventually(name) {
                try await fleet.call(name, ["groups": #"["contractors"]"#]) == 401
            }
            #expect(try await fleet.call(name, ["groups": #"["staff"]"#]) == 200)
        }
        let rows = try JSON.rows(try await fleet.command("audit", "tail", "--events", "--lines", "1000", "--json"))
        let changes = rows.filter { $0["kind"].text == "change" }.map { ($0["change"].text, $0["target"].text) }
        #expect(
            changes.contains { $0.0 == "deny_add" && $0.1 == "user DAVID@Example.com" }
                && changes.contains { $0.0 == "deny_remove" } && changes.contains { $0.1 == "group contract*" }
        )
    }

    @Test func `the last known entries hold while the database is down, and without any nobody is let in`() async throws
    {
        let fleet = try await FleetFixture.start()
        _ = try await fleet.command("deny", "add", "--user", "gone@example.com")
        for name in fleet.names {
            try await fleet.eventually(name) { try await fleet.call(name, as: "gone@example.com") == 401 }
        }
        try await fleet.postgres.crash()
        _ = try await fleet.command("deny", "add", "--user", "other@example.com", exits: 1)
        try await fleet.eventually("one") { try await fleet.status("one")["denials"]["problem"].text != nil }
        #expect(try await fleet.call("one", as: "gone@example.com") == 401)
        #expect(try await fleet.call("one") == 200)
        // One that starts now does not know whom to refuse.
        try await fleet.stopInstance("two")
        try await fleet.startInstance("two", isReady: false)
        try await fleet.eventually("two") { (try? await fleet.call("two")) == 503 }
        let findings = try await fleet.status("two")["findings"].elements
        #expect(findings.contains { $0["probe"].text == "denials" && $0["verdict"].text == "fail" })
        try await fleet.postgres.start()
        try await fleet.eventually("two") { try await fleet.call("two") == 200 }
        #expect(try await fleet.call("two", as: "gone@example.com") == 401)
        _ = try await fleet.command("deny", "add", "--user", "other@example.com")
        for name in fleet.names {
            try await fleet.eventually(name) { try await fleet.call(name, as: "other@example.com") == 401 }
        }
    }

    @Test func `entries that somebody else wrote let nobody in again`() async throws {
        let fleet = try await FleetFixture.start()
        _ = try await fleet.command("deny", "add", "--user", "gone@example.com")
        try await fleet.eventually("one") { try await fleet.call("one", as: "gone@example.com") == 401 }
        for statement in [
            "DELETE FROM gatehouse.token_versions WHERE name = '*deny'",
            "UPDATE gatehouse.token_heads SET seal = '\\x00' WHERE name = '*deny'",
            "INSERT INTO gatehouse.token_heads SELECT '!junk' || n, 1, 1, 1, 1, '\\x00' FROM generate_series(1, 200) n",
        ] { try await fleet.postgres.execute(statement) }
        try await fleet.eventually("one") { try await fleet.status("one")["denials"]["problem"].text != nil }
        #expect(try await fleet.call("one", as: "gone@example.com") == 401)
        #expect(try await fleet.call("one") == 200)
        let refused = try await fleet.command("deny", "list", exits: 1)
        #expect(refused.contains("changed outside Gatehouse") && refused.contains("gatehouse deny remove --all"))
        _ = try await fleet.command("deny", "remove", "--all", "--yes")
        try await fleet.eventually("one") { try await fleet.call("one", as: "gone@example.com") == 200 }
    }
}
