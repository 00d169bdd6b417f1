import Foundation
import GatehouseTestSupport
import Testing

/// The words of `gatehouse token` about a change that is likely to be a mistake, and the name that it records.
@Suite("gatehouse token", .timeLimit(.minutes(2)))
struct TokenCommandTests {
    private func prepared() async throws -> CommandFixture {
        let fixture = try CommandFixture()
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        return fixture
    }

    private func actors(_ fixture: CommandFixture) async throws -> [String] {
        let outcome = try await fixture.run("token", "history", "coda", "--json")
        let events = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]]
        return try #require(events).compactMap { $0["actor"] as? String }
    }

    @Test(arguments: ["2020-01-31", "2020-01-31T00:00:00Z"])
    func `a token that has ended is not set`(end: String) async throws {
        let fixture = try await prepared()
        for verb in ["set", "rotate"] {
            let outcome = try await fixture.run("token", verb, "coda", "--expires-at", end, input: "a-long-token")
            #expect(outcome.exit == 64, "\(outcome)")
            #expect(outcome.errors.contains("a token that ended at 2020-01-31T00:00:00"), "\(outcome)")
            #expect(outcome.errors.contains("nothing was changed"), "\(outcome)")
        }
        #expect(try await fixture.run("token", "show", "coda").exit == 1)
        let later = try await fixture.run("token", "set", "coda", "--expires-at", "2090-01-31", input: "a-long-token")
        #expect(later.exit == 0 && later.errors.isEmpty && later.output.contains("2090-01-31"), "\(later)")
    }

    @Test func `the value that is there already is named, and is set all the same`() async throws {
        let fixture = try await prepared()
        let first = try await fixture.run("token", "set", "coda", input: "a-long-token")
        #expect(first.exit == 0 && first.errors.isEmpty, "\(first)")
        let same = try await fixture.run("token", "rotate", "coda", "--no-probe", input: "a-long-token")
        let warning = "gatehouse: warning: this is the value that 'coda' has already, as version 1\n"
        #expect(same.exit == 0 && same.errors == warning, "\(same)")
        let other = try await fixture.run("token", "rotate", "coda", "--no-probe", input: "another-token")
        #expect(other.exit == 0 && other.errors.isEmpty, "\(other)")
    }

    @Test func `a token that no route uses is named`() async throws {
        let fixture = try await prepared()
        let outcome = try await fixture.run("token", "set", "cdoa", input: "a-long-token")
        #expect(outcome.exit == 0, "\(outcome)")
        #expect(outcome.errors == "gatehouse: warning: no route uses the token 'cdoa'\n", "\(outcome)")
    }

    /// Root is nobody's name. Who is not root cannot take another's by a variable.
    @Test func `the history names who ran sudo, or whom --by names`() async throws {
        let fixture = try await prepared()
        let changes: [(arguments: [String], environment: [String: String], actor: String)] = [
            ([], [:], CommandFixture.user),
            ([], ["SUDO_USER": "eve"], geteuid() == 0 ? "eve" : CommandFixture.user),
            ([], ["SUDO_USER": ""], CommandFixture.user),
            (["--by", "ann"], ["SUDO_USER": "eve"], "ann"),
        ]
        for (arguments, environment, _) in changes {
            let words = ["token", "set", "coda"] + arguments
            let outcome = try await fixture.run(words, input: UUID().uuidString, environment: environment)
            #expect(outcome.exit == 0, "\(outcome)")
        }
        #expect(try await actors(fixture) == changes.map(\.actor).reversed())
        let rollback = try await fixture.run("token", "rollback", "coda", "--by", "bob")
        #expect(rollback.exit == 0, "\(rollback)")
        #expect(try await actors(fixture).first == "bob")
    }

    /// An upstream that is away says nothing of the value: only one that refuses it does.
    @Test(arguments: [
        (401, "the new value of 'coda' does not work: nothing was changed"),
        (503, "whether the new value of 'coda' works is not known: nothing was changed"),
        (nil, "whether the new value of 'coda' works is not known: nothing was changed"),
    ])
    func `a rotation says what its probe has found out`(status: Int?, words: String) async throws {
        let server = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(status ?? 200, "{}") }
        if status == nil { await server.close() }
        let workplace = try await prepared()
        let probe = "probe: { url: \"\(server.url)/whoami\", headers: { X-Key: \"{token}\" } }"
        try workplace.write(
            workplace.read("gatehouse.yaml").replacing("    strip:", with: "    \(probe)\n    strip:"),
            to: "gatehouse.yaml"
        )
        #expect(try await workplace.run("token", "set", "coda", input: "a-long-token").exit == 0)
        let outcome = try await workplace.run("token", "rotate", "coda", input: "another-token")
        #expect(outcome.exit == 1 && outcome.errors.contains(words), "\(outcome)")
        #expect(try await workplace.run("token", "show", "coda", "--json").output.contains(#""version":1"#))
        await server.close()
    }
}
