internal import CLinux
internal import Glibc

/// The path of a unix socket that processes share: it leads to the one that came last. That one keeps the socket of the one before it under a name beside,
/// and gives the path back when it leaves first.
struct SharedPath {
    private let path: String
    private let beside: String
    private let own: Identity

    private struct Identity: Equatable {
        let device: dev_t
        let number: ino_t

        /// Nil where there is no socket at the path.
        init?(_ path: String) {
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
            (device, number) = (status.st_dev, status.st_ino)
        }
    }

    /// The name beside a path, under which this process makes its socket.
    static func beside(_ path: String) -> String { "\(path).\(getpid())" }

    /// Puts the socket that this process has made beside a path in its place, at once: who connects finds the one or the other.
    ///
    /// - Returns: nil, and `errno`, when that cannot be done.
    init?(taking path: String) {
        self.path = path
        beside = Self.beside(path)
        guard let own = Identity(beside) else { return nil }
        self.own = own
        // Where no socket is at the path yet, or this file system cannot exchange, it is only renamed; a folder there is an error.
        if Identity(path) == nil || gatehouse_exchange(beside, path) != 0 {
            guard rename(beside, path) == 0 else { return nil }
        } else if !Self.isServed(beside) {
            unlink(beside)
        }
    }

    /// Gives a path that leads nowhere back to the process that waits beside it. In containers a process that failed to start has the same number as the
    /// next one, and took the path of the one that runs.
    static func restore(_ path: String) {
        let beside = beside(path)
        if isServed(beside), !isServed(path) { rename(beside, path) }
    }

    /// - Returns: whether the path leads to another process now. What was on its way to the socket of this one arrives there all the same.
    func giveBack() -> Bool {
        let isOwn = Identity(path) == own
        guard isOwn, Self.isServed(beside) else {
            // Another one has come, or this one has nothing to give.
            if Identity(beside) != nil { unlink(beside) }
            return !isOwn
        }
        guard gatehouse_exchange(beside, path) == 0 else { return rename(beside, path) == 0 }
        // Where another one has come between the look and the exchange, the path is its own.
        if Identity(beside) != own { _ = gatehouse_exchange(beside, path) }
        unlink(beside)
        return true
    }

    /// Whether a process listens at a path.
    private static func isServed(_ path: String) -> Bool {
        guard Identity(path) != nil, let address = SocketAddress(unix: path) else { return false }
        return (try? UnixPath.isLeftover(address)) == false
    }
}
