internal import GatehouseCore
internal import Glibc
internal import Synchronization

/// The files of a spool: who writes there, which segments there are. Held by one process at a time.
///
/// `lock` · `writer` (the name of the chain) · `cursor` (how far the sink has taken) · `lane-N.ring` · `WRITER-N.seg`
struct SpoolDirectory: Sendable {
    let path: String
    /// The name of this spool's chain, made at its first use.
    let writer: String
    /// Nil for a reader beside the process that writes.
    private let lock: Lock?

    /// An open lock file, another one when the directory had to be made again.
    private final class Lock: Sendable {
        private let number: Mutex<Int32>

        init(_ number: Int32) { self.number = Mutex(number) }
        deinit { close(number.withLock { $0 }) }

        var identity: UInt64 {
            var status = stat()
            return number.withLock { fstat($0, &status) } == 0 ? Descriptor.identity(of: status) : 0
        }

        func replace(_ fresh: Int32) {
            close(
                number.withLock { number in
                    defer { number = fresh }
                    return number
                }
            )
        }
    }

    /// - Throws: `.spoolInUse` when another process holds the directory, `.spoolUnusable` when it cannot be had.
    init(opening path: String) throws(AuditError) {
        lock = Lock(try Self.hold(path))
        self.path = path
        writer = try Self.writer(in: path)
    }

    /// Whether the directory is still the one that was opened.
    var isThere: Bool { lock.map { Descriptor.identity(of: file("lock")) == $0.identity } ?? true }

    /// Makes the directory again, for the same writer.
    func restore() throws(AuditError) {
        lock?.replace(try Self.hold(path))
        try Self.replace(file("writer"), with: "\(writer)\n")
    }

    /// Advice about a folder that cannot be made.
    private static let advice =
        "the folder above it must exist and be writable for this user, or audit.spool names another place"

    private static func hold(_ path: String) throws(AuditError) -> Int32 {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            let failure = AuditError.system("make", path)
            throw AuditError(failure.code, "\(failure.message): \(Self.advice)", number: failure.number)
        }
        let number = open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw .system("open", "\(path)/lock") }
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            let failure = errno
            close(number)
            guard failure == EWOULDBLOCK else { throw .system("lock", "\(path)/lock", failure) }
            throw AuditError(.spoolInUse, "another process uses the spool \(path)")
        }
        return number
    }

    /// Reads a spool without holding it.
    ///
    /// - Throws: `.spoolUnusable` when nothing was ever recorded there.
    init(reading path: String) throws(AuditError) {
        guard access("\(path)/writer", F_OK) == 0 else { throw .system("read the spool", path) }
        self.path = path
        writer = try Self.writer(in: path)
        lock = nil
    }

    private static func writer(in path: String) throws(AuditError) -> String {
        let file = "\(path)/writer"
        if access(file, F_OK) == 0 {
            let text = String(decoding: try Descriptor(opening: file, O_RDONLY).readAll(), as: UTF8.self)
            let name = text.hasSuffix("\n") ? String(text.dropLast()) : text
            guard OperatorName.matches(name) else {
                throw AuditError(.spoolDamaged, "\(file) does not hold the name of a writer")
            }
            return name
        }
        var generator = SystemRandomNumberGenerator()
        let digits = String(generator.next() as UInt64, radix: 16)
        let name = String(repeating: "0", count: 16 - digits.utf8.count) + digits
        try replace(file, with: "\(name)\n")
        return name
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }
    func ring(_ lane: Int) -> String { file("lane-\(lane).ring") }
    func segment(_ number: Int) -> String { file(Segment.name(writer: writer, number: number)) }

    /// The numbers of the segments, ascending.
    func segments() throws(AuditError) -> [Int] {
        try names().compactMap { Segment.number(ofFile: $0, writer: writer) }.sorted()
    }

    /// The lanes that have a ring file, ascending. A file that only resembles a lane's, as `lane-00.ring` does, is none: a lane has one.
    func rings() throws(AuditError) -> [Int] {
        try names().compactMap { name in
            guard name.hasPrefix("lane-"), name.hasSuffix(".ring"), let lane = Int(name.dropFirst(5).dropLast(5)),
                lane >= 0, ring(lane) == file(name)
            else { return nil }
            return lane
        }
        .sorted()
    }

    /// Deletes the ring files, once nothing stands in them only. One that stays is read at the next start.
    func removeRings() {
        for lane in (try? rings()) ?? [] { unlink(ring(lane)) }
    }

    private func names() throws(AuditError) -> [String] {
        guard let directory = opendir(path) else { throw .system("list", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { name in
                    name.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: name.pointee)) {
                        String(cString: $0)
                    }
                }
            )
        }
        return names
    }

    /// Makes new names in the directory as durable as the files are.
    func synchronize() throws(AuditError) {
        let directory = try Descriptor(opening: path, O_RDONLY | O_DIRECTORY)
        guard fsync(directory.number) == 0 else { throw .system("synchronize", path) }
    }

    /// Replaces a small file atomically: a reader finds the old text or the new one.
    static func replace(_ file: String, with text: String) throws(AuditError) {
        let fresh = "\(file).new"
        try Descriptor(opening: fresh, O_WRONLY | O_CREAT | O_TRUNC).write(Array(text.utf8), at: 0)
        guard rename(fresh, file) == 0 else { throw .system("replace", file) }
    }
}
