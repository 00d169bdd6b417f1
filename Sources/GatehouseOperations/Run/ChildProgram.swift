internal import GatehouseCore
package import GatehouseServer
internal import Glibc

/// A program that is started with exactly its words and its environment; no shell reads either.
package struct ChildProgram: Sendable {
    package let words: [String]
    let path: String

    /// - Parameter words: the command, looked up in `search` unless it has a slash, and its arguments.
    /// - Throws: ``GatehouseError`` `unusable` when there is no such program.
    package init(_ words: [String], search: String) throws(GatehouseError) {
        guard let name = words.first, !name.isEmpty else {
            throw GatehouseError(.unusable, "no command is given", hint: "gatehouse run … -- COMMAND ARGUMENT…")
        }
        let candidates =
            name.contains("/")
            ? [name]
            : search.split(separator: ":", omittingEmptySubsequences: true).map { "\($0)/\(name)" }
        guard let path = candidates.first(where: { Self.isExecutable($0) }) else {
            throw GatehouseError(.unusable, "there is no program '\(name)'", hint: "PATH is \(search)")
        }
        self.words = words
        self.path = path
    }

    private static func isExecutable(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }

    /// Replaces this process with the program, which then has its signals, exit status and streams. Returns only when that fails.
    package func replaceProcess(_ environment: ChildEnvironment) -> GatehouseError {
        Self.closeOnExec()
        signal(SIGPIPE, SIG_DFL)
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        let reason = self.words.withWordPointers { words in
            environment.withPointers { execve(path, words, $0) == 0 ? 0 : errno }
        }
        return failure(reason)
    }

    /// Starts the program as a child in the same group and session.
    func spawn(_ environment: ChildEnvironment) throws(GatehouseError) -> pid_t {
        Self.closeOnExec()
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var pid = pid_t()
        let result = self.words.withWordPointers { words in
            environment.withPointers { posix_spawn(&pid, path, nil, &attributes, words, $0) }
        }
        guard result == 0 else { throw failure(result) }
        return pid
    }

    private func failure(_ reason: Int32) -> GatehouseError {
        GatehouseError(.unusable, "\(path) cannot be started: \(String(cString: strerror(reason)))")
    }

    /// Nothing but the three standard streams goes to the program, whatever our own parent process left open.
    private static func closeOnExec() {
        guard let folder = opendir("/proc/self/fd") else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let descriptor = Int32(name), descriptor > STDERR_FILENO else { continue }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }
}
