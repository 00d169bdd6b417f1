internal import GatehouseConfig
internal import Glibc

/// The configuration as a file that is replaced whole.
struct ConfigurationFile {
    let bytes: [UInt8]
    /// Where the file really lies: a symlink stays one.
    private let path: String
    private let mode: mode_t

    /// - Throws: ``CommandFailure`` when it cannot be read.
    init(path given: String) throws(CommandFailure) {
        guard let resolved = realpath(given, nil) else { throw Self.failure("read", given) }
        path = String(cString: resolved)
        free(resolved)
        var status = stat()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else { throw Self.failure("read", given) }
        defer { close(descriptor) }
        mode = status.st_mode & 0o777
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure("read", given) }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        self.bytes = bytes
    }

    /// Writes beside it and renames: whoever reads sees the old file or the new one.
    func replace(with text: [UInt8]) throws(CommandFailure) {
        let fresh = "\(path).\(getpid()).new"
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Self.failure("make", fresh) }
        var isDone = false
        defer {
            close(descriptor)
            if !isDone { unlink(fresh) }
        }
        let result = text.withUnsafeBytes { DataOutput.write($0, to: descriptor) }
        guard result == 0, fchmod(descriptor, mode) == 0, fsync(descriptor) == 0 else {
            throw Self.failure("write", fresh)
        }
        guard rename(fresh, path) == 0 else { throw Self.failure("replace", path) }
        isDone = true
    }

    private static func failure(_ doing: String, _ path: String) -> CommandFailure {
        CommandFailure("cannot \(doing) \(path): \(String(cString: strerror(errno)))")
    }
}
