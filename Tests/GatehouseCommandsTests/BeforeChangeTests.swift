import Foundation
import Testing

/// What a file that is not in force yet would change: for callers by itself, and for what the audit has of them.
@Suite("Before a change", .timeLimit(.minutes(1)))
struct BeforeChangeTests {
    private let fixture: CommandFixture

    init() throws { fixture = try CommandFixture() }

    private func write(_ name: String, _ old: String, _ new: String) throws {
        let text = fixture.read("gatehouse.yaml")
        #expect(text.contains(old))
        try fixture.write(text.replacing(old, with: new), to: name)
    }

    private func compare(_ name: String, _ more: String...) async throws -> Command.Outcome {
        try await fixture.run(
            ["check", "--config", "\(fixture.path)/\(name)", "--against", "\(fixture.path)/gatehouse.yaml"] + more
        )
    }

    @Test func `nothing is said of a file that changes nothing`() async throws {
        let outcome = try await compare("gatehouse.yaml")
        #expect(outcome.exit == 0 && outcome.output.isEmpty && outcome.errors.isEmpty, "\(outcome)")
    }

    @Test func `who gains is said, and is a failure`() async throws {
        try write("wide.yaml", "users: [\"david@example.com\", \"admin@*\"]", "users: [\"*\"]")
        let outcome = try await compare("wide.yaml")
        #expect(outcome.exit == 1)
        #expect(outcome.output.hasPrefix("+ route 'coda': the user * may use it\n"), "\(outcome)")
        let json = try await compare("wide.yaml", "--json")
        #expect(json.exit == 1)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: [String]]
        )
        #expect(object["gains"] == ["route 'coda': the user * may use it"])
        #expect(object["changes"] == [])
    }

    @Test func `who loses alone is none`() async throws {
        try write("narrow.yaml", "tools: [\"list_*\"]", "tools: [list_docs]")
        let outcome = try await compare("narrow.yaml")
        #expect(outcome.exit == 0)
        #expect(outcome.output == "- route 'coda': no more: the user *@example.com may use the tool list_*\n")
    }

    @Test func `another upstream and another token are changes that somebody should look at`() async throws {
        try write("moved.yaml", "{ X-Coda-Api-Key: \"{token}\" }", "{ X-Coda-Api-Key: \"{token:admin}\" }")
        let outcome = try await compare("moved.yaml")
        #expect(outcome.exit == 1)
        #expect(
            outcome.output.contains(
                "~ route 'coda': its requests carry the token 'admin', where they carried the token 'coda'"
            ),
            "\(outcome)"
        )
    }

    @Test func `a file that cannot be read is said, whichever it is`() async throws {
        let broken = try await compare("bad.yaml")
        #expect(broken.exit == 78 && broken.errors.contains("bad.yaml"), "\(broken)")
        let other = try await fixture.run("check", "--against", "\(fixture.path)/bad.yaml")
        #expect(other.exit == 78 && other.errors.contains("bad.yaml"), "\(other)")
        let usage = try await fixture.run("check", "--print", "--against", "\(fixture.path)/gatehouse.yaml")
        #expect(usage.exit == 64)
    }

    @Test func `past messages are judged by another file`() async throws {
        try fixture.recordRequests(count: 12)
        try fixture.changeAudit("UPDATE audit_events SET rpc_method = 'tools/call', path = '/mcp', subject = 's'")
        let since = ["explain", "--replay", "2020-01-01T00:00:00Z", "--config"]
        // Of a caller whom a group may let in, the audit says too little.
        let group = "- { groups: [\"team-*\"], claims: { country: [DE, AT] }, tools: [\"team_*\"] }"
        try write("gatehouse.yaml", group, "")
        let same = try await fixture.run(since + ["\(fixture.path)/gatehouse.yaml"])
        // The recorded callers used tools that the file never gave ann.
        #expect(same.exit == 1, "\(same)")
        #expect(same.output.contains("would be denied now:") && same.output.contains("tool_denied"), "\(same)")
        #expect(same.output.contains("12 messages judged"), "\(same)")
        try write("open.yaml", "tools: [\"list_*\"], prompts: [], resources: [\"coda://docs/*\"]", "tools: [\"*\"]")
        let open = try await fixture.run(since + ["\(fixture.path)/open.yaml"])
        #expect(open.exit == 1 && open.output.contains("would be allowed now:"), "\(open)")
        #expect(!open.output.contains("would be denied now:"), "\(open)")
        let json = try await fixture.run(since + ["\(fixture.path)/open.yaml", "--json"])
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        )
        #expect(object["messages"] as? Int == 12)
        let differences = try #require(object["differences"] as? [[String: Any]])
        #expect(differences.count == 4)
        #expect(differences.allSatisfy { $0["now"] as? String == "allow" && $0["reason"] as? String == "tool_denied" })
        let none = try await fixture.run(["explain", "--replay", "1m", "--config", "\(fixture.path)/open.yaml"])
        #expect(none.exit == 0 && none.output == "0 messages judged, each as it was\n", "\(none)")
        for more in [["--email", "a@x.de"], ["--group", "g"], ["--claim", "country=DE"], ["--arguments", "{}"]] {
            let usage = try await fixture.run(["explain", "--replay", "7d"] + more)
            #expect(usage.exit == 64 && usage.errors.contains("--replay asks about everybody"), "\(usage)")
        }
        let time = try await fixture.run("explain", "--replay", "soon")
        #expect(time.exit == 64, "\(time)")
    }
}
