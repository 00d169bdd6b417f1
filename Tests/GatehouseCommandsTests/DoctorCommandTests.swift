import Foundation
import GatehouseTestSupport
import Glibc
import Testing

/// `gatehouse doctor` before a reader that has gone, or that reads nothing.
@Suite("gatehouse doctor", .timeLimit(.minutes(2)))
struct DoctorCommandTests {
    private func prepared() async throws -> Workplace {
        let workplace = try Workplace()
        #expect(try await workplace.run("key", "generate", "--out", "\(workplace.path)/key").exit == 0)
        #expect(try await workplace.run("token", "set", "coda", input: "a-token").exit == 0)
        return workplace
    }

    /// As `gatehouse doctor | head -1`.
    @Test func `looks at everything although nobody reads on, and says by its exit what it found`() async throws {
        let workplace = try await prepared()
        let whole = try await workplace.run("doctor")
        #expect(whole.exit == 1 && whole.errors.contains("lines failed"), "\(whole)")
        let (pipe, end) = try workplace.pipe("lines", O_RDONLY)
        let errors = "\(workplace.path)/errors"
        let pid = try workplace.start(["doctor"], streams: ["/dev/null", pipe, errors])
        var byte: UInt8 = 0
        #expect(read(end, &byte, 1) == 1)
        close(end)
        #expect(await Command.exit(of: pid) == 1)
        #expect(workplace.read("errors") == whole.errors)
    }

    @Test func `waits for a reader that stalls, and a signal ends it`() async throws {
        let workplace = try await prepared()
        let path = try workplace.fullPipe("lines")
        let pid = try workplace.start(["doctor"], streams: ["/dev/null", path, "\(workplace.path)/errors"])
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
