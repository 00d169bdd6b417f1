import Foundation
import GatehouseCore
import Glibc
import Testing

@Suite("gatehouse audit", .timeLimit(.minutes(3)))
struct AuditCommandTests {
    private func filled(_ count: Int = 12) throws -> CommandFixture {
        let fixture = try CommandFixture()
        try fixture.recordRequests(count: count)
        return fixture
    }

    private func rows(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    private func array(_ text: String) throws -> [[String: Any]] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    }

    @Test func `what neither the file nor the audit knows is an error with a suggestion`() async throws {
        let fixture = try filled()
        for (arguments, hint) in [
            (["--route", "coad"], "did you mean 'coda'?"), (["--reason", "tool_denid"], "did you mean 'tool_denied'?"),
            (["--status", "600"], "502, 5xx or 400-499"), (["--since", "soonish"], "yesterday"),
        ] {
            for verb in ["query", "tail", "export", "stats"] {
                let outcome = try await fixture.run(["audit", verb] + arguments)
                #expect(outcome.exit == 64 && outcome.output.isEmpty && outcome.errors.contains(hint), "\(outcome)")
            }
        }
    }

    @Test func `an option that means nothing is named first where there is no archive`() async throws {
        let fixture = try CommandFixture()
        for (arguments, hint) in [
            (["--route", "coad"], "did you mean 'coda'?"), (["--reason", "tool_denid"], "did you mean 'tool_denied'?"),
            (["--status", "600"], "502, 5xx or 400-499"), (["--since", "soonish"], "yesterday"),
        ] {
            for verb in ["query", "tail", "export", "stats"] {
                let outcome = try await fixture.run(["audit", verb] + arguments)
                #expect(outcome.exit == 64 && outcome.errors.contains(hint), "\(outcome)")
                #expect(!outcome.errors.contains("audit.db"), "\(outcome)")
            }
        }
        let query = try await fixture.run("audit", "query", "--since", "1h")
        #expect(query.exit == 1 && query.errors.contains("audit.db"), "\(query)")
    }

