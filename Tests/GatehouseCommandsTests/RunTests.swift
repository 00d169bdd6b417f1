import Foundation
import GatehouseTestSupport
import Glibc
import Testing

/// `gatehouse run`, with the shell as the program.
@Suite("Running a program with its token", .timeLimit(.minutes(2)))
struct RunTests {
    private let fixture: CommandFixture
    private let first = "the-first-value-81ac"
    private let second = "the-second-value-92db"

    init() async throws {
        fixture = try CommandFixture()
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        #expect(try await fixture.run("token", "set", "coda", input: first).exit == 0)
    }

    private func run(_ options: [String], _ command: [String], _ more: [String: String] = [:]) async throws
        -> Command.Outcome
    {
        try await fixture.run(["run"] + options + ["--"] + command, environment: more)
    }

    @Test func `the program gets its words, its token and little else, and its status is ours`() async throws {
        let outcome = try await run(
            ["--env", "CODA_API_TOKEN=coda", "--keep-env", "DEBUG"],
            [
                "sh", "-c", "env | cut -d= -f1 | sort | tr '\\n' ' '; echo \"$CODA_API_TOKEN|$1|$2\"; exit 7", "sh",
                "a b", "$x;*",
            ],
            ["PATH": "/usr/bin:/bin", "DEBUG": "1", "GATEHOUSE_SECRET": "no", "HOME": "/root"]
        )
        #expect(outcome.exit == 7)
        #expect(outcome.output == "CODA_API_TOKEN DEBUG HOME LC_ALL PATH PWD \(first)|a b|$x;*\n")
        #expect(outcome.errors.isEmpty)
    }

    /// libcurl would write the keys of its TLS sessions where this variable says.
    @Test func `no command keeps the variable that gives TLS sessions away`() async throws {
        let outcome = try await run(
            ["--env", "A=coda", "--keep-env", "SSLKEYLOGFILE"],
            ["sh", "-c", "echo ${SSLKEYLOGFILE-none}"],
            ["SSLKEYLOGFILE": "\(fixture.path)/keys"]
        )
        #expect(outcome.output == "none\n")
    }

    @Test func `a program that a signal ends shows so`() async throws {
        #expect(try await run(["--env", "A=coda"], ["sh", "-c", "kill -KILL $$"]).exit == 128 + SIGKILL)
        let options = ["--env", "A=coda", "--restart-on-rotate"]
        #expect(try await run(options, ["sh", "-c", "kill -KILL $$"]).exit == 128 + SIGKILL)
        #expect(try await run(options, ["sh", "-c", "exit 9"]).exit == 9)
    }

    @Test(arguments: [
        (["--env", "A=coda"], ["no-such-program-x"], 1, "there is no program"),
        (["--env", "A=coda"], ["/etc/passwd"], 1, "there is no program"),
        (["--env", "A=coda"], [], 64, "no command is given"),
        ([], ["true"], 64, "--env"),
        (["--env", "A=coda", "--env-from", "B=/x"], ["true"], 64, "exclude each other"),
        (["--env-from", "A=the-first-value-81ac"], ["true"], 64, "is no absolute path"),
        (["--env-from", "A=/nowhere/token"], ["true"], 1, "/nowhere/token cannot be read"),
        (["--env", "A=coda", "--env", "A=coda"], ["true"], 1, "the variable A is given twice"),
        (["--env", "A=other"], ["true"], 1, "has no token of the name that stands behind A="),
        (["--env", "A"], ["true"], 64, "a variable and a token's name are wanted"),
        (["--env", "A=coda", "--keep-env", "A=b"], ["true"], 64, "the name of a variable"),
        (["--env", "A=coda", "--keep-env", "MASTER"], ["true"], 1, "$MASTER is a secret of a store"),
        (["--env", "A=coda", "--keep-env", "PRINTER"], ["true"], 1, "$PRINTER is a secret of a store"),
    ])
    func `what cannot be run is said and not run`(options: [String], command: [String], exit: Int32, words: String)
        async throws
    {
        let yaml = fixture.read("gatehouse.yaml").replacingOccurrences(
            of: "  environment: { kind: env }",
            with:
                """
                  environment: { kind: env }
                  later: { kind: sqlite, path: /nowhere, master_keys: [{ env: MASTER }] }
                  printed: { kind: exec, command: ["true"], environment: [PRINTER] }
                """
        )
        try fixture.write(yaml, to: "gatehouse.yaml")
        let outcome = try await run(options, command)
        #expect(outcome.exit == exit)
        #expect(outcome.errors.contains(words))
        #expect(outcome.output.isEmpty && !outcome.errors.contains(first))
    }

    @Test func `a token in the environment of ours cannot be watched`() async throws {
        let yaml = fixture.read("gatehouse.yaml").replacingOccurrences(
            of: "store: sealed",
            with: "store: environment"
        )
        try fixture.write(yaml, to: "gatehouse.yaml")
        let variables = ["CODA_API_TOKEN": first]
        let outcome = try await run(["--env", "X=coda"], ["sh", "-c", "echo $X$CODA_API_TOKEN"], variables)
        #expect(outcome.output == "\(first)\n" && outcome.exit == 0)
        let refused = try await run(["--env", "X=coda", "--restart-on-rotate"], ["true"], variables)
        #expect(refused.exit == 64)
    }

