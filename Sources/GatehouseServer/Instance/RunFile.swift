package import GatehouseCore
internal import Glibc

/// A running instance's address for the commands of this machine, and a key that proves that a client which asks for a change may read the instance's
/// files. It lies in the spool's folder, mode 0600, from the moment the listeners stand until the end.
///
/// Each run has its own key. Without it, anything that can reach the admin listener, a web page or an upstream that fetches URLs, could make the
/// instance act.
package struct RunFile: Sendable {
    package static let fileName = "run.json"
    /// The field that carries the key.
    package static let keyField = "Gatehouse-Run-Key"
    /// Bytes of a file that is read.
    static let maximumBytes = 64 << 10

    package let processID: Int
    /// The admin listener's address, with the port that was bound.
    package let admin: Endpoint
    /// The configuration file that the instance reads, absolute.
    package let configuration: String
    package let version: String
    package let startedAt: Timestamp
    package let key: Secret

    package static func path(spool: String) -> String { "\(spool)/\(fileName)" }

    /// The run file of this process, with a new key.
    static func ofThisProcess(
        admin: Endpoint,
        configuration: String,
        version: String,
        startedAt: Timestamp
    ) -> RunFile {
        var random = SystemRandomNumberGenerator()
        let key = (0..<4).flatMap { _ in withUnsafeBytes(of: random.next() as UInt64) { Array($0) } }
        return RunFile(
            processID: Int(getpid()),
            admin: admin,
            configuration: configuration,
            version: version,
            startedAt: startedAt,
            key: Secret(key.withUnsafeBytes { Base64URL.encode($0) })
        )
    }

    private init(
        processID: Int,
        admin: Endpoint,
        configuration: String,
        version: String,
        startedAt: Timestamp,
        key: Secret
    ) {
        self.processID = processID
        self.admin = admin
        self.configuration = configuration
        self.version = version
        self.startedAt = startedAt
        self.key = key
    }

    /// Whether a field's value is the key, in a time that does not depend on where they differ.
    func opens(_ presented: String?) -> Bool {
        guard let presented else { return false }
        let bytes = Array(presented.utf8)
        return key.withUnsafeBytes { key in
            guard key.count == bytes.count else { return false }
            var difference: UInt8 = 0
            for index in key.indices { difference |= key[index] ^ bytes[index] }
            return difference == 0
        }
    }

    // MARK: - On disk

    /// Writes a temporary file and renames it, so that no reader gets half of it.
    func write(spool: String) throws(GatehouseError) {
        let path = Self.path(spool: spool)
        let fresh = "\(path).new"
        unlink(fresh)
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.unusable("write", fresh) }
        let isWritten = json.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) == $0.count }
        close(descriptor)
        guard isWritten, rename(fresh, path) == 0 else {
            let error = Self.unusable("write", path)
            unlink(fresh)
            throw error
        }
    }

    /// Unless another instance has put its own in its place. The key tells them apart: in containers every instance is process 1.
    func remove(spool: String) {
        guard let file = try? Self.read(spool: spool), file.key == key else { return }
        unlink(Self.path(spool: spool))
    }

    /// The file of the instance that runs; nil when none does, which is also what a file of a process that has ended says.
    ///
    /// - Throws: ``GatehouseError`` when there is a file that cannot be read.
    package static func read(spool: String) throws(GatehouseError) -> RunFile? {
        let path = path(spool: spool)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw unusable("read", path)
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: maximumBytes)
        let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        guard count > 0, let file = RunFile(json: Array(bytes[..<count])) else {
            throw GatehouseError(.unusable, "\(path) is not a run file", hint: "gatehouse serve writes it anew")
        }
        // Signal 0 only checks: EPERM means that the process exists and belongs to another user.
        guard kill(pid_t(truncatingIfNeeded: file.processID), 0) == 0 || errno == EPERM else { return nil }
        return file
    }

    private static func unusable(_ doing: String, _ path: String) -> GatehouseError {
        GatehouseError(.unusable, "cannot \(doing) \(path): \(String(cString: strerror(errno)))")
    }

    private var json: [UInt8] {
        var json = JSONText()
        json.object { json in
            json.number("pid", processID)
            json.string("admin", admin.description)
            json.string("configuration", configuration)
            json.string("version", version)
            json.number("started_us", startedAt.microseconds)
            json.string("key", key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
        }
        return json.bytes + [0x0A]
    }

    init?(json bytes: [UInt8]) {
        let file = bytes.withUnsafeBytes { bytes -> RunFile? in
            do throws(JSONFault) { return try Self.parse(bytes) } catch { return nil }
        }
        guard let file else { return nil }
        self = file
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) -> RunFile? {
        var scanner = try JSONScanner(bytes)
        var texts: [String: String] = [:]
        var numbers: [String: Int64] = [:]
        try scanner.beginObject()
        while let name = try scanner.nextMember()?.text {
            switch scanner.next {
            case .string: texts[name] = try scanner.string().text
            case .number: numbers[name] = try scanner.number().integer
            case _: _ = try scanner.skip()
            }
        }
        try scanner.finish()
        guard let pid = numbers["pid"], pid > 0, let key = texts["key"], !key.isEmpty, let admin = texts["admin"],
            let address = try? Endpoint(parsing: admin)
        else { return nil }
        return RunFile(
            processID: Int(pid),
            admin: address,
            configuration: texts["configuration"] ?? "",
            version: texts["version"] ?? "",
            startedAt: Timestamp(microseconds: numbers["started_us"] ?? 0),
            key: Secret(key)
        )
    }
}

extension Endpoint {
    /// The address with the port that the system chose.
    func bound(to port: Int?) -> Endpoint {
        if case .tcp(let host, _) = self, let port { .tcp(host: host, port: port) } else { self }
    }
}
