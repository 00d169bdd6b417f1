internal import Crypto
internal import GatehouseCore
internal import GatehouseServer
internal import Glibc

/// Files in one tar (POSIX.1-1988, ustar), written once and read back by name. Regular files with plain names, and nothing else: what could be
/// unpacked elsewhere than its reader chooses is refused.
enum Archive {
    static let blockSize = 512
    /// Bytes moved at a time.
    private static let chunk = 1 << 20
    /// Files of an archive that is read.
    static let maximumFiles = 256
    /// Bytes that a size in octal digits can say.
    private static let maximumSize: Int64 = 1 << 33 - 1

    struct Entry: Sendable {
        let name: String
        let size: Int64
        /// The offset of the entry's bytes in the archive.
        let offset: Int64
    }

    // MARK: - Writing

    static func write(_ files: [(name: String, path: String)], to path: String, at time: Timestamp)
        throws(GatehouseError)
    {
        let target = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard target >= 0 else { throw failure("make", path) }
        defer { close(target) }
        for file in files {
            let source = open(file.path, O_RDONLY | O_CLOEXEC)
            guard source >= 0 else { throw failure("read", file.path) }
            defer { close(source) }
            var status = stat()
            guard fstat(source, &status) == 0 else { throw failure("read", file.path) }
            let size = Int64(status.st_size)
            try put(try header(file.name, size, time), target, path)
            try copy(from: source, file.path, 0, size, to: target, path)
            let rest = Int(size % Int64(blockSize))
            if rest > 0 { try put([UInt8](repeating: 0, count: blockSize - rest), target, path) }
        }
        try put([UInt8](repeating: 0, count: 2 * blockSize), target, path)
        guard fsync(target) == 0 else { throw failure("write", path) }
    }

