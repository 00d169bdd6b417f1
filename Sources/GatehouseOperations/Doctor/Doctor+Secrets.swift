internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

/// Master keys, and who else may read the files that secrets lie in.
extension Doctor {
    func masterKeys() -> [Finding] {
        configuration.stores.compactMap { store in
            guard let sources = store.settings.masterKeys?.all else { return nil }
            let isLive = [configuration.store.name, configuration.state?.name].contains(store.name)
            do throws(TokenError) {
                let ring = try MasterKeyring(sources: sources)
                return Finding(.masterKey, .ok, store.name.text, "seals under \(ring.first)")
            } catch {
                // A store that is not in use may wait for its keys.
                return Finding(.masterKey, isLive ? .fail : .warn, store.name.text, error.message, advice: error.hint)
            }
        }
    }

    /// Folders in which orchestrators put secrets: readable for every user of the container, which is one.
    private static let ownPlaces = ["/run/secrets/", "/var/run/secrets/", "/run/credentials/"]

    func secretFiles() -> [Finding] {
        var paths = configuration.secretFiles
        let ownKey = InstanceKeyFile(folder: configuration.audit.spool).path
        if FileStatus(ownKey) != nil { paths.append(ownKey) }
        var seen: Set<String> = []
        return paths.filter { seen.insert($0).inserted }.map(secretFile)
    }

    private func secretFile(_ path: String) -> Finding {
        guard let file = FileStatus(path) else {
            return Finding(.secrets, .warn, path, "is not there")
        }
        if let replaced = Finding.replacedFile(path, .secrets) { return replaced }
        if !file.isReadable {
            return Finding(.secrets, .fail, path, "cannot be read by this user", advice: "chown or chmod it")
        }
        if file.mode & 0o022 != 0 {
            let detail = "mode \(file.octal): others may write it"
            return Finding(.secrets, .fail, path, detail, advice: "chmod 0400, and have the key replaced")
        }
        if file.mode & 0o044 != 0, !Self.ownPlaces.contains(where: { path.hasPrefix($0) }) {
            return Finding(.secrets, .warn, path, "mode \(file.octal): others may read it", advice: "chmod 0400")
        }
        return Finding(.secrets, .ok, path, "mode \(file.octal)")
    }
}
