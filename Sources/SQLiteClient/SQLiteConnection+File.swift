internal import GatehouseCore
internal import Glibc

extension SQLiteConnection {
    /// Gives a database file mode 0600, with the files beside it. SQLite copies the mode of the database to a `-wal`, `-shm` or
    /// `-journal` that it makes, so those made later have it too, whatever the umask.
    ///
    /// The file is never opened here: closing a descriptor of it would drop the POSIX locks of every other connection of the process
    /// (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    static func narrow(_ file: String, creating: Bool) throws(SQLiteError) {
        if creating, mknod(file, S_IFREG | 0o600, 0) != 0, errno != EEXIST {
            let number = errno
            let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
            throw SQLiteError(.notOpened, "\(file) cannot be made: \(ForeignFile.reason(folder, number))")
        }
        for suffix in ["", "-wal", "-shm", "-journal"] {
            var status = stat()
            guard stat(file + suffix, &status) == 0, status.st_mode & 0o077 != 0 else { continue }
            // A directory or a device is for SQLite to refuse; its mode is not ours to change.
            guard status.st_mode & S_IFMT == S_IFREG else { continue }
            guard chmod(file + suffix, 0o600) == 0 || errno == ENOENT else {
                let reason = ForeignFile.reason(file + suffix)
                throw SQLiteError(
                    .permission,
                    "\(file)\(suffix) is readable by others and its mode cannot be changed: \(reason)"
                )
            }
        }
    }

    /// A name in which nothing means anything but itself.
    static func immutableURI(of file: String) -> String {
        let plain = file.utf8.reduce(into: "") { uri, byte in
            let isPlain = (0x61...0x7A).contains(byte | 0x20) || (0x2D...0x39).contains(byte) || byte == 0x5F
            uri += isPlain ? String(Unicode.Scalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return "file:\(plain)?immutable=1"
    }

    /// Whether another file, or none, has the path now: a restored backup, say. This connection still reads the old one.
    package var isReplaced: Bool { Self.identity(of: file) != identity }

    /// The same, for a connection that is about to be given up: where the file was replaced, its write-ahead log is taken away from the path. SQLite
    /// leaves it there when a database has moved (`SQLITE_FCNTL_HAS_MOVED`) and would play it into the file that has the path now
    /// (https://www.sqlite.org/howtocorrupt.html, section 1.4). A log that another has made meanwhile is left alone.
    package func checkReplaced() -> Bool {
        guard isReplaced else {
            logIdentity = Self.identity(of: "\(file)-wal")
            return false
        }
        if let logIdentity, Self.identity(of: "\(file)-wal") == logIdentity {
            // A file that was moved without its log is whole where it is now.
            try? execute("PRAGMA wal_checkpoint(PASSIVE)")
            unlink("\(file)-wal")
            unlink("\(file)-shm")
        }
        return true
    }

    /// Bytes of the write-ahead log.
    package var logLength: Int {
        var status = stat()
        return stat("\(file)-wal", &status) == 0 ? Int(status.st_size) : 0
    }

    /// Writes the write-ahead log into the database and makes it empty. Waits half a second at most for readers of an older state, since writers
    /// wait meanwhile.
    ///
    /// - Returns: whether the log was emptied: no reader kept it.
    package func truncateLog() throws(SQLiteError) -> Bool {
        try execute("PRAGMA busy_timeout=500")
        defer { try? execute("PRAGMA busy_timeout=\(busyMilliseconds)") }
        let statement = try prepare("PRAGMA wal_checkpoint(TRUNCATE)")
        do throws(SQLiteError) {
            return try statement.step() ? try statement.integer(0) == 0 : true
        } catch {
            guard error.code == .busy else { throw error }
            return false
        }
    }

    package struct Identity: Equatable, Sendable {
        let device: dev_t
        let inode: ino_t
    }

    /// The identity of the file at the end of the path; nil when there is none.
    package static func identity(of file: String) -> Identity? {
        var status = stat()
        return stat(file, &status) == 0 ? Identity(device: status.st_dev, inode: status.st_ino) : nil
    }
}
