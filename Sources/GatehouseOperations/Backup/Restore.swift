package import GatehouseConfig
package import GatehouseCore
package import GatehouseServer
internal import GatehouseTokens
internal import Glibc
internal import SQLiteClient

/// Restores a backup. Everything is unpacked beside its destination and verified first: digests, the seal, the pages of databases, whether the master
/// keys here open the tokens. Only then are files exchanged; the former ones stay beside them, under another name.
package struct Restore: Sendable {
    /// A file of the backup, and where it goes.
    package struct Step: Sendable {
        package let role: BackupManifest.Role
        package let target: String
        /// Whether something is there already.
        package let replaces: Bool
        fileprivate let staged: String
    }

    package let archive: String
    package let manifest: BackupManifest
    /// Whether a master key here sealed the manifest; nil for a backup without a seal, as of a store without master keys.
    package let isGenuine: Bool?
    private let configuration: Configuration
    private let entries: [Archive.Entry]
    private let keys: [MasterKey]

    /// - Parameter place: an archive, or a folder whose newest one is meant.
    /// - Throws: ``GatehouseError`` for what is no whole backup, or was changed.
    package init(_ place: String, _ configuration: Configuration) throws(GatehouseError) {
        archive = try Self.archive(at: place)
        self.configuration = configuration
        entries = try Archive.entries(of: archive)
        var keys: [MasterKey] = []
        for store in configuration.stores {
            guard let sources = store.settings.masterKeys?.all, let ring = try? MasterKeyring(sources: sources) else {
                continue
            }
            keys += ring.keys
        }
        self.keys = keys
        guard let entry = entries.first(where: { $0.name == BackupManifest.fileName }) else {
            throw Self.broken(archive, "it has no manifest")
        }
        let text = try Archive.bytes(of: entry, in: archive)
        guard let manifest = BackupManifest(parsing: text) else {
            throw Self.broken(archive, "its manifest is not one that this release reads")
        }
        self.manifest = manifest
        guard let seal = entries.first(where: { $0.name == BackupManifest.sealName }) else {
            isGenuine = nil
            return
        }
        isGenuine = BackupManifest.isSealed(text, by: try Archive.bytes(of: seal, in: archive), keys)
        guard isGenuine == true else {
            throw GatehouseError(
                .unusable,
                "no master key of this configuration sealed \(archive): it was changed, or is of another installation",
                hint: "put the master key of that time into master_keys"
            )
        }
    }

    /// Unpacks everything beside its place and verifies it. Nothing has changed yet; ``discard(_:)`` takes it away again.
    package func stage() throws(GatehouseError) -> [Step] {
        var steps: [Step] = []
        do throws(GatehouseError) {
            for file in manifest.files {
                guard let target = target(of: file) else { continue }
                guard let entry = entries.first(where: { $0.name == file.name }) else {
                    throw Self.broken(archive, "\(file.name) is missing")
                }
                let staged = "\(target).restoring"
                unlink(staged)
                // The spool's folder, on a new machine.
                mkdir(FileStatus.folder(of: target), 0o700)
                steps.append(Step(role: file.role, target: target, replaces: FileStatus(target) != nil, staged: staged))
                guard try Archive.extract(entry, of: archive, to: staged) == file.sha256 else {
                    throw Self.broken(archive, "\(file.name) is not what the manifest says")
                }
                try verify(file, staged)
            }
        } catch {
            discard(steps)
            throw error
        }
        return steps
    }

    package func discard(_ steps: [Step]) {
        for step in steps { for suffix in ["", "-wal", "-shm"] { unlink(step.staged + suffix) } }
    }

    /// Files of the archive that have no place in this configuration: they stay in it.
    package var unplaced: [BackupManifest.File] { manifest.files.filter { target(of: $0) == nil } }

    /// Exchanges the files. What was there keeps its bytes under the name with this ending. When one cannot be exchanged, those before it are
    /// put back.
    ///
    /// - Returns: that ending.
    package func apply(_ steps: [Step], at now: Timestamp) throws(GatehouseError) -> String {
        let ending = ".before-\(now.rfc3339.prefix(19).replacing(":", with: "-"))Z"
        var moves: [(from: String, to: String)] = []
        do throws(GatehouseError) {
            for step in steps { try exchange(step, ending, &moves) }
        } catch {
            for move in moves.reversed() { rename(move.to, move.from) }
            discard(steps)
            throw error
        }
        return ending
    }

    private func exchange(
        _ step: Step,
        _ ending: String,
        _ moves: inout [(from: String, to: String)]
    ) throws(GatehouseError) {
        func move(_ from: String, _ to: String) throws(GatehouseError) {
            guard rename(from, to) == 0 else { throw Archive.failure("move", from) }
            moves.append((from, to))
        }
        // A log of the old database must not be taken for one of the new.
        for suffix in ["", "-wal", "-shm"] where FileStatus(step.target + suffix) != nil {
            try move(step.target + suffix, step.target + ending + suffix)
        }
        if geteuid() == 0, let folder = FileStatus(FileStatus.folder(of: step.target)) {
            guard chown(step.staged, folder.owner, gid_t.max) == 0 else { throw Archive.failure("chown", step.staged) }
        }
        try move(step.staged, step.target)
    }

    // MARK: -

    /// The destination of a file by the present configuration; nil for a file that is only kept in the archive for reading.
    private func target(of file: BackupManifest.File) -> String? {
        switch file.role {
        // The configuration is there already: it names the destinations of the other files.
        case .configuration: return nil
        case .tokens:
            guard case .sqlite(let path, _)? = configuration.store(named: file.subject)?.settings else { return nil }
            return path
        case .bearers: return BearerAssembly.path(configuration)
        case .audit:
            guard case .sqlite(let path) = configuration.audit.sink else { return nil }
            return path
        case .instanceKey: return InstanceKeyFile(folder: configuration.audit.spool).path
        case .adoption: return InstanceKeyFile(folder: configuration.audit.spool).adoptionPath
        }
    }

    private func verify(_ file: BackupManifest.File, _ staged: String) throws(GatehouseError) {
        switch file.role {
        case .configuration, .adoption: return
        case .tokens, .bearers, .audit:
            do throws(SQLiteError) {
                try SQLiteConnection(path: staged, access: .untouched).checkPages()
            } catch {
                throw Self.broken(archive, "\(file.name): \(error.message)")
            }
        case .instanceKey:
            guard let entry = entries.first(where: { $0.name == file.name }) else { return }
            guard let key = SealedInstanceKey.open(try Archive.bytes(of: entry, in: archive), keys) else {
                throw GatehouseError(
                    .unusable,
                    "no master key of this configuration opens the machine's own key in \(archive)"
                )
            }
            unlink(staged)
            try Archive.put(key.withUnsafeBytes { Array($0) }, at: staged)
        }
    }

    private static func archive(at place: String) throws(GatehouseError) -> String {
        guard let status = FileStatus(place) else { throw Archive.failure("read", place) }
        guard status.isDirectory else { return place }
        guard let folder = opendir(place) else { throw Archive.failure("read", place) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasPrefix("gatehouse-"), name.hasSuffix(".tar") { names.append(name) }
        }
        // Their names sort by their dates.
        guard let newest = names.max() else {
            throw GatehouseError(
                .unusable,
                "there is no backup in \(place)",
                hint: "gatehouse backup \(place) makes one"
            )
        }
        return "\(place)/\(newest)"
    }

    private static func broken(_ path: String, _ why: String) -> GatehouseError {
        GatehouseError(.unusable, "\(path) is no whole backup of Gatehouse: \(why)")
    }
}
