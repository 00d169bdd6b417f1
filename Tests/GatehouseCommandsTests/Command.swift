import Foundation
import GatehouseTestSupport
import Glibc
import Testing

/// One run of the real binary as a child process, its standard streams in files so that none of them can fill up.
struct Command {
    struct Outcome: Equatable, Sendable {
        /// The exit code, or the signal that ended it as 128 and its number, as a shell tells it.
        var exit: Int32
        var output = ""
        var errors = ""
    }

    /// The product beside the test bundle, in the same build.
    static let binary: String = {
        if let path = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_BINARY"] { return path }
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        // SwiftPM runs the bundle either itself or through a tool that gets its path as an argument.
        return ([bundle] + CommandLine.arguments.filter { $0.hasSuffix(".xctest") })
            .map { URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("gatehouse").path }
            .first { FileManager.default.isExecutableFile(atPath: $0) } ?? "no gatehouse beside the tests"
    }()

    /// Another one may start the product in its turn, as a shell does.
    var program = Command.binary
    var arguments: [String]
    var environment: [String: String] = [:]
    /// The paths of the three streams. That of input is read, the others are made; a terminal is both.
    var streams: [String]

    /// `POSIX_SPAWN_SETSID` of `<spawn.h>`, which it gives to GNU sources alone.
    private static let newSession: Int16 = 0x80

    /// Starts it in a session of its own: a terminal among its streams is then its controlling one.
    func start() throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, path) in streams.enumerated() {
            let isTerminal = path.hasPrefix("/dev/pts/")
            let flags = isTerminal ? O_RDWR : number == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC
            posix_spawn_file_actions_addopen(&actions, Int32(number), path, flags, 0o600)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Self.newSession | Int16(POSIX_SPAWN_SETSIGDEF))
        var variables = ["LC_ALL": "C.UTF-8"]
        variables["LD_LIBRARY_PATH"] = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"]
        variables.merge(environment) { $1 }
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        var settings = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + settings { free(text) } }
        var pid = pid_t()
        let result = posix_spawn(&pid, program, &actions, &attributes, &words, &settings)
        try #require(result == 0, "\(program) does not start: \(String(cString: strerror(result)))")
        return pid
    }

    /// Waits on a thread of its own. Cancelling, as a test's time limit does, kills the process; so does a time in which every command has ended.
    static func exit(of pid: pid_t) async -> Int32 {
        let bound = Task {
            try await Task.sleep(for: .seconds(4 * RawSocket.patience))
            kill(pid, SIGKILL)
        }
        defer { bound.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    var status: Int32 = 0
                    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                    let signal = status & 0x7F
                    continuation.resume(returning: signal == 0 ? status >> 8 & 0xFF : 128 + signal)
                }
            }
        } onCancel: {
            kill(pid, SIGKILL)
        }
    }
}
