import Foundation
import GatehouseCore
import Glibc
import Testing

@Suite("gatehouse audit", .timeLimit(.minutes(1)))
struct AuditCommandTests {
    private func filled(_ count: Int = 12) throws -> Workplace {
        let workplace = try Workplace()
        try workplace.recordRequests(count: count)
        return workplace
    }

    private func rows(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    @Test func `a query finds requests by every filter`() async throws {
        let workplace = try filled()
        func count(_ arguments: String...) async throws -> Int {
            let outcome = try await workplace.run(["audit", "query", "--json"] + arguments)
            #expect(outcome.exit == 0 && outcome.errors.isEmpty, "\(outcome)")
            return try rows(outcome.output).count
        }
        #expect(try await count() == 12)
        #expect(try await count("--decision", "deny") == 4)
        #expect(try await count("--decision", "allow") == 8)
        #expect(try await count("--reason", "tool_denied") == 4)
        #expect(try await count("--principal", "ann@example.com") == 6)
        #expect(try await count("--principal", "*@example.com") == 12)
        #expect(try await count("--principal", "ann@*", "--decision", "deny") == 2)
        #expect(try await count("--target", "tool7") == 1)
        #expect(try await count("--route", "coda") == 12)
        #expect(try await count("--route", "other") == 0)
        #expect(try await count("--request", Workplace.requestID(3).description) == 1)
        let third = Timestamp(seconds: Workplace.firstTime.seconds + 3).rfc3339
        #expect(try await count("--since", third) == 9)
        #expect(try await count("--until", third) == 3)
        #expect(try await count("--since", third, "--until", third) == 0)
        #expect(try await count("--until", "30000d") == 0)
        #expect(try await count("--since", "30000d") == 12)
    }

    @Test func `the newest come last, and a limit says that there are more`() async throws {
        let workplace = try filled()
        let outcome = try await workplace.run("audit", "query", "--json", "--limit", "2")
        #expect(try rows(outcome.output).compactMap { $0["target"] as? String } == ["tool10", "tool11"])
        #expect(outcome.errors == "gatehouse: hint: these are the newest 2; --limit 0 shows all\n")
        let whole = try await workplace.run("audit", "query", "--json", "--limit", "12")
        #expect(whole.errors.isEmpty)
        let all = try await workplace.run("audit", "query", "--json", "--limit", "0")
        #expect(all.output == whole.output && all.errors.isEmpty)
    }

    @Test func `an export holds every event in either form, on standard output as in a file`() async throws {
        let workplace = try filled()
        let lines = try await workplace.run("audit", "export")
        #expect(try rows(lines.output).count == 24 && lines.errors.isEmpty)
        let table = try await workplace.run("audit", "export", "--format", "csv")
        #expect(table.output.components(separatedBy: "\r\n").count == 26)
        for (format, printed) in [("jsonl", lines), ("csv", table)] {
            let out = "\(workplace.path)/events"
            let written = try await workplace.run("audit", "export", "--format", format, "--out", out)
            #expect(written == Command.Outcome(exit: 0))
            #expect(workplace.read("events") == printed.output)
        }
        let mode = try FileManager.default.attributesOfItem(atPath: "\(workplace.path)/events")[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test func `an export that fails leaves nothing behind and harms nothing`() async throws {
        let workplace = try filled()
        func files() throws -> [String] {
            // Not counting what our own runs leave, nor SQLite's companions of a database that is open.
            try FileManager.default.contentsOfDirectory(atPath: workplace.path)
                .filter { !$0.hasPrefix("run") && !$0.hasPrefix("audit.db-") }.sorted()
        }
        let before = try files()
        for out in ["/dev/full", "/dev/null", workplace.path, "\(workplace.path)/no/such/folder"] {
            #expect(try await workplace.run("audit", "export", "--out", out).exit == 1)
        }
        #expect(try files() == before)
        var information = stat()
        #expect(stat("/dev/null", &information) == 0 && information.st_mode & S_IFMT == S_IFCHR)
    }

    @Test func `a reader that has read enough is no failure`() async throws {
        let workplace = try filled(2000)
        let (pipe, end) = try workplace.pipe("events", O_RDONLY)
        let errors = "\(workplace.path)/errors"
        let command = Command(
            arguments: ["audit", "export"],
            environment: workplace.environment(),
            streams: ["/dev/null", pipe, errors]
        )
        let pid = try command.start()
        var byte: UInt8 = 0
        #expect(read(end, &byte, 1) == 1)
        close(end)
        #expect(await Command.exit(of: pid) == 0)
        #expect(workplace.read("errors").isEmpty)
    }

    @Test func `a full disk is a failure`() async throws {
        let workplace = try filled()
        let errors = "\(workplace.path)/errors"
        let command = Command(
            arguments: ["audit", "query"],
            environment: workplace.environment(),
            streams: ["/dev/null", "/dev/full", errors]
        )
        #expect(await Command.exit(of: try command.start()) == 1)
        #expect(workplace.read("errors").hasPrefix("gatehouse: error: standard output cannot be written"))
    }

    @Test func `tail begins with the newest and follows what comes`() async throws {
        let workplace = try filled(4)
        let short = try await workplace.run("audit", "tail", "--json", "--lines", "3")
        #expect(try rows(short.output).count == 3)
        let following = try Typing(["audit", "tail", "--follow", "--json", "--lines", "1"], in: workplace)
        let first = await following.screen(until: "\n")
        #expect(first.contains(#""kind":"outcome""#))
        try workplace.recordRequests(count: 1, from: 100)
        let more = await following.screen(until: #""ended":"complete""#)
        #expect(more.contains("tool100"))
        kill(following.pid, SIGINT)
        #expect(await following.exit() == 128 + SIGINT)
    }

    @Test func `a database that is not there is said to be unreadable`() async throws {
        let workplace = try Workplace()
        for verb in ["query", "tail", "export"] {
            let outcome = try await workplace.run("audit", verb)
            #expect(outcome.exit == 1 && outcome.output.isEmpty)
            #expect(outcome.errors.hasPrefix("gatehouse: error: the audit database cannot be read"))
        }
    }
}
