import Foundation
import Testing

/// The one rule of `--json`: what ends by itself is one document, what streams is one a line.
@Suite("What --json prints", .timeLimit(.minutes(5)))
struct JSONOutputTests {
    @Test func `is one document, or one a line of what streams`() async throws {
        let fixture = try CommandFixture()
        let path = fixture.path
        for arguments in [
            ["key", "generate", "--out", "\(path)/key"], ["key", "generate", "--out", "\(path)/key2"],
            ["token", "set", "coda"],
        ] {
            let outcome = try await fixture.run(arguments, input: "a value")
            #expect(outcome.exit == 0, "\(outcome.errors)")
        }
        try fixture.recordRequests(count: 3, chained: true)
        let query = try await fixture.run("audit", "query", "--json")
        let rows = try #require(try JSONSerialization.jsonObject(with: Data(query.output.utf8)) as? [[String: Any]])
        let request = try #require(rows.first?["request_id"] as? String)
        let breakglass = "\(path)/breakglass.yaml"
        let commands: [[String]] = [
            ["check"], ["check", "--print"], ["route", "list"], ["route", "show", "coda"],
            ["route", "remove", "open", "--dry-run"],
            [
                "route", "add", "one", "--host", "one.example.com", "--upstream", "http://one:1", "--audience", "x",
                "--dry-run",
            ], ["explain", "--route", "coda", "--email", "ada@example.com"], ["token", "list"],
            ["token", "show", "coda"], ["token", "history", "coda"], ["token", "rotate", "coda", "--no-probe"],
            ["store", "status"], ["bearer", "issue", "night", "--routes", "coda", "--config", breakglass],
            ["bearer", "list", "--config", breakglass], ["bearer", "revoke", "night", "--config", breakglass],
            ["audit", "query"], ["audit", "show", request], ["audit", "stats"], ["audit", "verify"],
            ["audit", "verify", "--spool"], ["doctor"], ["health"], ["backup", "\(path)/saved"],
        ]
        for arguments in commands {
            let outcome = try await fixture.run(arguments + ["--json"], input: "another value")
            guard !outcome.output.isEmpty else {
                #expect(outcome.exit != 0, "\(arguments) prints nothing")
                continue
            }
            #expect(throws: Never.self, "\(arguments): \(outcome.output)") {
                _ = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
            }
        }
        for arguments in [["audit", "export"], ["audit", "tail", "--lines", "3", "--json"]] {
            let outcome = try await fixture.run(arguments)
            let lines = outcome.output.split(separator: "\n")
            #expect(lines.count >= 3, "\(arguments): \(outcome)")
            for line in lines {
                #expect(throws: Never.self, "\(line)") {
                    _ = try JSONSerialization.jsonObject(with: Data(line.utf8))
                }
            }
        }
    }
}
