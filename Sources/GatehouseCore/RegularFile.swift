internal import Glibc

/// Reads files that the configuration names, and the configuration itself. The path may lead to something other than a file: opening a pipe waits for
/// a writer, and a device may never end. So only a regular file is read, and no more of it than the limit.
package enum RegularFile {
    /// - Parameter limit: bytes that are read at most.
    /// - Throws: ``InvalidValue`` that says why, without the path.
    package static func read(_ path: String, atMost limit: Int) throws(InvalidValue) -> [UInt8] {
        // Without O_NONBLOCK, opening a pipe blocks (fifo(7)); a regular file ignores the flag.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            let reason = ForeignFile.reason(path)
            throw InvalidValue("cannot be read: \(reason)")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw InvalidValue("cannot be read: it is \(kind(status.st_mode)), not a file")
        }
        var bytes = [UInt8](repeating: 0, count: min(limit, max(Int(status.st_size), 0) + 1))
        var count = 0
        while count < limit {
            // It may have grown since.
            if count == bytes.count { bytes += [UInt8](repeating: 0, count: min(limit - count, max(count, 4096))) }
            let room = bytes.count
            let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, room - count) }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw unreadable(errno) }
            if got == 0 { break }
            count += got
        }
        return Array(bytes[..<count])
    }

    private static func unreadable(_ number: Int32) -> InvalidValue {
        InvalidValue("cannot be read: \(String(cString: strerror(number)))")
    }

    private static func kind(_ mode: mode_t) -> String {
        switch mode & S_IFMT {
        case S_IFDIR: "a folder"
        case S_IFIFO: "a pipe"
        case S_IFSOCK: "a socket"
        case _: "a device"
        }
    }
}
