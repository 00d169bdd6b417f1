import Glibc
import Synchronization

/// A program just started, in a process group of its own, and our ends of its pipes.
struct Spawned {
    let pid: pid_t
    let input: Int32
    let output: Int32
    let errors: Int32

    /// From the making of a pipe until it is marked close-on-exec no other child may start: it would hold the pipe open
    /// and its reader would wait for ever.
    private static let alone = Mutex(())

    init(_ executable: String, _ arguments: [String], environment: [String: String]) throws {
        self = try Self.alone.withLock { _ in try Self.start([executable] + arguments, environment) }
    }

    private init(pid: pid_t, input: Int32, output: Int32, errors: Int32) {
        self.pid = pid
        self.input = input
        self.output = output
        self.errors = errors
    }

    private static func start(_ command: [String], _ environment: [String: String]) throws -> Spawned {
        let pipes = try (0..<3).map { _ in try closedOnExec() }
        let (theirs, ours) = (
            [pipes[0].read, pipes[1].write, pipes[2].write], [pipes[0].write, pipes[1].read, pipes[2].read]
        )
        defer { for end in theirs { close(end) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, end) in theirs.enumerated() { posix_spawn_file_actions_adddup2(&actions, end, Int32(number)) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
        // Ignored here, because a child that dies closes the pipe we write to; the children start with the default.
        signal(SIGPIPE, SIG_IGN)
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var words = command.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var pid = pid_t()
        let result = posix_spawn(&pid, command[0], &actions, &attributes, &words, &variables)
        guard result == 0 else {
            for end in ours { close(end) }
            throw ChildProcess.Failure(
                description: "\(command[0]) does not start: \(String(cString: strerror(result)))"
            )
        }
        return Spawned(pid: pid, input: ours[0], output: ours[1], errors: ours[2])
    }

    private static func closedOnExec() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw ChildProcess.Failure(description: "no pipe is left") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}

/// Kills and deletes what is left when the test process ends: nothing that a test makes may outlive it.
final class Watchdog: Sendable {
    static let shared = try? Watchdog()

    private let pipe: Int32

    private init() throws {
        guard let python = Tools.python2 else { throw ChildProcess.Failure(description: "no interpreter") }
        let spawned = try Spawned(python, [Tools.script("watchdog.py")], environment: [:])
        close(spawned.output)
        close(spawned.errors)
        pipe = spawned.input
    }

    func started(_ pid: pid_t) { tell("+\(pid)\n") }
    func ended(_ pid: pid_t) { tell("-\(pid)\n") }
    func made(folder: String) { tell("\(folder)\n") }

    private func tell(_ line: String) { _ = write(pipe, line, line.utf8.count) }
}
