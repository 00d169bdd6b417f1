internal import CLinux
internal import GatehouseCore
internal import Glibc

/// A program that prints a token. It is started with exactly these words, without a shell, with nothing to read, and with no variables but those that are
/// named.
package struct TokenCommand: Hashable, Sendable {
    /// How long a program may take.
    package static let patience: Duration = .seconds(10)
    /// In the words, it stands for the name of the token.
    package static let placeholder = "{token}"
    /// Variables that a program gets without being named.
    package static let usualVariables = ["PATH", "HOME", "LANG"]

    package let words: [String]
    /// Names of further variables.
    package let variables: [String]

    /// - Parameter words: the program's path or name and its arguments; not empty.
    package init(words: [String], variables: [String] = []) {
        self.words = words
        self.variables = variables
    }

    package var program: String { words[0] }

    /// The command as an operator would type it, where no word needs quotes.
    func text(for name: TokenName) -> String { words(for: name).joined(separator: " ") }

    /// A token's name holds letters, digits and few marks: whatever the program is, it makes no option of a word that is none.
    private func words(for name: TokenName) -> [String] {
        words.map { $0.replacing(Self.placeholder, with: name.text) }
    }

    /// Runs the program and waits for its output; blocks.
    ///
    /// - Throws: ``TokenError`` `unavailable`: it cannot be started, takes longer than `patience`, prints nothing or more than a secret's length, or
    ///   ends with another status than 0. What it printed is in no error.
    func run(for name: TokenName, within patience: Duration = patience) throws(TokenError) -> Secret {
        let end = ContinuousClock.now + patience
        let hint = "run it by hand as the user that Gatehouse runs as: \(text(for: name))"
        var ends: [Int32] = [-1, -1]
        guard gatehouse_pipe(&ends) == 0 else {
            throw TokenError(.unavailable, "no pipe for \(program): \(String(cString: strerror(errno)))")
        }
        let pid: pid_t
        do throws(TokenError) {
            pid = try start(words(for: name), output: ends[1])
        } catch {
            close(ends[0])
            close(ends[1])
            throw error
        }
        close(ends[1])
        let printed: Result<Secret, InvalidValue>
        do throws(InvalidValue) {
            printed = .success(try SecretSource.read(ends[0], named: "what \(program) prints", until: end))
        } catch {
            printed = .failure(error)
        }
        // A program that prints more ends by it.
        close(ends[0])
        var status = Self.end(of: pid, before: end)
        if case .failure = printed, let broken = status, Self.isBrokenPipe(broken) { status = 0 }
        switch status {
        case nil:
            throw TokenError(.unavailable, "\(program) took longer than \(patience.components.seconds) s", hint: hint)
        case 0?: break
        case let status?:
            throw TokenError(.unavailable, "\(program) ended with \(Self.words(status))", hint: hint)
        }
        switch printed {
        case .success(let secret): return secret
        case .failure(let error): throw TokenError(.unavailable, error.message, hint: hint, underlying: error)
        }
    }

    // MARK: - Process

    private func start(_ words: [String], output: Int32) throws(TokenError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        // What a program complains of may hold what it was asked for.
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        gatehouse_close_from(&actions, STDERR_FILENO + 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        // A group of its own ends as a whole.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
        )
        var pid = pid_t()
        let number = words.withWordPointers { posix_spawnp(&pid, program, &actions, &attributes, $0, environment) }
        guard number == 0 else {
            throw TokenError(.unavailable, "\(program) cannot be started: \(String(cString: strerror(number)))")
        }
        return pid
    }

    /// The lines of Gatehouse's own environment, in their places: a copy of a secret would be left behind in memory.
    private var environment: [UnsafeMutablePointer<CChar>?] {
        (Self.usualVariables + variables).compactMap { name in getenv(name).map { $0 - (name.utf8.count + 1) } } + [nil]
    }

    /// Waits for the end of a process, and ends its group: whatever it started and left behind, and itself when the time is over.
    ///
    /// - Returns: its status as waitpid(2) gives it; nil for one that took too long.
    private static func end(of pid: pid_t, before end: ContinuousClock.Instant) -> Int32? {
        var isInTime = false
        while true {
            // Until it is waited for, its number is no other group's.
            var ended = siginfo_t()
            waitid(P_PID, id_t(pid), &ended, WEXITED | WNOWAIT | WNOHANG)
            isInTime = ended.si_signo != 0
            guard !isInTime, ContinuousClock.now < end else { break }
            // Its output has ended, so it is about to end too.
            usleep(1000)
        }
        kill(-pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return isInTime ? status : nil
    }

    /// Whether the program, or one of a shell's own, ended because nobody read what it printed.
    private static func isBrokenPipe(_ status: Int32) -> Bool { status == SIGPIPE || status == (128 + SIGPIPE) << 8 }

    private static func words(_ status: Int32) -> String {
        let signal = status & 0x7F
        return signal == 0 ? "the status \(status >> 8 & 0xFF)" : "the signal \(signal)"
    }
}
