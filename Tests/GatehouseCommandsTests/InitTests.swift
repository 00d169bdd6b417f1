import Foundation
import Glibc
import Testing

/// `gatehouse init`, asked on a terminal and by a script.
@Suite("A first configuration", .timeLimit(.minutes(1)))
struct InitTests {
    private static let options = [
        "--team", "example", "--host", "coda.example.com", "--audience", CommandFixture.audience,
    ]

    private func check(_ fixture: CommandFixture, _ name: String) async throws {
        let outcome = try await fixture.run(["check", "--strict", "--config", "\(fixture.path)/\(name)"])
        #expect(outcome == Command.Outcome(exit: 0), "\(outcome.errors)")
    }

    @Test func `a script gets a file that check has nothing to say about`() async throws {
        let fixture = try CommandFixture()
        let out = "\(fixture.path)/first.yaml"
        let outcome = try await fixture.run(["init", "--defaults", "--out", out] + Self.options)
        #expect(outcome.exit == 0 && outcome.output.isEmpty, "\(outcome.errors)")
        #expect(outcome.errors.contains("$CODA_API_TOKEN"))
        let text = fixture.read("first.yaml")
        #expect(text.contains("team: example") && text.contains(CommandFixture.audience) && text.contains("X-Coda-*"))
        try await check(fixture, "first.yaml")
        var status = stat()
        #expect(stat("\(fixture.path)/gatehouse-data", &status) == 0 || access("/var/lib/gatehouse", W_OK) == 0)
    }

    @Test func `a file that is there stays as it is`() async throws {
        let fixture = try CommandFixture()
        try fixture.write("mine", to: "first.yaml")
        let out = "\(fixture.path)/first.yaml"
        let outcome = try await fixture.run(["init", "--defaults", "--out", out] + Self.options)
        #expect(outcome.exit == 1 && outcome.errors.contains("exists, and is left as it is"))
        #expect(fixture.read("first.yaml") == "mine")
        let dangling = "\(fixture.path)/dangling.yaml"
        try FileManager.default.createSymbolicLink(atPath: dangling, withDestinationPath: "\(fixture.path)/elsewhere")
        #expect(try await fixture.run(["init", "--defaults", "--out", dangling] + Self.options).exit != 0)
        #expect(access("\(fixture.path)/elsewhere", F_OK) != 0, "a link is not followed")
    }

    @Test(arguments: [
        (["--defaults"], "--defaults needs --team"),
        (
            ["--defaults", "--team", "a b", "--host", "h.example.com", "--audience", CommandFixture.audience],
            "a team is"
        ),
        (["--defaults", "--team", "example", "--host", "h.example.com", "--audience", "<AUD>"], "64 hexadecimal"),
        (["--defaults", "--server", "codda"] + options, "the catalog has no 'codda'"),
        (["--defaults", "--upstream", "ftp://x"] + options, "an upstream is"),
        (options, "nobody to ask"),
    ])
    func `what cannot be used is said and nothing is written`(arguments: [String], words: String) async throws {
        let fixture = try CommandFixture()
        let outcome = try await fixture.run(["init", "--out", "\(fixture.path)/first.yaml"] + arguments)
        #expect(outcome.exit == 64 && outcome.errors.contains(words), "\(outcome.errors)")
        #expect(access("\(fixture.path)/first.yaml", F_OK) != 0)
    }

    @Test func `a server of one's own is named with its place`() async throws {
        let fixture = try CommandFixture()
        let own = ["--server", "wiki", "--upstream", "unix:/run/wiki/mcp.sock"]
        let outcome = try await fixture.run(
            ["init", "--defaults", "--out", "\(fixture.path)/first.yaml"] + Self.options + own
        )
        #expect(outcome.exit == 0, "\(outcome.errors)")
        #expect(fixture.read("first.yaml").contains("unix:/run/wiki/mcp.sock"))
        try await check(fixture, "first.yaml")
    }

    @Test func `on a terminal it asks, says what is wrong with an answer and asks again`() async throws {
        let fixture = try CommandFixture()
        let typing = try Typing(["init", "--out", "\(fixture.path)/first.yaml"], in: fixture)
        var seen = await typing.screen(until: "cloudflareaccess.com): ")
        typing.type("https://example.cloudflareaccess.com\n")
        seen += await typing.screen(until: "tunnel has it): ")
        typing.type("not a host\n")
        seen += await typing.screen(until: "tunnel has it): ")
        typing.type(" grafana.example.com \n")
        seen += await typing.screen(until: "digits): ")
        typing.type("1234\n")
        seen += await typing.screen(until: "digits): ")
        typing.type(CommandFixture.audience + "\n")
        seen += await typing.screen(until: "[coda]: ")
        #expect(seen.contains("grafana") && seen.contains("other"))
        typing.type("6\n")
        seen = await typing.screen(until: "[http://grafana-mcp:8000]: ")
        typing.type("\n")
        seen = await typing.screen()
        #expect(await typing.exit() == 0, "\(seen)")
        #expect(seen.contains("route 'grafana' for grafana.example.com"))
        #expect(fixture.read("first.yaml").contains("team: example"))
        try await check(fixture, "first.yaml")
    }

    @Test func `the end of input leaves nothing behind`() async throws {
        let fixture = try CommandFixture()
        let typing = try Typing(["init", "--out", "\(fixture.path)/first.yaml"], in: fixture)
        _ = await typing.screen(until: "cloudflareaccess.com): ")
        typing.type("\u{04}")
        _ = await typing.screen()
        #expect(await typing.exit() == 1)
        #expect(access("\(fixture.path)/first.yaml", F_OK) != 0)
    }
}