    /// The program's side knows no store: its file is all that it has, and follows a rotation in the store.
    @Test func `a token is handed over by a file, without configuration or store on the program's side`() async throws {
        let file = "\(fixture.path)/handed"
        let follower = try fixture.start(
            ["token", "follow", "coda", "--out", file],
            streams: ["/dev/null", "\(fixture.path)/follow.out", "\(fixture.path)/follow.err"]
        )
        defer { kill(-follower, SIGKILL) }
        try await Polling.until("the file to be there") { access(file, R_OK) == 0 }
        var status = stat()
        #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o400)
        let bare = ["GATEHOUSE_CONFIG": "/nowhere/gatehouse.yaml"]
        let once = try await run(["--env-from", "T=\(file)"], ["/bin/sh", "-c", "echo \"$T\""], bare)
        #expect(once == Command.Outcome(exit: 0, output: "\(first)\n"), "\(once.errors)")

        let waiting = try WaitingProgram(in: fixture)
        defer { waiting.close() }
        let program = try fixture.start(
            ["run", "--env-from", "T=\(file)", "--restart-on-rotate", "--", "/bin/sh", "-c", waiting.script],
            environment: bare,
            streams: ["/dev/null", "\(fixture.path)/out", "\(fixture.path)/err"]
        )
        defer { kill(-program, SIGKILL) }
        let lines = Lines(waiting.log.descriptor)
        #expect(await lines.next() == first)
        #expect(try await fixture.run("token", "rotate", "coda", input: second).exit == 0)
        #expect(await lines.next() == second)
        // Neither a token that is gone nor a file that is gone ends the program.
        #expect(try await fixture.run("token", "delete", "coda", "--yes").exit == 0)
        try await Polling.until("the follower to say so") { fixture.read("follow.err").contains("is gone") }
        #expect(unlink(file) == 0)
        try await Polling.until("the program's side to say so") {
            fixture.read("err").contains("goes on with the token")
        }
        kill(follower, SIGTERM)
        #expect(await Command.exit(of: follower) == 0)
        kill(program, SIGTERM)
        #expect(await Command.exit(of: program) == 3)
        for words in [fixture.read("err"), fixture.read("follow.err"), fixture.read("follow.out")] {
            #expect(!words.contains(first) && !words.contains(second))
        }
    }

    @Test func `a token that is not there, or a folder that is not, is said and nothing is written`() async throws {
        let unknown = try await fixture.run("token", "follow", "other", "--out", "\(fixture.path)/handed")
        #expect(unknown.exit == 1 && unknown.errors.contains("the store has no token 'other'"))
        let nowhere = try await fixture.run("token", "follow", "coda", "--out", "/nowhere/handed")
        #expect(nowhere.exit == 1 && nowhere.errors.contains("cannot make /nowhere/handed"))
        #expect(access("\(fixture.path)/handed", F_OK) != 0)
    }

    @Test func `the token stands in no argument, and a rotation starts the program again`() async throws {
        let waiting = try WaitingProgram(in: fixture, tellsItsEnd: true)
        defer { waiting.close() }
        let pid = try fixture.start(
            ["run", "--env", "T=coda", "--restart-on-rotate", "--", "sh", "-c", waiting.script],
            streams: ["/dev/null", "\(fixture.path)/out", "\(fixture.path)/err"]
        )
        // With this test, whatever its end.
        defer { kill(-pid, SIGKILL) }
        let lines = Lines(waiting.log.descriptor)
        #expect(await lines.next() == first)
        let line = try String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
        #expect(!line.contains(first))
        #expect(try await fixture.run("token", "rotate", "coda", input: second).exit == 0)
        #expect(await lines.next() == "ended")
        #expect(await lines.next() == second)
        kill(pid, SIGTERM)
        #expect(await lines.next() == "ended")
        #expect(await Command.exit(of: pid) == 3)
        let words = fixture.read("err")
        #expect(words.contains("a token has changed"))
        #expect(!words.contains(first) && !words.contains(second))
    }
}

/// A program for the shell that writes its token to a pipe, waits without end, and ends with 3 when it is asked to.
private struct WaitingProgram {
    // The test opens both ends, so that neither side waits for the other to open it.
    let log: (path: String, descriptor: Int32)
    private let never: (path: String, descriptor: Int32)
    let script: String

    init(in fixture: CommandFixture, tellsItsEnd: Bool = false) throws {
        log = try fixture.pipe("log", O_RDWR)
        never = try fixture.pipe("never", O_RDWR)
        let end = tellsItsEnd ? "echo ended >\(log.path); exit 3" : "exit 3"
        script =
            "trap '\(end)' TERM; echo \"$T\" >\(log.path); while :; do read -r line <\(never.path); done"
    }

    func close() {
        Glibc.close(log.descriptor)
        Glibc.close(never.descriptor)
    }
}

/// The lines that come through a pipe, each awaited on a thread that may block.
private struct Lines {
    let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func next() async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [descriptor] in
                var line: [UInt8] = []
                var byte: UInt8 = 0
                while read(descriptor, &byte, 1) == 1, byte != 0x0A { line.append(byte) }
                continuation.resume(returning: String(decoding: line, as: UTF8.self))
            }
        }
    }
}
