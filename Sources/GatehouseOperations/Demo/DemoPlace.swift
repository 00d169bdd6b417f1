internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens
internal import Glibc

/// The demo's temporary folder: the configuration, the master key, the database and the spool. Removed at the end.
struct DemoPlace: Sendable {
    let path: String
    var configuration: String { "\(path)/gatehouse.yaml" }
    var database: String { "\(path)/gatehouse.db" }
    var key: String { "\(path)/master.key" }

    init() throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/gatehouse-demo-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw GatehouseError(
                .unusable,
                "no temporary folder can be made in \(base): \(String(cString: strerror(errno)))"
            )
        }
        path = String(cString: made)
    }

    /// Writes the configuration and a fresh master key.
    func prepare(issuer: String, mcpPort: Int) throws {
        try MasterKey.generate().encoded.withUnsafeBytes { try write($0, to: key) }
        var text = yaml(issuer: issuer, mcpPort: mcpPort)
        try text.withUTF8 { try write(UnsafeRawBufferPointer($0), to: configuration) }
    }

    private func yaml(issuer: String, mcpPort: Int) -> String {
        """
        version: 1
        listen: 127.0.0.1:0
        admin: 127.0.0.1:0
        threads: 1
        access: { issuer: "\(issuer)", certs_url: "\(issuer)/cdn-cgi/access/certs" }
        stores:
          local: { kind: sqlite, path: "\(database)", master_keys: [ { file: "\(key)" } ] }
        store: local
        store_refresh: 1s
        audit:
          spool: "\(path)/spool"
          sink: { kind: sqlite, path: "\(database)" }
        routes:
          - name: demo
            host: "*"
            audience: ["\(DemoIssuer.audience)"]
            upstream: http://127.0.0.1:\(mcpPort)
            inject: { \(DemoMCP.header): "{token}" }
            # The server is asked which token it got; without this the answer would not say.
            guard: { reflection: off }
            allow:
              - { users: ["*@example.com"] }

        """
    }

    private func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw GatehouseError(.unusable, "\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var rest = bytes
        while rest.count > 0 {
            let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                throw GatehouseError(.unusable, "\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    /// Removes the folder and everything in it.
    func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(cString: $0.bindMemory(to: CChar.self).baseAddress!)
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(folder)
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}
