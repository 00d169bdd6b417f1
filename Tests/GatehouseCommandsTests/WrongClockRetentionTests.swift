import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

/// `gatehouse serve` and `gatehouse audit prune` on a machine whose clock is ten minutes ahead of the certs server's.
@Suite("The retention of a machine whose clock is wrong", .timeLimit(.minutes(3)))
struct WrongClockRetentionTests {
    /// Six events of two days ago, which a retention of a day lets go, and 24 of now.
    private func filled(certs: String) async throws -> CommandFixture {
        let fixture = try CommandFixture()
        let yaml = fixture.read("gatehouse.yaml").replacing("http://127.0.0.1:1/certs", with: certs)
            .replacing("sink: {", with: "retention: 1d\n  sink: {")
        try fixture.write(yaml, to: "gatehouse.yaml")
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        let now = SystemClock().now()
        try fixture.recordRequests(count: 3, at: now + .seconds(-2 * 86_400), chained: true)
        try fixture.recordRequests(count: 12, from: 3, at: now + .seconds(-60), chained: true)
        return fixture
    }

    private func certs(secondsBehind: Double) async throws -> LoopbackHTTP {
        let keys = String(decoding: TestIssuer().jwkSet, as: UTF8.self)
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "GMT")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        return try await LoopbackHTTP.start { _ in
            LoopbackHTTP.Answer(200, keys, [("Date", format.string(from: Date.now.addingTimeInterval(-secondsBehind)))])
        }
    }

    private func count(_ fixture: CommandFixture) async throws -> Int {
        try await fixture.run("audit", "export", "--events").output.split(separator: "\n").count
    }

    /// The instance prunes for the first time half a minute after its start.
    @Test func `deletes nothing, and says why`() async throws {
        let server = try await certs(secondsBehind: 600)
        let fixture = try await filled(certs: server.url + "/certs")
        let words = "nothing was deleted: the clocks of this machine and of the certs server are "
        let command = try await fixture.run("audit", "prune")
        #expect(command.exit == 1 && command.errors.contains(words), "\(command)")
        let log = "\(fixture.path)/serve.log"
        let pid = try fixture.start(["serve"], streams: ["/dev/null", log, log])
        defer { kill(pid, SIGKILL) }
        try await Polling.until("the retention") { fixture.read("serve.log").contains("audit events were ") }
        let said = fixture.read("serve.log")
        #expect(said.contains("old audit events were not deleted"), "\(said)")
        #expect(said.contains("the clocks of this machine and of the certs server are "), "\(said)")
        kill(pid, SIGTERM)
        #expect(await Command.exit(of: pid) == 0)
        #expect(try await count(fixture) == 30)
        await server.close()
    }

    @Test func `deletes what is old where the clock is right`() async throws {
        let server = try await certs(secondsBehind: 0)
        let fixture = try await filled(certs: server.url + "/certs")
        let command = try await fixture.run("audit", "prune")
        #expect(command.exit == 0 && command.errors.contains("6 events deleted"), "\(command)")
        #expect(try await count(fixture) == 24)
        await server.close()
    }
}
