internal import CLinux
internal import Glibc

/// The file of a unix socket that is listened on.
enum UnixPath {
    /// Attempts to get the folder's lock, ``pause`` apart; then the path is taken without it.
    private static let attempts = 100
    /// Microseconds.
    private static let pause: UInt32 = 10_000

    /// Makes room for a listener at a path and calls `bind`. A socket without a listening process was left behind, and is replaced; one
    /// that a process listens on is that process's: taken away, that process would run on and could not be reached.
    ///
    /// The folder is locked meanwhile (flock(2)), for of two processes that start at once both could find the same leftover, and
    /// the second would take away the first one's new socket.
    static func claim<Result>(
        _ path: String,
        _ address: SocketAddress,
        bind: () throws(SocketError) -> Result
    ) throws(SocketError) -> Result {
        let folder = lockFolder(of: path)
        defer { if folder >= 0 { Glibc.close(folder) } }
        var status = stat()
        // Another kind of file is left alone: binding fails with an error.
        if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK {
            guard try isLeftover(address) else {
                throw SocketError(code: .system(errno: EADDRINUSE), message: "another process listens there")
            }
            unlink(path)
        }
        return try bind()
    }

    /// Whether no process listens at the path. When it cannot be known, one is assumed to.
    static func isLeftover(_ address: SocketAddress) throws(SocketError) -> Bool {
        let descriptor = try StreamSocket.makeDescriptor(AF_UNIX)
        defer { Glibc.close(descriptor) }
        return address.withSockaddr { Glibc.connect(descriptor, $0, $1) } != 0
            && (errno == ECONNREFUSED || errno == ENOENT)
    }

    /// - Returns: a descriptor that holds the lock, negative when it could not be had.
    private static func lockFolder(of path: String) -> CInt {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return descriptor }
        for _ in 0..<attempts {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK { break }
            usleep(pause)
        }
        return descriptor
    }
}
