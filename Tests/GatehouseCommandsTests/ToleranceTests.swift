import Foundation
import Testing

/// One wrong line keeps nobody from what has nothing to do with it.
@Suite("Commands with a file that is wrong elsewhere", .timeLimit(.minutes(2)))
struct ToleranceTests {
    private func workplace(_ change: (String) -> String) async throws -> Workplace {
        let workplace = try Workplace()
        for name in ["key", "key2"] {
            #expect(try await workplace.run("key", "generate", "--out", "\(workplace.path)/\(name)").exit == 0)
        }
        try workplace.write(change(workplace.read("gatehouse.yaml")), to: "gatehouse.yaml")
        return workplace
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
        let workplace = try await workplace(Self.changes[index])
        #expect(try await workplace.run("check").exit == 78)
        for arguments in [
            ["token", "set", "coda"], ["token", "list"], ["bearer", "list"], ["token", "rotate", "coda"],
        ] {
            let outcome = try await workplace.run(arguments, input: "value \(arguments.joined())")
            #expect(outcome.exit == 0, "\(arguments) \(outcome.errors)")
            #expect(outcome.errors.contains("error: ") && outcome.errors.contains("so it goes on"), "\(outcome.errors)")
        }
        // There is no archive yet, which is another matter than the file.
        let query = try await workplace.run("audit", "query")
        #expect(query.exit == 1 && query.errors.contains("audit.db"), "\(query.errors)")
        let doctor = try await workplace.run("doctor", "--json")
        #expect(doctor.exit == 1)
        let json = try #require(try JSONSerialization.jsonObject(with: Data(doctor.output.utf8)) as? [String: Any])
        let findings = try #require(json["findings"] as? [[String: Any]])
        #expect(findings.contains { $0["probe"] as? String == "configuration" && $0["verdict"] as? String == "fail" })
        #expect(findings.contains { $0["probe"] as? String == "store" && $0["verdict"] as? String == "ok" })
        // What serves, and what speaks for it, takes no half of a file.
        for arguments in [["serve"], ["explain", "--route", "coda", "--email", "ada@example.com"]] {
            #expect(try await workplace.run(arguments).exit == 78, "\(arguments)")
        }
    }

    @Test(arguments: [
        (["token", "list"], "store: sealed", "store: seeled"), (["token", "list"], "kind: sqlite", "kind: sqlight"),
        (["audit", "query"], "  spool: ", "  spol: "), (["bearer", "list"], "  spool: ", "  spol: "),
    ])
    func `what a command needs must be right`(arguments: [String], part: String, broken: String) async throws {
        let workplace = try await workplace { $0.replacing(part, with: broken) }
        #expect(try await workplace.run(arguments).exit == 78)
    }

    @Test func `another store than the live one does with that alone`() async throws {
        let workplace = try await workplace { $0.replacing("store: sealed", with: "store: seeled") }
        let outcome = try await workplace.run("token", "set", "coda", "--store", "second", input: "value")
        #expect(outcome.exit == 0, "\(outcome.errors)")
    }

    @Test func `the configuration may be named before the verb and behind it`() async throws {
        let workplace = try await workplace { $0 }
        let path = "\(workplace.path)/gatehouse.yaml"
        for arguments in [
            ["--config", path, "check"], ["check", "--config", path], ["--config=\(path)", "token", "list"],
            ["token", "--config", path, "list"], ["--config", "/nowhere", "check", "--config", path],
        ] {
            let outcome = try await workplace.run(arguments, environment: ["GATEHOUSE_CONFIG": "/nowhere"])
            #expect(outcome.exit == 0, "\(arguments) \(outcome.errors)")
        }
        #expect(try await workplace.run("--config", "/nowhere", "check").exit == 78)
    }
}
