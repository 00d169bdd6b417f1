import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Break-glass credentials of several instances.
@Suite("Break-glass credentials of a fleet", .needsPostgres, .timeLimit(.minutes(5)))
struct FleetBearerTests {
    /// The time that `docs/FLEET.md` promises to an operator.
    private static let promised: Duration = .seconds(2)

    private static func field(_ text: String) -> CurlHeader { CurlHeader("Authorization", "Bearer \(text)") }

    @Test(arguments: [false, true])
    func `one opens on all instances, and ends on all with its streams`(isPooled: Bool) async throws {
        let fleet = try await FleetFixture.start(isPooled: isPooled, options: ["authenticate: [access, bearer]"])
        let text = try await fleet.command("bearer", "issue", "night", "--routes", "open", "--for", "1h")
            .trimmingCharacters(in: .newlines)
        let issued = ContinuousClock.now
        for name in fleet.names {
            try await fleet.eventually(name) { try await fleet.call(name, [Self.field(text)]) == 200 }
        }
        #expect(ContinuousClock.now - issued < Self.promised)
        let streams = try fleet.names.map { try fleet.stream($0, "Authorization: Bearer \(text)") }
        #expect(try await fleet.command("bearer", "list", on: "two").contains("night"))
        _ = try await fleet.command("bearer", "revoke", "night", on: "two")
        let began = ContinuousClock.now
        for name in fleet.names {
            try await fleet.eventually(name) { try await fleet.call(name, [Self.field(text)]) == 401 }
        }
        for stream in streams { _ = try stream.receiveToEnd(orReset: true) }
        #expect(ContinuousClock.now - began < Self.promised)
    }

    @Test func `those of before move to the fleet, and back`() async throws {
        let fleet = try await FleetFixture.start(options: ["authenticate: [access, bearer]"])
        // As it was before the store kept state: a file on each machine.
        let old = try String(contentsOfFile: "\(fleet.folder.path)/one.yaml", encoding: .utf8)
        try fleet.folder.write(old.replacing("state: kept\n", with: ""), to: "before.yaml")
        let text = try await fleet.command("bearer", "issue", "night", "--routes", "open", on: "before")
            .trimmingCharacters(in: .newlines)
        try await fleet.stopInstance("one")
        try await fleet.startInstance("one")
        try await fleet.eventually("one") {
            try fleet.process("one").errors.text.contains("bearers in this machine's file open nothing")
        }
        #expect(try await fleet.call("one", [Self.field(text)]) == 401)
        #expect(try await fleet.command("bearer", "migrate", "--dry-run").contains("would be copied"))
        #expect(try await fleet.command("bearer", "migrate").contains("copied"))
        for name in fleet.names {
            try await fleet.eventually(name) { try await fleet.call(name, [Self.field(text)]) == 200 }
        }
        _ = try await fleet.command("bearer", "revoke", "--all", on: "two")
        #expect(try await fleet.command("bearer", "list", on: "before").contains("live"))
        #expect(try await fleet.command("bearer", "migrate", "--back").contains("revoked"))
        #expect(try await !fleet.command("bearer", "list", on: "before").contains("live"))
        let rows = try await fleet.command("audit", "tail", "--events", "--lines", "1000", "--json")
        #expect(rows.contains("bearer_migrate"))
    }
}