    @Test func `stats count what there is`() async throws {
        let fixture = try filled()
        let json = try await fixture.run("audit", "stats", "--since", "30000d", "--json")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect(object["messages"] as? Int == 12 && object["denied"] as? Int == 4 && object["p95_ms"] as? Int == 5)
        #expect(
            object["routes"] as? [String: Int] == ["coda": 12]
                && object["reasons"] as? [String: Int] == ["tool_denied": 4]
        )
        let text = try await fixture.run("audit", "stats", "--since", "30000d")
        #expect(
            text.output.contains("messages  12\n") && text.output.contains("         6  ann@example.com\n"),
            "\(text)"
        )
    }

    @Test func `a query finds requests by every filter`() async throws {
        let fixture = try filled()
        func count(_ arguments: String...) async throws -> Int {
            let outcome = try await fixture.run(["audit", "query", "--json"] + arguments)
            #expect(outcome.exit == 0 && outcome.errors.isEmpty, "\(outcome)")
            return try array(outcome.output).count
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
        #expect(try await count("--status", "200") == 12)
        #expect(try await count("--status", "5xx") == 0)
        #expect(try await count("--ip", "203.0.113.*") == 0)
        #expect(try await count("--since", "yesterday") == 0)
        #expect(try await count("--until", "today") == 12)
        #expect(try await count("--request", CommandFixture.requestID(3).description) == 1)
        let third = Timestamp(seconds: CommandFixture.firstTime.seconds + 3).rfc3339
        #expect(try await count("--since", third) == 9)
        #expect(try await count("--until", third) == 3)
        #expect(try await count("--since", third, "--until", third) == 0)
        #expect(try await count("--until", "30000d") == 0)
        #expect(try await count("--since", "30000d") == 12)
    }

    @Test func `the newest come last, and a limit says that there are more`() async throws {
        let fixture = try filled()
        let outcome = try await fixture.run("audit", "query", "--json", "--limit", "2")
        #expect(try array(outcome.output).compactMap { $0["target"] as? String } == ["tool10", "tool11"])
        #expect(outcome.errors == "gatehouse: hint: these are the newest 2; --limit 0 shows all\n")
        let whole = try await fixture.run("audit", "query", "--json", "--limit", "12")
        #expect(whole.errors.isEmpty)
        let all = try await fixture.run("audit", "query", "--json", "--limit", "0")
        #expect(all.output == whole.output && all.errors.isEmpty)
    }

    @Test func `an export holds every message in either form, on standard output as in a file`() async throws {
        let fixture = try filled()
        let events = try await fixture.run("audit", "export", "--events")
        #expect(try rows(events.output).count == 24 && events.errors.isEmpty)
        let lines = try await fixture.run("audit", "export")
        #expect(try rows(lines.output).count == 12 && lines.errors.isEmpty)
        let queried = try await fixture.run("audit", "query", "--json", "--limit", "0")
        #expect(try array(queried.output) as NSArray == rows(lines.output) as NSArray)
        let table = try await fixture.run("audit", "export", "--format", "csv")
        #expect(table.output.components(separatedBy: "\r\n").count == 14)
        for (format, printed) in [("jsonl", lines), ("csv", table)] {
            let out = "\(fixture.path)/events"
            let written = try await fixture.run("audit", "export", "--format", format, "--out", out)
            #expect(written == Command.Outcome(exit: 0))
            #expect(fixture.read("events") == printed.output)
        }
        let mode = try FileManager.default.attributesOfItem(atPath: "\(fixture.path)/events")[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test func `an export that fails leaves nothing behind and harms nothing`() async throws {
        let fixture = try filled()
        func files() throws -> [String] {
            // The files of our own runs do not count, nor SQLite's companions of a database that is open.
            try FileManager.default.contentsOfDirectory(atPath: fixture.path)
                .filter { !$0.hasPrefix("run") && !$0.hasPrefix("audit.db-") }.sorted()
        }
        let before = try files()
        for out in ["/dev/full", "/dev/null", fixture.path, "\(fixture.path)/no/such/folder"] {
            #expect(try await fixture.run("audit", "export", "--out", out).exit == 1)
        }
        #expect(try files() == before)
        var information = stat()
        #expect(stat("/dev/null", &information) == 0 && information.st_mode & S_IFMT == S_IFCHR)
    }

    @Test func `a reader that has read enough is no failure`() async throws {
        let fixture = try filled(2000)
        let (pipe, end) = try fixture.pipe("events", O_RDONLY)
        let errors = "\(fixture.path)/errors"
        let pid = try fixture.start(["audit", "export"], streams: ["/dev/null", pipe, errors])
        var byte: UInt8 = 0
        #expect(read(end, &byte, 1) == 1)
        close(end)
        #expect(await Command.exit(of: pid) == 0)
        #expect(fixture.read("errors").isEmpty)
    }

    @Test func `a full disk is a failure`() async throws {
        let fixture = try filled()
        let errors = "\(fixture.path)/errors"
        let pid = try fixture.start(["audit", "query"], streams: ["/dev/null", "/dev/full", errors])
        #expect(await Command.exit(of: pid) == 1)
        #expect(fixture.read("errors").hasPrefix("gatehouse: error: standard output cannot be written"))
    }

    @Test func `tail begins with the newest and follows what comes`() async throws {
        let fixture = try filled(4)
        let short = try await fixture.run("audit", "tail", "--json", "--lines", "3")
        #expect(try rows(short.output).count == 3)
        let following = try Typing(["audit", "tail", "--follow", "--json", "--lines", "1"], in: fixture)
        let first = await following.screen(until: "\n")
        #expect(first.contains(#""ended":"complete""#) && first.contains("tool3"))
        try fixture.recordRequests(count: 1, from: 100)
        let more = await following.screen(until: #""ended":"complete""#)
        #expect(more.contains("tool100") && !more.contains(#""kind":"outcome""#))
        kill(following.pid, SIGINT)
        #expect(await following.exit() == 128 + SIGINT)
    }

    @Test func `a database that is not there is said to be unreadable`() async throws {
        let fixture = try CommandFixture()
        for verb in ["query", "tail", "export"] {
            let outcome = try await fixture.run("audit", verb)
            #expect(outcome.exit == 1 && outcome.output.isEmpty)
            #expect(outcome.errors.hasPrefix("gatehouse: error: the audit database cannot be read"))
        }
    }
}

@Suite("gatehouse audit verify, prune and show", .timeLimit(.minutes(2)))
struct AuditVerifyCommandTests {
    /// A fixture whose own keys have chained some requests.
    private func filled() async throws -> CommandFixture {
        let fixture = try CommandFixture()
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        try fixture.recordRequests(count: 12, chained: true)
        return fixture
    }

    /// A configuration beside the fixture's own whose sink is another database.
    private func newer(_ fixture: CommandFixture) throws -> [String] {
        try fixture.write(
            fixture.read("gatehouse.yaml").replacing("/audit.db", with: "/newer.db"),
            to: "newer.yaml"
        )
        return ["--config", "\(fixture.path)/newer.yaml"]
    }

    @Test func `an untouched audit verifies, and the first break of another is named`() async throws {
        let fixture = try await filled()
        let good = try await fixture.run("audit", "verify")
        #expect(good.exit == 0 && good.errors.isEmpty)
        #expect(good.output.contains("  ok  24 events, 1 to 24; 12 messages"), "\(good)")
        let json = try await fixture.run("audit", "verify", "--json")
        #expect(json.output.contains(#""ok":true,"events":24"#) && json.output.hasPrefix(#"{"ok":true,"chains":["#))
        try fixture.changeAudit("UPDATE audit_events SET decision = 'allow' WHERE decision = 'deny' AND seq = 5")
        let bad = try await fixture.run("audit", "verify")
        #expect(bad.exit == 1 && bad.output.contains("altered: event 5 altered"), "\(bad)")
        #expect(bad.errors.hasPrefix("gatehouse: error: the audit does not verify\n"))
        let broken = try await fixture.run("audit", "verify", "--json")
        #expect(broken.exit == 1 && broken.output.contains(#""first_break":{"kind":"altered","seq":5"#))
        let refused = try await fixture.run("audit", "prune", "--before", "0s", "--yes")
        #expect(refused.exit == 1 && refused.errors.contains("nothing was deleted"))
    }

    @Test func `heads from a log are held against the audit`() async throws {
        let fixture = try await filled()
        let heads = try fixture.auditHeads()
        #expect(heads.count == 1)
        try fixture.write("a line\n{\"audit.head\":\"\(heads[0])\"}\n", to: "log")
        let good = try await fixture.run("audit", "verify", "--heads", "\(fixture.path)/log")
        #expect(good.exit == 0 && good.output.contains("1 head agrees"))
        try fixture.changeAudit("DELETE FROM audit_events WHERE seq > 20; DELETE FROM audit_heads")
        // The spool beside it knows how much the sink had.
        let short = try await fixture.run("audit", "verify")
        #expect(short.exit == 1 && short.output.contains("the spool says that the sink had them"), "\(short)")
        try FileManager.default.removeItem(atPath: "\(fixture.path)/spool")
        let alone = try await fixture.run("audit", "verify")
        #expect(alone.exit == 0, "\(alone)")
        let bad = try await fixture.run(["audit", "verify", "--heads", "-"], input: "\(heads[0])\n")
        #expect(bad.exit == 1 && bad.output.contains("truncated: events 21 to 24"), "\(bad)")
        let none = try await fixture.run(["audit", "verify", "--heads", "-"], input: "nothing\n")
        #expect(none.exit == 1 && none.errors.contains("holds no heads"))
        // A pipe may be meant, and one that nobody writes to is not waited for.
        #expect(mkfifo("\(fixture.path)/pipe", 0o600) == 0)
        let pipe = try await fixture.run("audit", "verify", "--heads", "\(fixture.path)/pipe")
        #expect(pipe.exit == 1 && pipe.errors.contains("holds no heads"))
    }

    @Test func `pruning says what would go, deletes it, and leaves an audit that verifies`() async throws {
        let fixture = try await filled()
        let sixth = Timestamp(seconds: CommandFixture.firstTime.seconds + 6).rfc3339
        let dry = try await fixture.run("audit", "prune", "--before", sixth, "--dry-run")
        #expect(dry.exit == 0 && dry.output.contains("would go through event 12"), "\(dry)")
        #expect(try await fixture.run("audit", "verify").output.contains("24 events"))
        let asked = try await fixture.run("audit", "prune", "--before", sixth)
        #expect(asked.exit == 64 && asked.errors.contains("12 of 24 events would be deleted for good"), "\(asked)")
        let done = try await fixture.run("audit", "prune", "--before", sixth, "--yes", "--json")
        #expect(done.exit == 0 && done.output.contains(#""deleted":12"#), "\(done)")
        let rest = try await fixture.run("audit", "verify")
        #expect(rest.exit == 0 && rest.output.contains("12 events, 13 to 24; 6 messages; pruned through 12"), "\(rest)")
        #expect(try await fixture.run("audit", "prune", "--before", sixth).errors.contains("nothing is older"))
        #expect(try await fixture.run("audit", "query", "--json").output.split(separator: "\n").count == 8)
        #expect(try await fixture.run("audit", "prune", "--before", "soon").exit == 64)
    }

    @Test func `a sink that took over in the middle of a chain verifies once the other's events are copied`()
        async throws
    {
        let fixture = try await filled()
        let newer = try newer(fixture)
        // Events that the spool still has would be sent to the new sink at once.
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(fixture.path)/spool")
        where name.hasSuffix(".seg") {
            try FileManager.default.removeItem(atPath: "\(fixture.path)/spool/\(name)")
        }
        try fixture.recordRequests(count: 3, from: 12, chained: true, into: "newer.db")
        let gap = try await fixture.run(["audit", "verify"] + newer)
        #expect(gap.exit == 1 && gap.output.contains("missing: events 1 to 24"), "\(gap)")

        let source = "\(fixture.path)/gatehouse.yaml"
        let dry = try await fixture.run(["audit", "migrate", source, "--dry-run"] + newer)
        #expect(dry.exit == 0 && dry.output.contains("24 events, 1 head would be copied"), "\(dry)")
        #expect(try await fixture.run(["audit", "verify"] + newer).exit == 1)
        for _ in 0..<2 {
            let done = try await fixture.run(["audit", "migrate", source, "--json"] + newer)
            #expect(done.exit == 0 && done.output.contains(#""done":true,"events":24,"heads":1"#), "\(done)")
        }
        let whole = try await fixture.run(["audit", "verify"] + newer)
        #expect(
            whole.exit == 0 && whole.output.contains("  ok  30 events, 1 to 30; 15 messages; 2 heads agree"),
            "\(whole)"
        )
        let same = try await fixture.run("audit", "migrate", source)
        #expect(same.exit == 64 && same.errors.contains("have one sink"))
    }

    @Test func `rows that are no events any more stay behind and are counted`() async throws {
        let fixture = try await filled()
        try fixture.changeAudit("UPDATE audit_events SET event_id = 'x' WHERE seq = 7")
        let newer = try newer(fixture)
        let done = try await fixture.run(["audit", "migrate", "\(fixture.path)/gatehouse.yaml"] + newer)
        #expect(
            done.exit == 1 && done.output.contains("23 events") && done.errors.contains("1 rows are no events"),
            "\(done)"
        )
        let gap = try await fixture.run(["audit", "verify"] + newer)
        #expect(gap.exit == 1 && gap.output.contains("missing: event 7 missing"), "\(gap)")
    }

    @Test func `a call is found by its arguments, which only a key can digest`() async throws {
        let fixture = try await filled()
        let found = try await fixture.run("audit", "digest", "--arguments", #"{ "number": 7 }"#, "--json")
        #expect(found.exit == 0 && found.output.contains(#""target":"tool7""#), "\(found)")
        #expect(found.output.split(separator: "\n").count == 3)
        let none = try await fixture.run("audit", "digest", "--arguments", #"{"number":70}"#)
        #expect(none.exit == 1 && none.errors.contains("no call with these arguments"), "\(none)")
        #expect(try await fixture.run("audit", "digest", "--arguments", "7").exit == 64)
    }

    @Test func `events that the sink has lost are sent again from the spool`() async throws {
        let fixture = try await filled()
        try fixture.changeAudit("DELETE FROM audit_events WHERE seq > 20")
        let dry = try await fixture.run("audit", "redeliver", "--since", "30000d", "--dry-run")
        #expect(
            dry.exit == 0 && dry.output == "4 events were missing of 24 that the spool has; nothing was sent\n",
            "\(dry)"
        )
        #expect(try await fixture.run("audit", "verify").exit == 1)
        let done = try await fixture.run("audit", "redeliver", "--since", "30000d", "--json")
        #expect(done.exit == 0 && done.output.contains(#""done":true,"found":24,"missing":4"#), "\(done)")
        #expect(try await fixture.run("audit", "verify").exit == 0)
        let again = try await fixture.run("audit", "redeliver", "--since", "30000d")
        #expect(again.output.hasPrefix("0 events were missing"))
    }

    /// Under `reuse_port` an instance that began beside another has a folder of its own below the spool.
    @Test func `the spool of an instance that ran beside another counts as well`() async throws {
        let fixture = try await filled()
        let second = try fixture.recordRequests(count: 12, from: 100, chained: true, beside: 1)
        #expect(FileManager.default.fileExists(atPath: "\(fixture.path)/spool/instance-1/writer"))
        let spools = try await fixture.run("audit", "verify", "--spool")
        #expect(spools.exit == 0 && spools.output.split(separator: "\n").count == 2, "\(spools)")
        #expect(spools.output.contains("\(second)  ok  24 events"), "\(spools)")
        // Only its own folder knows of the newest.
        try fixture.changeAudit(
            "DELETE FROM audit_events WHERE writer = '\(second)' AND seq > 20; DELETE FROM audit_heads WHERE writer = '\(second)'"
        )
        let found = try await fixture.run("audit", "verify")
        #expect(found.exit == 1 && found.output.contains("\(second)  BROKEN"), "\(found)")
        let prune = try await fixture.run("audit", "prune", "--before", "2030-01-01T00:00:00Z", "--yes")
        #expect(prune.exit == 1 && prune.errors.contains("nothing was deleted"), "\(prune)")
        let done = try await fixture.run("audit", "redeliver", "--since", "30000d", "--json")
        #expect(done.exit == 0 && done.output.contains(#""found":48,"missing":4"#), "\(done)")
        let whole = try await fixture.run("audit", "verify")
        #expect(whole.exit == 0, "\(whole)")
    }

    @Test func `sealed arguments are shown to whoever asks for them, and nowhere else`() async throws {
        let fixture = try await filled()
        let id = CommandFixture.requestID(3).description
        let closed = try await fixture.run("audit", "show", id)
        #expect(closed.exit == 0 && closed.output.contains("(--reveal opens them)"), "\(closed)")
        let open = try await fixture.run("audit", "show", id, "--reveal")
        #expect(open.output.contains(#"{"number":3}"#), "\(open)")
        let json = try await fixture.run("audit", "show", id, "--reveal", "--json")
        #expect(json.output.contains(#""arguments":"{\"number\":3}""#))
        for verb in [["show", id], ["query", "--json"], ["export"], ["export", "--format", "csv"], ["tail"]] {
            #expect(!(try await fixture.run(["audit"] + verb).output.contains(#"number""#)))
        }
        #expect(try await fixture.run("audit", "show", "xyz").exit == 64)
        let unknown = try await fixture.run("audit", "show", CommandFixture.requestID(99).description)
        #expect(unknown.exit == 1 && unknown.errors.contains("no event of request"))
    }
}
