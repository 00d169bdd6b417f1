import Foundation
import Glibc
import Testing

@Suite("Secrets of the commands", .timeLimit(.minutes(1)))
struct SecrecyTests {
    private let secret = "not-for-any-eye-6d20"

    @Test func `a value that is on its way stands nowhere in the process list`() async throws {
        let fixture = try CommandFixture()
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        // Ours for both, so that it is open before the command starts.
        let (pipe, end) = try fixture.pipe("value", O_RDWR)
        let streams = [pipe, "\(fixture.path)/out", "\(fixture.path)/err"]
        let pid = try fixture.start(["token", "set", "coda"], streams: streams)
        // Once the pipe is empty again the process has read the value; it waits for the end of its input.
        #expect(write(end, secret, secret.utf8.count) == secret.utf8.count)
        var unread: Int32 = 1
        while unread > 0, ioctl(end, UInt(FIONREAD), &unread) == 0 { sched_yield() }
        let line = try String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
        let variables = try String(contentsOfFile: "/proc/\(pid)/environ", encoding: .utf8)
        #expect(line.hasSuffix("gatehouse\0token\0set\0coda\0"))
        #expect(!line.contains(secret) && !variables.contains(secret))
        close(end)
        #expect(await Command.exit(of: pid) == 0)
        #expect(!fixture.read("out").contains(secret) && !fixture.read("err").contains(secret))
        #expect(fixture.read("out").contains("coda"))
    }

    @Test func `a sealed store and a key file hold nothing that others could read`() async throws {
        let fixture = try CommandFixture()
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        #expect(try await fixture.run("token", "set", "coda", "--note", "visible-note", input: secret).exit == 0)
        for file in try FileManager.default.contentsOfDirectory(atPath: fixture.path)
        where file.hasPrefix("tokens.db") {
            let bytes = try #require(FileManager.default.contents(atPath: "\(fixture.path)/\(file)"))
            #expect(bytes.range(of: Data(secret.utf8)) == nil)
        }
        for file in ["key", "tokens.db"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(fixture.path)/\(file)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(file)")
        }
    }

    @Test func `a key that is wrong is not repeated`() async throws {
        let fixture = try CommandFixture()
        for text in ["ghk1_0123", secret, "ghk1_" + String(repeating: "5a", count: 36)] {
            try fixture.write(text, to: "key")
            let outcome = try await fixture.run("token", "list")
            #expect(outcome.exit == 1)
            #expect(outcome.errors.contains("\(fixture.path)/key"))
            #expect(!outcome.errors.contains(text))
        }
    }
}
