package import GatehouseConfig
package import GatehouseCore
internal import GatehouseTokens
internal import Glibc

/// The keys that Gatehouse needs for itself: to tag sessions, to chain the audit, to digest arguments.
///
/// They are derived from the master keys of the live store, so that replicas share them. A live store without master keys
/// leaves that to a key of this machine's own, made at the first start. Keys of the other stores, and the
/// machine's own once there is one, keep checking: changing `store:` invalidates nothing.
///
/// Only who serves makes that key: made by a command that somebody runs as another user, the proxy could not read it.
package struct InstanceKeys: Sendable {
    package enum Purpose: String, Sendable, CaseIterable {
        case session = "gatehouse session v1"
        case auditChain = "gatehouse audit chain v1"
        case argumentsDigest = "gatehouse arguments digest v1"
        case argumentsSealing = "gatehouse arguments sealing v1"
        case bearer = "gatehouse bearer v1"
    }

    /// The file in the spool's directory that holds the machine's own key, mode 0600, in the form of a master key.
    package static let fileName = "instance-key"

    private let keys: [MasterKey]

    /// The keys as they are, for a command.
    ///
    /// - Throws: ``GatehouseError`` or `TokenError` when a key of the live store, or the machine's own, cannot be read, or none was made yet.
    package init(_ configuration: Configuration) throws { try self.init(configuration, makesOwn: false) }

    /// The same for who serves: a key of the machine's own that is missing is made.
    package static func made(for configuration: Configuration) throws -> InstanceKeys {
        try InstanceKeys(configuration, makesOwn: true)
    }

    private init(_ configuration: Configuration, makesOwn: Bool) throws {
        var keys: [MasterKey] = []
        func add(_ more: [MasterKey]) {
            for key in more where !keys.contains(where: { $0.id == key.id }) { keys.append(key) }
        }
        let live = configuration.store.settings.masterKeys?.all ?? []
        if !live.isEmpty { add(try MasterKeyring(sources: live).keys) }
        let path = configuration.audit.spool + "/" + Self.fileName
        let isThere = access(path, F_OK) == 0
        if keys.isEmpty, !isThere {
            guard makesOwn else {
                throw GatehouseError(
                    .unusable,
                    "there is no key at \(path) yet",
                    hint: "start `gatehouse serve` once, which makes it"
                )
            }
            try Self.make(path, in: configuration.audit.spool)
        }
        if keys.isEmpty || isThere { add([try MasterKeyring(sources: [.file(path)]).first]) }
        for store in configuration.stores {
            // A key of a store that is not in use may be out of reach.
            if let sources = store.settings.masterKeys?.all, let ring = try? MasterKeyring(sources: sources) {
                add(ring.keys)
            }
        }
        self.keys = keys
    }

    package func keys(for purpose: Purpose) -> PurposeKeys {
        let derived = keys.map { $0.derived(for: purpose.rawValue) }
        return PurposeKeys(current: derived[0], older: Array(derived.dropFirst()))
    }

    // MARK: -

    /// Writes a new key beside and links it into place, so that of two processes one wins and nobody reads half a key.
    private static func make(_ path: String, in folder: String) throws {
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw unusable("make", folder) }
        let fresh = "\(path).\(getpid()).new"
        unlink(fresh)
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw unusable("make", fresh) }
        defer {
            close(descriptor)
            unlink(fresh)
        }
        let isWritten = MasterKey.generate().encoded.withUnsafeBytes {
            write(descriptor, $0.baseAddress, $0.count) == $0.count && fsync(descriptor) == 0
        }
        guard isWritten else { throw unusable("write", fresh) }
        guard link(fresh, path) == 0 || errno == EEXIST else { throw unusable("make", path) }
    }

    private static func unusable(_ doing: String, _ path: String) -> GatehouseError {
        GatehouseError(.unusable, "cannot \(doing) \(path): \(String(cString: strerror(errno)))")
    }
}

extension StoreSettings {
    /// Where the keys are that seal this store; nil for one that seals nothing itself.
    var masterKeys: MasterKeys? {
        switch self {
        case .sqlite(_, let keys), .postgres(_, let keys): keys
        case .environment, .infisical: nil
        }
    }
}
