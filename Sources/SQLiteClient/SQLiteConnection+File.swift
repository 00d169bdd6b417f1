internal import Glibc

extension SQLiteConnection {
    /// Gives a database file mode 0600, with the files beside it. SQLite copies the mode of the database to a `-wal`, `-shm` or
    /// `-journal` that it makes, so those made later have it too, whatever the umask.
    ///
    /// The file is never opened here: closing a descriptor of it would drop the POSIX locks of every other connection of the process
    /// (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    static func narrow(_ file: String, creating: Bool) throws(SQLiteError) {
        if creating, mknod(file, S_IFREG | 0o600, 0) != 0, errno != EEXIST {
            throw SQLiteError(.notOpened, "\(file) cannot be made: \(String(cString: strerror(errno)))")
        }
        for suffix in ["", "-wal", "-shm", "-journal"] {
            var status = stat()
            guard stat(file + suffix, &status) == 0, status.st_mode & 0o077 != 0 else { continue }
            // A directory or a device is for SQLite to refuse; its mode is not ours to change.
            guard status.st_mode & S_IFMT == S_IFREG else { continue }
            guard chmod(file + suffix, 0o600) == 0 || errno == ENOENT else {
                throw SQLiteError(
                    .permission,
                    "\(file)\(suffix) is readable by others and its mode cannot be changed: \(String(cString: strerror(errno)))"
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

    struct Identity: Equatable {
        let device: dev_t
        let inode: ino_t
    }

    static func identity(of file: String) -> Identity? {
        var status = stat()
        return stat(file, &status) == 0 ? Identity(device: status.st_dev, inode: status.st_ino) : nil
    }
}
