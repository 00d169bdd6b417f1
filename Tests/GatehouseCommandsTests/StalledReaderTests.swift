import Foundation
import GatehouseTestSupport
import Glibc
import Testing

/// `gatehouse serve` whose standard streams nobody reads, as when a container's log driver hangs; and two of them in one place.
@Suite("serve among others", .timeLimit(.minutes(2)))
struct StalledReaderTests {
    private func prepared(sink: String? = nil) async throws -> CommandFixture {
        let fixture = try CommandFixture()
        var yaml = fixture.read("gatehouse.yaml")
        if let sink { yaml = yaml.replacing(#/sink: \{.*\}/#, with: "sink: { kind: \(sink) }") }
        try fixture.write(yaml + "limits: { drain: 2s }\n", to: "gatehouse.yaml")
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        #expect(try await fixture.run("token", "set", "coda", input: "a-long-token").exit == 0)
        return fixture
    }

    /// Waits until the data plane answers.
    private func awaitAnswer(_ fixture: CommandFixture) async throws {
        try await Polling.until("the data plane") {
            guard let client = try? RawSocket(connectingTo: .unix(path: "\(fixture.path)/proxy.sock")) else {
                return false
            }
            try client.send("GET / HTTP/1.1\r\nHost: coda.example.com\r\n\r\n")
            return try client.receiveAnswer().status == 401
        }
    }

    /// An instance that waits long for its first reading serves before it.
    private func awaitTokens(_ fixture: CommandFixture) async throws {
        try await Polling.until("the token") { try await fixture.run("health").output.contains("store: 1 token") }
    }

    @Test func `a log that nobody reads holds up neither requests nor the end`() async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let fixture = try await prepared()
            let errors = try fixture.fullPipe("errors")
            let pid = try fixture.start(["serve"], streams: ["/dev/null", "\(fixture.path)/out", errors])
            defer { kill(pid, SIGKILL) }
            try await awaitAnswer(fixture)
            // The keys cannot be fetched, and each start, reload and end logs, too.
            for _ in 0..<20 { kill(pid, SIGHUP) }
            try await awaitAnswer(fixture)
            kill(pid, SIGTERM)
            #expect(await Command.exit(of: pid) == 0)
        }
    }

    @Test func `an audit on standard output that nobody reads does not hold up the end`() async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let fixture = try await prepared(sink: "stdout")
            let output = try fixture.fullPipe("output")
            let pid = try fixture.start(["serve"], streams: ["/dev/null", output, "\(fixture.path)/errors"])
            defer { kill(pid, SIGKILL) }
            try await awaitAnswer(fixture)
            kill(pid, SIGTERM)
            let asked = ContinuousClock.now
            #expect(await Command.exit(of: pid) == 0)
            #expect(ContinuousClock.now - asked < .seconds(20), "limits.drain is 2 s")
            // Lines that were not read are in the spool for the next start.
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(fixture.path)/spool").count > 1)
        }
    }

    @Test func `a second instance leaves the sockets to the first`() async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let fixture = try await prepared()
            let log = "\(fixture.path)/serve.log"
            let pid = try fixture.start(["serve"], streams: ["/dev/null", log, log])
            defer { kill(pid, SIGKILL) }
            try await awaitAnswer(fixture)
            let yaml = fixture.read("gatehouse.yaml")
            for (name, from) in [("admin", "proxy.sock"), ("listen", "admin.sock")] {
                // Another spool, and one of the two sockets its own.
                let other = yaml.replacing("\(fixture.path)/spool", with: "\(fixture.path)/spool-\(name)")
                    .replacing("\(fixture.path)/\(from)", with: "\(fixture.path)/other-\(from)")
                try fixture.write(other, to: "other.yaml")
                let outcome = try await fixture.run("serve", "--config", "\(fixture.path)/other.yaml")
                #expect(outcome.exit == 1)
                #expect(outcome.errors.contains("cannot listen on unix:\(fixture.path)/"), "\(outcome.errors)")
                #expect(outcome.errors.contains("says on line "), "\(outcome.errors)")
                #expect(outcome.errors.contains(": another process listens there"), "\(outcome.errors)")
            }
            try await awaitAnswer(fixture)
            try await awaitTokens(fixture)
            kill(pid, SIGTERM)
            #expect(await Command.exit(of: pid) == 0)
        }
    }

    /// 256 descriptors, soft and hard: room for 64 clients and their upstreams.
    @Test func `without descriptors new connections are refused, and the admin listener answers`() async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let fixture = try await prepared()
            let log = "\(fixture.path)/serve.log"
            let pid = try fixture.start(
                ["-c", "ulimit -Sn 256; ulimit -Hn 256; exec \"$0\" serve", Command.binary],
                by: "/bin/sh",
                streams: ["/dev/null", log, log]
            )
            defer { kill(pid, SIGKILL) }
            try await awaitAnswer(fixture)
            try await awaitTokens(fixture)
            #expect(fixture.read("serve.log").contains("fewer connections fit"))
            let path = RawSocket.Address.unix(path: "\(fixture.path)/proxy.sock")
            let held = try (0..<400).map { _ in try RawSocket(connectingTo: path) }
            // Connections behind the waiting ones are each answered.
            let last = held[399]
            let answer = try last.receiveTextToEnd(orReset: true)
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 503 "))
            #expect(try held[100].receiveTextToEnd(orReset: true).hasPrefix("HTTP/1.1 503 "))
            // The admitted connections are served, and the instance can be reached.
            try held[0].send("GET / HTTP/1.1\r\nHost: coda.example.com\r\n\r\n")
            #expect(try held[0].receiveAnswer().status == 401)
            try await awaitTokens(fixture)
            kill(pid, SIGTERM)
            #expect(await Command.exit(of: pid) == 0)
        }
    }

    /// The soft limit that a process is started with is no reason to serve fewer.
    @Test func `the soft limit is raised to the hard one`() async throws {
        let fixture = try await prepared()
        let log = "\(fixture.path)/serve.log"
        let pid = try fixture.start(
            ["-c", "ulimit -Sn 256; exec \"$0\" serve", Command.binary],
            by: "/bin/sh",
            streams: ["/dev/null", log, log]
        )
        defer { kill(pid, SIGKILL) }
        try await awaitAnswer(fixture)
        let limits = try String(contentsOfFile: "/proc/\(pid)/limits", encoding: .utf8)
        let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max open files") })
        let fields = line.split(separator: " ")
        #expect(fields[3] == fields[4] && fields[3] != "256")
        kill(pid, SIGTERM)
        #expect(await Command.exit(of: pid) == 0)
    }
}
