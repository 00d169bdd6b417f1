import Foundation
import Testing

/// One wrong line keeps nobody from what has nothing to do with it.
@Suite("Commands with a file that is wrong elsewhere", .timeLimit(.minutes(2)))
struct ToleranceTests {
    private func fixture(_ change: (String) -> String) async throws -> CommandFixture {
        let fixture = try CommandFixture()
        for name in ["key", "key2"] {
            #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/\(name)").exit == 0)
        }
        try fixture.write(change(fixture.read("gatehouse.yaml")), to: "gatehouse.yaml")
        return fixture
    }

    /// Each breaks another part.
    private static let changes: [@Sendable (String) -> String] = [
        { $0.replacing("host: open.example.com", with: "hots: open.example.com") },
        { $0.replacing("host: open.example.com", with: "host: \"${NOT_SET_ANYWHERE}\"") },
        { $0.replacing("certs_url: http://127.0.0.1:1/certs", with: "certs_url: nonsense") },
        { $0.replacing("threads: 2", with: "threads: many\nunheard_of: 1") },
        { $0.replacing("  environment: { kind: env }", with: "  environment: { kind: envy }") },
        { $0.replacing("listen: unix:", with: "listen: nowhere:") },
        // Two of one name.
        { $0.replacing("name: open", with: "name: coda") },
    ]

    @Test(arguments: changes.indices)
    func `tokens, credentials and the audit can be worked with, and it is said`(index: Int) async throws {
        let fixture = try await fixture(Self.changes[index])
        #expect(try await fixture.run("check").exit == 78)
        for arguments in [
            ["token", "set", "coda"], ["token", "list"], ["bearer", "list"], ["token", "rotate", "coda"],
        ] {
            let outcome = try await fixture.run(arguments, input: "value \(arguments.joined())")
            #expect(outcome.exit == 0, "\(arguments) \(outcome.errors)")
            #expect(outcome.errors.contains("error: ") && outcome.errors.contains("so it goes on"), "\(outcome.errors)")
        }
        // What was done is in the audit.
        let query = try await fixture.run("audit", "query", "--kind", "change")
        #expect(query.exit == 0 && query.output.contains("token_rotate"), "\(query)")
        let doctor = try await fixture.run("doctor", "--json")
        #expect(doctor.exit == 1)
        let json = try #require(try JSONSerialization.jsonObject(with: Data(doctor.output.utf8)) as? [String: Any])
        let findings = try #require(json["findings"] as? [[String: Any]])
        #expect(findings.contains { $0["probe"] as? String == "configuration" && $0["verdict"] as? String == "fail" })
        #expect(findings.contains { $0["probe"] as? String == "store" && $0["verdict"] as? String == "ok" })
        // Commands that serve, or that write the file, accept no half of it.
        for arguments in [["serve"], ["route", "show", "coda"], ["route", "remove", "coda"]] {
            #expect(try await fixture.run(arguments).exit == 78, "\(arguments)")
        }
    }

    /// Each keeps the text from being YAML at all, and which commands need what is lost by it.
    private static let breaks: [(change: @Sendable (String) -> String, place: String, lost: Set<String>)] = [
        ({ $0 + "limits: \"an unclosed quote\n" }, ":37:9: error:", []),
        ({ $0.replacing("host: open.example.com", with: "host: \"open.example.com") }, ":33:11: error:", ["explain"]),
        ({ $0.replacing("  deny: {", with: "\tdeny: {") }, ":8:", ["explain"]),
        ({ $0.replacing("threads: 2", with: "threads: [2") }, ":5:7: error:", []),
        ({ $0.replacing("[{ file:", with: "[{{ file:") }, ":12:", ["token", "bearer", "verify", "run", "backup"]),
        ({ $0.replacing("  spool: ", with: "  spool: [") }, ":17:7:", ["bearer", "audit", "verify", "backup"]),
    ]

