import Foundation
import GatehouseTestSupport
import Glibc
import Testing

@Suite("gatehouse health", .timeLimit(.minutes(1)))
struct HealthTests {
    /// Asks until an instance answers; there is nothing else to await from outside.
    private func answer(_ fixture: CommandFixture, _ arguments: String...) async throws -> Command.Outcome {
        while true {
            let outcome = try await fixture.run(["health"] + arguments)
            let isStarting = outcome.output.contains("starting")
            if !outcome.errors.contains("no instance answers"), !isStarting { return outcome }
            try Task.checkCancellation()
        }
    }

    private func serve(_ fixture: CommandFixture) throws -> pid_t {
        let log = "\(fixture.path)/serve.log"
        return try fixture.start(["serve"], streams: ["/dev/null", log, log])
    }

    private func prepared() async throws -> CommandFixture {
        let fixture = try CommandFixture()
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        #expect(try await fixture.run("token", "set", "coda", input: "a-long-token").exit == 0)
        return fixture
    }

    @Test func `nobody there is not ready`() async throws {
        let fixture = try CommandFixture()
        let outcome = try await fixture.run("health")
        #expect(outcome.exit == 1 && outcome.output.isEmpty)
        #expect(outcome.errors.contains("no instance answers on unix:\(fixture.path)/admin.sock"))
    }

    @Test func `an instance without keys is not ready, and says so`() async throws {
        let fixture = try await prepared()
        let pid = try serve(fixture)
        defer { kill(pid, SIGKILL) }
        let outcome = try await answer(fixture)
        #expect(outcome.exit == 1)
        #expect(outcome.output.contains("FAIL  keys: "))
        #expect(outcome.output.contains("ok    store: 1 token"))
        #expect(outcome.errors == "gatehouse: error: the instance is not ready\n")
        kill(pid, SIGTERM)
        #expect(await Command.exit(of: pid) == 0)
    }

    @Test func `an instance with everything is ready`() async throws {
        let fixture = try await prepared()
        try FileManager.default.createDirectory(atPath: "\(fixture.path)/spool", withIntermediateDirectories: true)
        let header = "access-identity-keys 1 \(time(nil)) http://127.0.0.1:1/certs\n"
        let keys = String(decoding: TestIssuer().jwkSet, as: UTF8.self)
        try fixture.write(header + keys, to: "spool/signing-keys.json")
        chmod("\(fixture.path)/spool/signing-keys.json", 0o600)
        chmod("\(fixture.path)/spool", 0o700)
        let pid = try serve(fixture)
        defer { kill(pid, SIGKILL) }
        let outcome = try await answer(fixture, "--json")
        #expect(outcome.exit == 0 && outcome.errors.isEmpty, "\(outcome) \(fixture.read("serve.log"))")
        let answer = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        #expect(answer["ready"] as? Bool == true)
        let checks = try #require(answer["checks"] as? [[String: Any]])
        #expect(checks.compactMap { $0["name"] as? String } == ["keys", "store", "routes", "audit", "configuration"])
        kill(pid, SIGTERM)
        #expect(await Command.exit(of: pid) == 0)
        #expect(try await fixture.run("health").exit == 1)
    }
}
