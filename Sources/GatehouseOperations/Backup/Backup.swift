package import GatehouseConfig
package import GatehouseCore
package import GatehouseServer
internal import GatehouseTokens
internal import Glibc
internal import SQLiteClient

/// Saves what an installation keeps in files into one archive, while it serves: databases as they are at one moment, the configuration, and the
/// machine's own key sealed under the master key. Master keys themselves are never in it.
package struct Backup: Sendable {
    package struct Outcome: Sendable {
        package let path: String
        package let manifest: BackupManifest
    }

    private let configuration: Configuration
    private let version: String

    package init(_ configuration: Configuration, version: String) {
        self.configuration = configuration
        self.version = version
    }

    /// - Parameter folder: it is made, mode 0700, when it is not there.
    /// - Throws: ``GatehouseError`` when something cannot be read or written; then no archive is left.
    package func write(to folder: String, at now: Timestamp) async throws(GatehouseError) -> Outcome {
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw Archive.failure("make", folder) }
        let moment = now.rfc3339.prefix(19).replacing(":", with: "-")
        let path = "\(folder)/gatehouse-\(moment)Z.tar"
        let work = "\(folder)/.gatehouse-backup.\(getpid())"
        guard mkdir(work, 0o700) == 0 else { throw Archive.failure("make", work) }
        var made: [String] = []
        defer {
            for file in made { for suffix in ["", "-wal", "-shm"] { unlink("\(work)/\(file)\(suffix)") } }
            rmdir(work)
        }
        var (files, leftOut): ([BackupManifest.File], [String]) = ([], [])
        func add(_ name: String, _ role: BackupManifest.Role, _ subject: String = "") throws(GatehouseError) {
            let (digest, size) = try Archive.digest(of: "\(work)/\(name)")
            files.append(.init(name: name, role: role, subject: subject, size: size, sha256: digest))
        }
        for (source, name, role, subject) in databases {
            made.append(name)
            try Self.copy(source, to: "\(work)/\(name)")
            try add(name, role, subject)
        }
        made.append("gatehouse.yaml")
        try Archive.put(configuration.text, at: "\(work)/gatehouse.yaml")
        try add("gatehouse.yaml", .configuration)
        let master = try masterKey()
        for (name, role, bytes) in try ownKey(under: master, &leftOut) {
            made.append(name)
            try Archive.put(bytes, at: "\(work)/\(name)")
            try add(name, role)
        }
        leftOut += elsewhere
        let manifest = BackupManifest(version: version, madeAt: now, files: files, leftOut: leftOut)
        let text = manifest.json
        made += [BackupManifest.fileName, BackupManifest.sealName]
        try Archive.put(text, at: "\(work)/\(BackupManifest.fileName)")
        if let master {
            try Archive.put(BackupManifest.seal(text, under: master), at: "\(work)/\(BackupManifest.sealName)")
        }
        let names = [BackupManifest.fileName] + (master == nil ? [] : [BackupManifest.sealName]) + files.map(\.name)
        do throws(GatehouseError) {
            try Archive.write(names.map { ($0, "\(work)/\($0)") }, to: path + ".part", at: now)
        } catch {
            unlink(path + ".part")
            throw error
        }
        guard rename(path + ".part", path) == 0 else { throw Archive.failure("write", path) }
        return Outcome(path: path, manifest: manifest)
    }

    // MARK: - What there is

    /// Databases in files that are there.
    private var databases: [(path: String, name: String, role: BackupManifest.Role, subject: String)] {
        var list: [(path: String, name: String, role: BackupManifest.Role, subject: String)] = []
        func add(_ path: String, _ name: String, _ role: BackupManifest.Role, _ subject: String = "") {
            guard FileStatus(path) != nil, !list.contains(where: { $0.path == path }) else { return }
            list.append((path, name, role, subject))
        }
        for store in configuration.stores {
            if case .sqlite(let path, _) = store.settings {
                add(path, "tokens-\(store.name).db", .tokens, store.name.text)
            }
        }
        add(BearerAssembly.path(configuration), BearerAssembly.fileName, .bearers)
        if case .sqlite(let path) = configuration.audit.sink { add(path, "audit.db", .audit) }
        return list
    }

    /// Nil for a live store that seals nothing.
    private func masterKey() throws(GatehouseError) -> MasterKey? {
        guard let sources = configuration.store.settings.masterKeys?.all, !sources.isEmpty else { return nil }
        do throws(TokenError) { return try MasterKeyring(sources: sources).first } catch {
            throw GatehouseError(.unusable, error.message, hint: error.hint, underlying: error)
        }
    }

    private func ownKey(
        under master: MasterKey?,
        _ leftOut: inout [String]
    ) throws(GatehouseError) -> [(name: String, role: BackupManifest.Role, bytes: [UInt8])] {
        let file = InstanceKeyFile(folder: configuration.audit.spool)
        guard file.isThere else { return [] }
        guard let master else {
            leftOut.append(
                "the machine's own key \(file.path): the live store has no master key to seal it under; copy it yourself, as a secret"
            )
            return []
        }
        let key: MasterKey
        do throws(TokenError) { key = try file.read() } catch {
            throw GatehouseError(.unusable, error.message, hint: error.hint, underlying: error)
        }
        guard let sealed = SealedInstanceKey.seal(key.encoded, under: master) else {
            throw GatehouseError(.unusable, "\(file.path) cannot be sealed")
        }
        var files = [("instance-key.sealed", BackupManifest.Role.instanceKey, sealed)]
        if let adoption = try? SecretSource.file(file.adoptionPath).read() {
            files.append(("instance-key.adopted", .adoption, adoption.withUnsafeBytes { Array($0) }))
        }
        return files
    }

    /// Descriptions of data that other systems keep, and of how it is saved there.
    private var elsewhere: [String] {
        var words: [String] = []
        for store in configuration.stores {
            switch store.settings {
            case .postgres:
                words.append(
                    "the store '\(store.name)' in PostgreSQL: pg_dump --schema=gatehouse DATABASE, with the role that owns it"
                )
            case .infisical: words.append("the store '\(store.name)' in Infisical, which has backups of its own")
            case .vault: words.append("the store '\(store.name)' in Vault, which has backups of its own")
            case .file(let path): words.append("the store '\(store.name)' in the files of \(path)")
            case .environment, .exec, .sqlite: continue
            }
        }
        if case .postgres = configuration.audit.sink {
            words.append("the audit in PostgreSQL: pg_dump DATABASE, with the role that owns it")
        }
        if configuration.stores.contains(where: { $0.settings.masterKeys != nil }) {
            words.append("master keys: keep them where the archive is not, for whoever has both has every token")
        }
        words.append(
            "events that still wait in \(configuration.audit.spool): a stop with SIGTERM brings them into the sink"
        )
        return words
    }

    // MARK: -

    private static func copy(_ path: String, to target: String) throws(GatehouseError) {
        do throws(SQLiteError) {
            try SQLiteConnection(path: path, access: .readOnly).copy(to: target)
        } catch {
            throw GatehouseError(.unusable, "\(path) cannot be copied: \(error.message)", underlying: error)
        }
    }
}