    @Test(arguments: breaks.indices)
    func `a file that is no YAML keeps nobody from what stands elsewhere in it`(index: Int) async throws {
        let (change, place, lost) = Self.breaks[index]
        let fixture = try await fixture { $0 }
        #expect(try await fixture.run("token", "set", "coda", input: "a value").exit == 0)
        try fixture.write(change(fixture.read("gatehouse.yaml")), to: "gatehouse.yaml")
        #expect(try await fixture.run("check").exit == 78)
        #expect(try await fixture.run("serve").exit == 78)
        let commands: [(name: String, arguments: [String], exit: Int32)] = [
            ("token", ["token", "rotate", "coda", "--no-probe"], 0), ("bearer", ["bearer", "list"], 0),
            ("audit", ["audit", "query"], 0), ("verify", ["audit", "verify"], 0),
            ("explain", ["explain", "--route", "coda", "--email", "ada@example.com", "--tool", "list_docs"], 0),
            ("run", ["run", "--env", "TOKEN=coda", "--", "/usr/bin/true"], 0),
            ("backup", ["backup", "\(fixture.path)/saved"], 0), ("doctor", ["doctor"], 1),
        ]
        for (name, arguments, exit) in commands {
            let outcome = try await fixture.run(arguments, input: "another value")
            #expect(outcome.exit == (lost.contains(name) ? 78 : exit), "\(arguments) \(outcome.errors)")
            #expect(outcome.errors.contains("gatehouse.yaml\(place)") || name == "doctor", "\(outcome.errors)")
            let next = lost.contains(name) ? "hint: this command needs" : "so it goes on"
            #expect(outcome.errors.contains(next) || name == "doctor", "\(arguments): \(outcome.errors)")
        }
    }

    @Test func `two parts that are no YAML are one too many, and it is said how to go on`() async throws {
        let fixture = try await fixture { $0.replacing("threads: 2", with: "threads: [2") + "limits: [\n" }
        let outcome = try await fixture.run("token", "list")
        #expect(outcome.exit == 78 && outcome.errors.contains("name another file with --config"), "\(outcome.errors)")
    }

    @Test func `what must be whole is, or the command does not go on`() async throws {
        let fixture = try await fixture { $0.replacing("kind: env }", with: "kind: envy }") }
        #expect(try await fixture.run("token", "set", "coda", input: "a value").exit == 0)
        let run = ["run", "--env", "TOKEN=coda"]
        #expect(try await fixture.run(run + ["--", "/usr/bin/true"]).exit == 0)
        // The store that cannot be read may name the variable of a secret.
        #expect(try await fixture.run(run + ["--keep-env", "HOME", "--", "/usr/bin/true"]).exit == 78)
        #expect(try await fixture.run("backup", "\(fixture.path)/saved").exit == 78)
    }

    @Test func `explain says of a route that cannot be read that it cannot`() async throws {
        let fixture = try await fixture { $0.replacing("upstream: http://127.0.0.1:2", with: "upstraem: x") }
        let found = try await fixture.run("explain", "--route", "coda", "--email", "ada@example.com")
        #expect(found.exit == 0, "\(found.errors)")
        let lost = try await fixture.run("explain", "--route", "open", "--email", "ada@example.com")
        #expect(lost.exit == 1 && lost.errors.contains("no route 'open' that can be read"), "\(lost.errors)")
    }

    @Test(arguments: [
        (["token", "list"], "store: sealed", "store: seeled"), (["token", "list"], "kind: sqlite", "kind: sqlight"),
        (["audit", "query"], "  spool: ", "  spol: "), (["bearer", "list"], "  spool: ", "  spol: "),
    ])
    func `what a command needs must be right`(arguments: [String], part: String, broken: String) async throws {
        let fixture = try await fixture { $0.replacing(part, with: broken) }
        #expect(try await fixture.run(arguments).exit == 78)
    }

    @Test func `another store than the live one does with that alone`() async throws {
        let fixture = try await fixture { $0.replacing("store: sealed", with: "store: seeled") }
        let outcome = try await fixture.run("token", "set", "coda", "--store", "second", input: "value")
        #expect(outcome.exit == 0, "\(outcome.errors)")
    }

    @Test func `the configuration may be named before the verb and behind it`() async throws {
        let fixture = try await fixture { $0 }
        let path = "\(fixture.path)/gatehouse.yaml"
        for arguments in [
            ["--config", path, "check"], ["check", "--config", path], ["--config=\(path)", "token", "list"],
            ["token", "--config", path, "list"], ["--config", "/nowhere", "check", "--config", path],
        ] {
            let outcome = try await fixture.run(arguments, environment: ["GATEHOUSE_CONFIG": "/nowhere"])
            #expect(outcome.exit == 0, "\(arguments) \(outcome.errors)")
        }
        #expect(try await fixture.run("--config", "/nowhere", "check").exit == 78)
    }
}
