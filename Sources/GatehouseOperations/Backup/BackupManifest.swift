internal import Crypto
package import GatehouseCore
internal import GatehouseTokens

/// The contents of a backup, with the digest of each file, sealed by the master key that was first when it was made: a change of the archive by
/// anybody without that key is noticed.
package struct BackupManifest: Sendable {
    static let fileName = "manifest.json"
    static let sealName = "manifest.seal"
    private static let format = 1
    private static let purpose = "gatehouse backup manifest v1"

    package struct File: Sendable {
        /// The file's name in the archive.
        package let name: String
        package let role: Role
        /// The store's name; empty for what there is one of.
        package let subject: String
        package let size: Int64
        package let sha256: String
    }

    package enum Role: String, Sendable, CaseIterable {
        case configuration
        case tokens
        case bearers
        case audit
        /// Sealed under a master key.
        case instanceKey = "instance_key"
        case adoption
    }

    package let version: String
    package let madeAt: Timestamp
    package let files: [File]
    /// Parts of the installation that are not in the backup, and how they are saved.
    package let leftOut: [String]

    init(version: String, madeAt: Timestamp, files: [File], leftOut: [String]) {
        (self.version, self.madeAt, self.files, self.leftOut) = (version, madeAt, files, leftOut)
    }

    var json: [UInt8] {
        var json = JSONText()
        json.object { json in
            json.number("format", Self.format)
            json.string("version", version)
            json.string("made_at", madeAt.rfc3339)
            json.array("files") { list in
                for file in files {
                    list.object { entry in
                        entry.string("name", file.name)
                        entry.string("role", file.role.rawValue)
                        entry.string("subject", file.subject)
                        entry.number("bytes", file.size)
                        entry.string("sha256", file.sha256)
                    }
                }
            }
            json.array("left_out") { list in for words in leftOut { list.string(nil, words) } }
        }
        return Array(json.indented.utf8)
    }

    init?(parsing bytes: [UInt8]) {
        guard let json = JSONValue(parsing: bytes), json["format"]?.integer == Self.format,
            let version = json["version"]?.text, let made = json["made_at"]?.text.flatMap({ Timestamp(parsing: $0) })
        else { return nil }
        var files: [File] = []
        for entry in json["files"]?.elements ?? [] {
            guard let name = entry["name"]?.text, let role = entry["role"]?.text.flatMap(Role.init(rawValue:)),
                let size = entry["bytes"]?.integer, let digest = entry["sha256"]?.text
            else { return nil }
            files.append(
                File(name: name, role: role, subject: entry["subject"]?.text ?? "", size: Int64(size), sha256: digest)
            )
        }
        let leftOut = json["left_out"]?.elements.compactMap(\.text) ?? []
        self.init(version: version, madeAt: made, files: files, leftOut: leftOut)
    }

    // MARK: - Seals

    /// One line: the id of the key, and its code over the manifest.
    static func seal(_ manifest: [UInt8], under key: MasterKey) -> [UInt8] {
        let code = key.derived(for: purpose).withUnsafeBytes { secret in
            HMAC<SHA256>.authenticationCode(for: manifest, using: SymmetricKey(data: secret))
        }
        return Array("\(key.id) \(Hex.encode(code))\n".utf8)
    }

    /// Whether one of the keys made this seal.
    static func isSealed(_ manifest: [UInt8], by seal: [UInt8], _ keys: [MasterKey]) -> Bool {
        keys.contains { key in
            let made = Self.seal(manifest, under: key)
            return made.count == seal.count && zip(made, seal).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
        }
    }
}

/// A key of the machine's own inside a backup: AES-256-GCM under a key derived from a master key.
enum SealedInstanceKey {
    private static let purpose = "gatehouse backup instance key v1"

    static func seal(_ key: Secret, under master: MasterKey) -> [UInt8]? {
        let box = master.derived(for: purpose).withUnsafeBytes { secret in
            key.withUnsafeBytes {
                try? AES.GCM.seal($0, using: SymmetricKey(data: secret), authenticating: Array(purpose.utf8))
            }
        }
        return box?.combined.map { Array($0) }
    }

    static func open(_ sealed: [UInt8], _ keys: [MasterKey]) -> Secret? {
        guard let box = try? AES.GCM.SealedBox(combined: sealed) else { return nil }
        for key in keys {
            let opened = key.derived(for: purpose).withUnsafeBytes { secret in
                try? AES.GCM.open(box, using: SymmetricKey(data: secret), authenticating: Array(purpose.utf8))
            }
            if let opened { return Secret(Array(opened)) }
        }
        return nil
    }
}
