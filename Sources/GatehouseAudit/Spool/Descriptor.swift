internal import Glibc

/// An open file. Closed when it goes out of scope.
struct Descriptor: ~Copyable {
    let number: Int32
    let path: String

    init(opening path: String, _ flags: Int32, mode: mode_t = 0o600) throws(AuditError) {
        let opened = open(path, flags | O_CLOEXEC, mode)
        guard opened >= 0 else { throw .system("open", path) }
        number = opened
        self.path = path
    }

    deinit { close(number) }

    var length: Int {
        var status = stat()
        return fstat(number, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Distinguishes this file from every other that had its path; 0 when there is none.
    var identity: UInt64 {
        var status = stat()
        return fstat(number, &status) == 0 ? Self.identity(of: status) : 0
    }

    static func identity(of path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? Self.identity(of: status) : 0
    }

    static func identity(of status: stat) -> UInt64 { UInt64(status.st_ino) ^ UInt64(status.st_dev) << 40 }

    /// Writes all bytes at an offset. After an error some may be written.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(AuditError) {
        var done = 0
        while done < bytes.count, let start = bytes.baseAddress {
            let count = pwrite(number, start + done, bytes.count - done, off_t(offset + done))
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw .system("write", path, count == 0 ? ENOSPC : errno)
            }
        }
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(AuditError) {
        let written = bytes.withUnsafeBytes { buffer in
            Result { () throws(AuditError) in try write(buffer, at: offset) }
        }
        try written.get()
    }

    /// Reads until the buffer is full or the file ends.
    ///
    /// - Returns: how many bytes.
    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(AuditError) -> Int {
        var done = 0
        while done < bytes.count, let start = bytes.baseAddress {
            let count = pread(number, start + done, bytes.count - done, off_t(offset + done))
            if count == 0 { break }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw .system("read", path)
            }
        }
        return done
    }

    func readAll() throws(AuditError) -> [UInt8] {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 8)
        defer { room.deallocate() }
        let count = try read(room, at: 0)
        return Array(room.prefix(count))
    }

    func truncate(to length: Int) throws(AuditError) {
        guard ftruncate(number, off_t(length)) == 0 else { throw .system("shorten", path) }
    }

    /// Waits until what was written is on the disk.
    func synchronize() throws(AuditError) {
        guard fdatasync(number) == 0 else { throw .system("synchronize", path) }
    }
}
