import Foundation
import GatehouseTestSupport
import Glibc
import Testing

/// `gatehouse doctor` before a reader that has gone, or that reads nothing.
@Suite("gatehouse doctor", .timeLimit(.minutes(2)))
struct DoctorCommandTests {
    private func prepared() async throws -> CommandFixture {
        let fixture = try CommandFixture()
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        #expect(try await fixture.run("token", "set", "coda", input: "a-long-token").exit == 0)
        return fixture
    }

    /// As `gatehouse doctor | head -1`.
    @Test func `looks at everything although nobody reads on, and says by its exit what it found`() async throws {
        let fixture = try await prepared()
        let whole = try await fixture.run("doctor")
        #expect(whole.exit == 1 && whole.errors.contains("lines failed"), "\(whole)")
        let (pipe, end) = try fixture.pipe("lines", O_RDONLY)
        let errors = "\(fixture.path)/errors"
        let pid = try fixture.start(["doctor"], streams: ["/dev/null", pipe, errors])
        var byte: UInt8 = 0
        #expect(read(end, &byte, 1) == 1)
        close(end)
        #expect(await Command.exit(of: pid) == 1)
        #expect(fixture.read("errors") == whole.errors)
    }

    @Test func `waits for a reader that stalls, and a signal ends it`() async throws {
        let fixture = try await prepared()
        let path = try fixture.fullPipe("lines")
        let pid = try fixture.start(["doctor"], streams: ["/dev/null", path, "\(fixture.path)/errors"])
        defer { kill(pid, SIGKILL) }
        // Until some thread of it waits in a system call on standard output.
        try await Polling.until("the stall") {
            let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
            return tasks.contains { task in
                let call = try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/syscall", encoding: .utf8)
                return call?.prefixMatch(of: #/[0-9]+ 0x1 /#) != nil
            }
        }
        kill(pid, SIGTERM)
        #expect(await Command.exit(of: pid) == 128 + SIGTERM)
    }
}
