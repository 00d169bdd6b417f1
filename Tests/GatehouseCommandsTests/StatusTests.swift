import Foundation
import Glibc
import Testing

@Suite("gatehouse status", .timeLimit(.minutes(2)))
struct StatusTests {
    /// An instance with a token missing and no keys to be had.
    private func serving(_ body: (CommandFixture) async throws -> Void) async throws {
        let fixture = try CommandFixture()
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        let log = "\(fixture.path)/serve.log"
        let pid = try fixture.start(["serve"], streams: ["/dev/null", log, log])
        defer { kill(pid, SIGKILL) }
        // There is nothing else to await from outside.
        while try await fixture.run("status").exit != 0 { try Task.checkCancellation() }
        try await body(fixture)
        kill(pid, SIGTERM)
        #expect(await Command.exit(of: pid) == 0)
    }

    private func json(_ outcome: Command.Outcome) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    @Test func `says what the instance is, whatever the file has become`() async throws {
        try await serving { fixture in
            let text = try await fixture.run("status").output
            #expect(text.contains("not ready") && text.contains("FAIL, no token coda"), "\(text)")
            #expect(text.contains("the same as in force"))
            // A broken file is no reason to know nothing.
            try fixture.write("not: [a configuration", to: "gatehouse.yaml")
            let broken = try await fixture.run("status", "--json", "--admin", "unix:\(fixture.path)/admin.sock")
            let state = try json(broken)
            let configuration = try #require(state["configuration"] as? [String: Any])
            #expect(configuration["differs_on_disk"] as? Bool == true)
            #expect(state["version"] as? String != nil && state["ready"] as? Bool == false)
            let page = try await fixture.run("status", "--markdown", "--admin", "unix:\(fixture.path)/admin.sock")
            #expect(page.output.hasPrefix("# Gatehouse ") && page.output.contains("## Routes"))
        }
    }

    @Test func `watches until its reader goes`() async throws {
        try await serving { fixture in
            let outcome = try await fixture.run(
                ["-c", "\"$0\" status --watch --json | head -n 2", Command.binary],
                by: "/bin/sh"
            )
            let lines = outcome.output.split(separator: "\n")
            #expect(lines.count == 2)
            for line in lines { #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any]) }
        }
    }

    @Test func `nobody there is an error with a remedy`() async throws {
        let outcome = try await CommandFixture().run("status")
        #expect(outcome.exit == 1 && outcome.errors.contains("no instance answers"))
        #expect(try await CommandFixture().run("status", "--json", "--markdown").exit == 64)
        #expect(try await CommandFixture().run("status", "--admin", "nowhere").exit == 64)
    }
}
