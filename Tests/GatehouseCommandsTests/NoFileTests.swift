import GatehouseTestSupport
import Glibc
import Testing

/// Paths that lead to no file where a file is read: opening a pipe waits for a writer, and a device may never end.
@Suite("paths that are no files", .timeLimit(.minutes(2)))
struct NoFileTests {
    /// Puts something else in a file's place.
    private func put(_ kind: String, at path: String) {
        unlink(path)
        switch kind {
        case "a pipe": mkfifo(path, 0o600)
        case "a folder": mkdir(path, 0o700)
        case _: symlink("/dev/zero", path)
        }
    }

    @Test(arguments: ["a pipe", "a folder", "a device"])
    func `check says what stands at the configuration's path`(kind: String) async throws {
        let fixture = try CommandFixture()
        let path = "\(fixture.path)/other.yaml"
        put(kind, at: path)
        for verb in ["check", "serve", "doctor"] {
            let outcome = try await fixture.run(verb, "--config", path)
            #expect(outcome.exit != 0)
            #expect(outcome.errors.contains("cannot be read: it is \(kind), not a file"), "\(outcome.errors)")
        }
        let changed = try await fixture.run(
            [
                "route", "add", "x", "--upstream", "http://x:1", "--host", "x.example.com", "--audience", "a",
                "--config", path,
            ]
        )
        #expect(changed.exit != 0)
    }

    @Test func `a pipe at the configuration's path during one SIGHUP leaves later reloads to come`() async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let fixture = try CommandFixture()
            #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
            #expect(try await fixture.run("token", "set", "coda", input: "a-long-token").exit == 0)
            let log = "\(fixture.path)/serve.log"
            let pid = try fixture.start(["serve"], streams: ["/dev/null", log, log])
            defer { kill(pid, SIGKILL) }
            func logged(_ words: String, _ count: Int = 1) async throws {
                try await Polling.until(words) { fixture.read("serve.log").split(separator: words).count > count }
            }
            try await logged("serving")
            let yaml = fixture.read("gatehouse.yaml")
            put("a pipe", at: "\(fixture.path)/gatehouse.yaml")
            kill(pid, SIGHUP)
            try await logged("it is a pipe, not a file")
            unlink("\(fixture.path)/gatehouse.yaml")
            try fixture.write(yaml + "\n# later\n", to: "gatehouse.yaml")
            kill(pid, SIGHUP)
            try await logged("reloaded")
            kill(pid, SIGTERM)
            #expect(await Command.exit(of: pid) == 0)
        }
    }
}
