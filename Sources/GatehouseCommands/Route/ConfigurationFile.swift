internal import GatehouseConfig
internal import Glibc

/// The configuration as a file that one process changes at a time and that is replaced whole. Holds the lock of its folder (flock(2)) as
/// long as it lives, so that what was read is what is replaced.
struct ConfigurationFile: ~Copyable {
    let bytes: [UInt8]
    /// The path with symlinks resolved: a symlink to the file stays one.
    private let path: String
    private let status: stat
    private let lock: Int32

    /// Attempts to get the lock, ``pause`` apart; then it is an error.
    private static let attempts = 1000
    /// Microseconds.
    private static let pause: UInt32 = 10_000

    /// - Throws: ``CommandFailure`` when it cannot be read, or another process does not finish changing it.
    init(path given: String) throws(CommandFailure) {
        guard let resolved = realpath(given, nil) else { throw Self.failure("read", given) }
        let path = String(cString: resolved)
        free(resolved)
        let lock = try Self.lockFolder(of: path)
        let (bytes, status): ([UInt8], stat)
        do throws(CommandFailure) {
            (bytes, status) = try Self.read(path, given)
        } catch {
            close(lock)
            throw error
        }
        self.bytes = bytes
        self.status = status
        self.path = path
        self.lock = lock
    }

    deinit { close(lock) }

    /// Writes beside it and renames, so that a reader sees the old file or the new one. Where that would not leave the same file with
    /// the same owner, or is not possible, as for a file that is mounted by itself, it is written in its place.
    func replace(with text: [UInt8]) throws(CommandFailure) {
        if try !replaceWhole(with: text) { try overwrite(with: text) }
    }

    // MARK: - Writing

    /// - Returns: false when nothing was changed, because it cannot be done so.
    private func replaceWhole(with text: [UInt8]) throws(CommandFailure) -> Bool {
        let fresh = "\(path).\(getpid()).new"
        // Closed to all other users until it has its owner.
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            guard [EACCES, EPERM, EROFS].contains(errno) else { throw Self.failure("make", fresh) }
            return false
        }
        var isDone = false
        defer {
            close(descriptor)
            if !isDone { unlink(fresh) }
        }
        guard isOwned(descriptor) || fchown(descriptor, status.st_uid, status.st_gid) == 0 else { return false }
        try Self.write(text, to: descriptor, fresh)
        guard fchmod(descriptor, status.st_mode & 0o777) == 0, fsync(descriptor) == 0 else {
            throw Self.failure("write", fresh)
        }
        guard rename(fresh, path) == 0 else {
            guard errno == EBUSY else { throw Self.failure("replace", path) }
            return false
        }
        isDone = true
        return true
    }

    /// Whether a new file belongs to whom the old one does.
    private func isOwned(_ descriptor: Int32) -> Bool {
        var fresh = stat()
        return fstat(descriptor, &fresh) == 0 && fresh.st_uid == status.st_uid && fresh.st_gid == status.st_gid
    }

    private func overwrite(with text: [UInt8]) throws(CommandFailure) {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("write", path) }
        defer { close(descriptor) }
        try Self.write(text, to: descriptor, path)
        guard ftruncate(descriptor, text.count) == 0, fsync(descriptor) == 0 else { throw Self.failure("write", path) }
    }

    private static func write(_ text: [UInt8], to descriptor: Int32, _ path: String) throws(CommandFailure) {
        let number = text.withUnsafeBytes { DataOutput.write($0, to: descriptor) }
        guard number == 0 else { throw failure("write", path, number) }
    }

    // MARK: - Reading

    private static func lockFolder(of path: String) throws(CommandFailure) -> Int32 {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("read", folder) }
        for _ in 0..<attempts {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
            guard errno == EWOULDBLOCK || errno == EINTR else { break }
            usleep(pause)
        }
        let number = errno
        close(descriptor)
        guard number == EWOULDBLOCK else { throw failure("lock", folder, number) }
        throw CommandFailure("another process is changing \(path) and does not end")
    }

    private static func read(_ path: String, _ given: String) throws(CommandFailure) -> ([UInt8], stat) {
        var status = stat()
        // A pipe or a device is none, and opening one may wait for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else { throw failure("read", given) }
        defer { close(descriptor) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw CommandFailure("\(given) is not a file") }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", given) }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return (bytes, status)
    }

    private static func failure(_ doing: String, _ path: String, _ number: Int32 = errno) -> CommandFailure {
        CommandFailure("cannot \(doing) \(path): \(String(cString: strerror(number)))")
    }
}
