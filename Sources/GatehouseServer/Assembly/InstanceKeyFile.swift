package import GatehouseCore
package import GatehouseTokens
internal import Glibc

/// The file in the spool's directory that holds the machine's own key, in the form of a master key, and beside it what an operator said of it.
///
/// Every user who can write the directory can put a file there. So it must be this user's, and for nobody else to read or write; and beside a live
/// store that has master keys it counts for nothing unless an operator has adopted it.
package struct InstanceKeyFile {
    package static let name = "instance-key"
    package static let adoptionName = "instance-key.adopted"
    /// Bytes of an adoption that are read.
    private static let maximumAdoption = 512

    package let folder: String

    package init(folder: String) { self.folder = folder }

    package var path: String { folder + "/" + Self.name }
    package var adoptionPath: String { folder + "/" + Self.adoptionName }
    package var isThere: Bool { access(path, F_OK) == 0 }

    /// - Throws: `TokenError` `configuration` that says what is wrong with the file.
    package func read() throws(TokenError) -> MasterKey {
        do throws(InvalidValue) {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard descriptor >= 0 else {
                let reason = ForeignFile.reason(path)
                throw InvalidValue("\(path) cannot be read: \(reason)")
            }
            defer { close(descriptor) }
            try check(descriptor)
            let text = try SecretSource.read(descriptor, named: path)
            do throws(TokenError) { return try MasterKey(parsing: text) } catch {
                throw InvalidValue("\(path): \(error.message)", suggestion: error.hint)
            }
        } catch {
            throw TokenError(.configuration, error.message, hint: error.suggestion, underlying: error)
        }
    }

    /// Writes a new key beside and links it into place, so that of two processes one wins and nobody reads half a key.
    package func make() throws(GatehouseError) {
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw GatehouseError(
                .unusable,
                "cannot make the spool \(folder): \(Self.reason)",
                hint: "the folder above it must exist and be writable for this user, or audit.spool names another place"
            )
        }
        let key = MasterKey.generate().encoded
        try write(path, replacing: false) { descriptor in
            key.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) == $0.count }
        }
    }

    // MARK: - Adoption

    /// The time until which an operator declared the key to be the installation's own; nil without a declaration sealed under a master key.
    package func end(of key: MasterKey, under keyring: MasterKeyring, _ ends: [MasterKey.ID: Timestamp]) -> Timestamp? {
        let descriptor = open(adoptionPath, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Self.maximumAdoption)
        let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        return KeyAdoption(of: key, parsing: text, under: keyring, ends: ends)?.end
    }

    package func adopt(_ key: MasterKey, until end: Timestamp, under keyring: MasterKeyring) throws(GatehouseError) {
        let text = Array(KeyAdoption(of: key, until: end).text(under: keyring).utf8)
        try write(adoptionPath, replacing: true) { descriptor in
            text.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) == $0.count }
        }
    }

    // MARK: -

    private func check(_ descriptor: Int32) throws(InvalidValue) {
        var (status, place) = (stat(), stat())
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw InvalidValue("\(path) is not a regular file")
        }
        // Root looks after the spool of another user, and takes that user's word and no third one's.
        let isOwners = geteuid() == 0 && stat(folder, &place) == 0 && place.st_uid == status.st_uid
        guard status.st_uid == geteuid() || status.st_uid == 0 || isOwners else {
            throw InvalidValue(
                "\(path) belongs to another user, \(status.st_uid)",
                suggestion: "find out who put it there; a key of another's is not this machine's own"
            )
        }
        guard status.st_mode & 0o077 == 0 else {
            throw InvalidValue(
                "\(path) has mode \(String(status.st_mode & 0o777, radix: 8)): others may read or write it",
                suggestion: "find out who did; if it is genuine, chmod 0600"
            )
        }
    }

    private func write(
        _ path: String,
        replacing: Bool,
        _ body: (Int32) -> Bool
    ) throws(GatehouseError) {
        let fresh = "\(path).\(getpid()).new"
        unlink(fresh)
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.unusable("make", fresh) }
        defer {
            close(descriptor)
            unlink(fresh)
        }
        guard body(descriptor), fsync(descriptor) == 0 else { throw Self.unusable("write", fresh) }
        let isPlaced = replacing ? rename(fresh, path) == 0 : link(fresh, path) == 0 || errno == EEXIST
        guard isPlaced else { throw Self.unusable("make", path) }
    }

    private static var reason: String { String(cString: strerror(errno)) }

    private static func unusable(_ doing: String, _ path: String) -> GatehouseError {
        GatehouseError(.unusable, "cannot \(doing) \(path): \(reason)")
    }
}
