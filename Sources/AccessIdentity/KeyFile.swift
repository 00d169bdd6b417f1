internal import Glibc

/// The last good key set on disk, so that a cold start during an outage serves too.
///
/// One line `access-identity-keys 1 <seconds since 1970> <URL>`, then the set as it came. The URL keeps the keys of one
/// issuer from serving for another; the time counts toward the staleness bound.
struct KeyFile {
    struct Contents: Equatable {
        let fetchedAt: Int64
        let body: [UInt8]
    }

    static let magic = "access-identity-keys 1"
    /// Room for the first line beside the largest set.
    static let maximumBytes = SigningKeySource.maximumResponseBytes + 4096

    let path: String

    /// Replaces the file at once or not at all; mode 0600.
    func write(_ contents: Contents, url: SigningKeysURL) throws(AccessIdentityError) {
        let temporary = "\(path).\(getpid()).tmp"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("cannot be created") }
        // Once it is renamed, nothing has the name any more.
        defer { unlink(temporary) }
        let line = Array("\(Self.magic) \(contents.fetchedAt) \(url.text)\n".utf8)
        let isComplete = (line + contents.body).withUnsafeBytes { Self.writeAll($0, to: file) } && fsync(file) == 0
        let written = isComplete ? nil : failure("cannot be written")
        close(file)
        if let written { throw written }
        guard rename(temporary, path) == 0 else { throw failure("cannot be replaced") }
        syncDirectory()
    }

    /// The contents that were written for this URL; nil when there is no file. Refuses a file that others may write: it would let them sign anyone
    /// in.
    func read(url: SigningKeysURL) throws(AccessIdentityError) -> Contents? {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("cannot be opened")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw refusal("is not a regular file")
        }
        guard status.st_mode & 0o022 == 0, status.st_uid == geteuid() || status.st_uid == 0 else {
            throw refusal("may be written by others")
        }
        guard status.st_size <= Self.maximumBytes else { throw refusal("is too large") }
        guard let bytes = Self.readAll(file, count: Int(status.st_size)) else { throw failure("cannot be read") }
        guard let end = bytes.firstIndex(of: 0x0A) else { throw refusal("is not of this program") }
        let words = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ")
        guard words.count == 4, words[0] + " " + words[1] == Self.magic, let fetchedAt = Int64(words[2]) else {
            throw refusal("is not of this program")
        }
        guard words[3] == url.text else { throw refusal("holds the keys of another URL") }
        return Contents(fetchedAt: fetchedAt, body: Array(bytes[(end + 1)...]))
    }

    private func failure(_ what: String) -> AccessIdentityError {
        refusal("\(what): \(String(cString: strerror(errno)))")
    }

    private func refusal(_ what: String) -> AccessIdentityError {
        AccessIdentityError(.fileUnusable, "the file of last-good keys \(path) \(what)")
    }

    /// Makes the rename last through a power cut; without it the older file serves, so a failure does not matter.
    private func syncDirectory() {
        let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = fsync(file)
        close(file)
    }

    private static func writeAll(_ bytes: UnsafeRawBufferPointer, to file: Int32) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = Glibc.write(file, bytes.baseAddress! + offset, bytes.count - offset)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    private static func readAll(_ file: Int32, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var offset = 0
        while offset < count {
            let got = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + offset, count - offset) }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { return nil }
            if got == 0 { break }
            offset += got
        }
        return Array(bytes[..<offset])
    }
}