    private static func header(_ name: String, _ size: Int64, _ time: Timestamp) throws(GatehouseError) -> [UInt8] {
        guard isPlain(name), size <= maximumSize else {
            throw GatehouseError(.unsupported, "\(name) is larger than an archive takes: copy it by itself")
        }
        var block = [UInt8](repeating: 0, count: blockSize)
        func field(_ offset: Int, _ text: String) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        func octal(_ value: Int64, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: digits - text.utf8.count) + text
        }
        field(0, name)
        field(100, "0000600")
        field(108, "0000000")
        field(116, "0000000")
        field(124, octal(size, 11))
        field(136, octal(max(0, time.seconds), 11))
        field(148, "        ")
        field(156, "0")
        field(257, "ustar")
        field(263, "00")
        field(148, octal(block.reduce(0) { $0 + Int64($1) }, 6))
        block[154] = 0
        return block
    }

    // MARK: - Reading

    /// - Throws: ``GatehouseError`` for what is no archive of ours: a link, a folder, a name with a path, a cut file.
    static func entries(of path: String) throws(GatehouseError) -> [Entry] {
        let source = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard source >= 0 else { throw failure("read", path) }
        defer { close(source) }
        var status = stat()
        guard fstat(source, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw broken(path, "it is no regular file")
        }
        var entries: [Entry] = []
        var offset: Int64 = 0
        while offset + Int64(blockSize) <= Int64(status.st_size) {
            var block = [UInt8](repeating: 0, count: blockSize)
            guard pread(source, &block, blockSize, off_t(offset)) == blockSize else { throw failure("read", path) }
            if block.allSatisfy({ $0 == 0 }) { return entries }
            let entry = try entry(block, at: offset + Int64(blockSize), path)
            guard entry.offset + entry.size <= Int64(status.st_size) else {
                throw broken(path, "it is cut within \(entry.name)")
            }
            guard entries.count < maximumFiles, !entries.contains(where: { $0.name == entry.name }) else {
                throw broken(path, "it has \(entry.name) twice, or too many files")
            }
            entries.append(entry)
            offset = entry.offset + (entry.size + Int64(blockSize) - 1) / Int64(blockSize) * Int64(blockSize)
        }
        throw broken(path, "its end is missing")
    }

    private static func entry(_ block: [UInt8], at offset: Int64, _ path: String) throws(GatehouseError) -> Entry {
        let name = String(decoding: block[..<100].prefix { $0 != 0 }, as: UTF8.self)
        let sum = (0..<blockSize).reduce(Int64(0)) { $0 + ((148..<156).contains($1) ? 0x20 : Int64(block[$1])) }
        func octal(_ range: Range<Int>) -> Int64? {
            let digits = block[range].prefix { (0x30...0x37).contains($0) }
            return digits.isEmpty ? nil : Int64(String(decoding: digits, as: UTF8.self), radix: 8)
        }
        guard octal(148..<156) == sum, block[257..<262].elementsEqual("ustar".utf8) else {
            throw broken(path, "what stands at byte \(offset - Int64(blockSize)) is no entry")
        }
        guard block[156] == 0x30, isPlain(name), block[345] == 0, let size = octal(124..<136) else {
            throw broken(path, "'\(name)' is no plain file")
        }
        return Entry(name: name, size: size, offset: offset)
    }

    /// A small file, whole.
    static func bytes(of entry: Entry, in path: String, limit: Int64 = 1 << 20) throws(GatehouseError) -> [UInt8] {
        guard entry.size <= limit else { throw broken(path, "\(entry.name) is too large") }
        let source = open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw failure("read", path) }
        defer { close(source) }
        var bytes = [UInt8](repeating: 0, count: Int(entry.size))
        guard pread(source, &bytes, bytes.count, off_t(entry.offset)) == bytes.count else {
            throw failure("read", path)
        }
        return bytes
    }

    /// Unpacks a file beside its destination.
    ///
    /// - Returns: its SHA-256 in hex.
    static func extract(_ entry: Entry, of path: String, to target: String) throws(GatehouseError) -> String {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw failure("read", path) }
        defer { close(source) }
        let descriptor = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("make", target) }
        defer { close(descriptor) }
        let digest = try copy(from: source, path, entry.offset, entry.size, to: descriptor, target)
        guard fsync(descriptor) == 0 else { throw failure("write", target) }
        return digest
    }

    static func digest(of path: String) throws(GatehouseError) -> (sha256: String, size: Int64) {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw failure("read", path) }
        defer { close(source) }
        var status = stat()
        guard fstat(source, &status) == 0 else { throw failure("read", path) }
        return (try copy(from: source, path, 0, Int64(status.st_size), to: nil, path), Int64(status.st_size))
    }

    /// A small file, made anew.
    static func put(_ bytes: [UInt8], at path: String) throws(GatehouseError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("make", path) }
        defer { close(descriptor) }
        try put(bytes, descriptor, path)
        guard fsync(descriptor) == 0 else { throw failure("write", path) }
    }

    // MARK: -

    @discardableResult
    private static func copy(
        from source: Int32,
        _ path: String,
        _ start: Int64,
        _ size: Int64,
        to target: Int32?,
        _ targetPath: String
    ) throws(GatehouseError) -> String {
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: chunk)
        var done: Int64 = 0
        while done < size {
            let wanted = Int(min(Int64(chunk), size - done))
            let count = pread(source, &buffer, wanted, off_t(start + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw count == 0 ? broken(path, "it became shorter while it was read") : failure("read", path)
            }
            hash.update(data: buffer[..<count])
            if let target { try put(Array(buffer[..<count]), target, targetPath) }
            done += Int64(count)
        }
        return Hex.encode(hash.finalize())
    }

    private static func put(_ bytes: [UInt8], _ target: Int32, _ path: String) throws(GatehouseError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(target, $0.baseAddress! + done, bytes.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("write", path) }
            done += count
        }
    }

    private static func isPlain(_ name: String) -> Bool {
        (1..<100).contains(name.utf8.count) && name.utf8.first != 0x2E
            && name.utf8.allSatisfy {
                (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || [0x2D, 0x2E, 0x5F].contains($0)
            }
    }

    private static func broken(_ path: String, _ why: String) -> GatehouseError {
        GatehouseError(.unusable, "\(path) is no whole backup of Gatehouse: \(why)")
    }

    static func failure(_ doing: String, _ path: String) -> GatehouseError {
        GatehouseError(.unusable, "cannot \(doing) \(path): \(String(cString: strerror(errno)))")
    }
}
