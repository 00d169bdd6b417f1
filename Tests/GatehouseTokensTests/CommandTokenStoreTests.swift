import Foundation
import GatehouseCore
import GatehouseTestSupport
@testable import GatehouseTokens
import Synchronization
import Testing

/// Programs of `sh`, which is there wherever tests run.
@Suite struct CommandTokenStoreTests {
    private func command(_ script: String, variables: [String] = []) -> TokenCommand {
        TokenCommand(words: ["sh", "-c", script, "sh", "{token}"], variables: variables)
    }

    private func printed(_ script: String, variables: [String] = []) throws -> String {
        try command(script, variables: variables).run(for: .coda).text
    }

    private func error(_ script: String, within patience: Duration = .seconds(20)) throws -> TokenError {
        try #require(throws: TokenError.self) { try command(script).run(for: .coda, within: patience) }
    }

    @Test func `what a program prints is the token, without its line end`() throws {
        #expect(try printed("echo one") == "one")
        #expect(try printed("printf 'two\\r\\n'") == "two")
        #expect(try printed("printf three") == "three")
    }

    @Test func `the words are its own: no shell reads the name, and nothing is left to read`() throws {
        #expect(try printed("printf %s \"$1\"") == "coda")
        #expect(
            try TokenCommand(words: ["printf", "%s", "a b;$HOME*{token}"]).run(for: .coda).text == "a b;$HOME*coda"
        )
        #expect(try printed("cat; printf end") == "end")
    }

    @Test func `no variable reaches it but those that are named`() throws {
        setenv("GATEHOUSE_TEST_COMMAND_SECRET", "s3cret-value", 1)
        setenv("GATEHOUSE_TEST_COMMAND_NAMED", "named", 1)
        let told = try printed("env", variables: ["GATEHOUSE_TEST_COMMAND_NAMED"])
        #expect(told.contains("GATEHOUSE_TEST_COMMAND_NAMED=named"))
        #expect(!told.contains("s3cret-value"))
    }

    @Test func `nor a file that Gatehouse has open`() throws {
        let (reader, writer) = try pipe()
        defer {
            close(reader)
            close(writer)
        }
        // 0 to 2, and the folder that ls reads.
        #expect(try printed("ls /proc/self/fd | wc -l").trimmingCharacters(in: .whitespaces) == "4")
    }

    private func pipe() throws -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&ends) == 0)
        return (ends[0], ends[1])
    }

    @Test func `a program that fails is said with its status, and nothing that it printed`() throws {
        let failed = try error("echo s3cret; echo s3cret >&2; exit 3")
        #expect(failed.code == .unavailable)
        #expect(failed.message.contains("status 3"))
        #expect(failed.hint?.hasPrefix("run it by hand") == true)
        #expect(!"\(failed) \(failed.hint ?? "")".replacing("echo s3cret", with: "").contains("s3cret\n"))
        #expect(try error("kill -TERM $$").message.contains("signal 15"))
        #expect(try error("true").message.contains("empty"))
        let none = try #require(throws: TokenError.self) {
            try TokenCommand(words: ["gatehouse-test-no-such-program"]).run(for: .coda)
        }
        #expect(none.code == .unavailable && none.message.contains("No such file"))
    }

    @Test func `a program that prints without end, or without a line end, is ended`() throws {
        #expect(try error("yes").message.contains("more than 65536 bytes"))
        #expect(try error("yes | tr -d '\\n'").message.contains("more than 65536 bytes"))
    }

    @Test func `a program that hangs is ended with all that it started`() async throws {
        let fixture = try StoreFixture()
        defer { withExtendedLifetime(fixture) {} }
        let file = fixture.directory + "/pid"
        let hung = try error("sleep 600 & echo $! >\(file); wait", within: .milliseconds(1500))
        #expect(hung.message.contains("took longer"))
        let text = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        try await waitUntilGone(try #require(pid_t(text)))
    }

    @Test func `what it leaves behind is ended, and does not hold its output up`() async throws {
        let fixture = try StoreFixture()
        defer { withExtendedLifetime(fixture) {} }
        let file = fixture.directory + "/pid"
        #expect(try printed("sleep 600 >/dev/null & echo $! >\(file); echo one") == "one")
        let text = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        try await waitUntilGone(try #require(pid_t(text)))
    }

    /// It was killed; its parent has gone, so who takes it over waits for it.
    private func waitUntilGone(_ pid: pid_t) async throws {
        try await Polling.until("the program to be gone") {
            (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.contains(") Z ") ?? true
        }
    }

    @Test func `a value is kept for its time, and a failure does not take it away`() async throws {
        let fixture = try StoreFixture()
        defer { withExtendedLifetime(fixture) {} }
        let folder = fixture.directory
        let time = Mutex(ContinuousClock.now)
        let store = CommandTokenStore(
            names: [.coda],
            command: command("echo x >>\(folder)/runs; cat \(folder)/value"),
            cache: .seconds(60)
        ) { time.withLock { $0 } }
        func write(_ value: String) throws {
            try Data(value.utf8).write(to: URL(fileURLWithPath: folder + "/value"))
        }
        func runs() throws -> Int { try String(contentsOfFile: folder + "/runs", encoding: .utf8).count / 2 }
        try write("one")
        for _ in 0..<3 { #expect(try await store.load().tokens[.coda]?.secret.text == "one") }
        #expect(try runs() == 1)
        try write("two")
        time.withLock { $0 += .seconds(61) }
        #expect(try await store.load().tokens[.coda]?.secret.text == "two")
        #expect(try runs() == 2)
        try FileManager.default.removeItem(atPath: folder + "/value")
        time.withLock { $0 += .seconds(61) }
        let load = try await store.load()
        #expect(load.tokens.isEmpty && load.problems.map(\.error.code) == [.unavailable])
    }
}
