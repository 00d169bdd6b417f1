import Foundation
import GatehouseConfig
import GatehouseCore
@testable import GatehouseServer
import Testing

/// A folder of the test's own, with a configuration that leads nowhere but where the test says.
final class DoctorFixture {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent("gatehouse-doctor.\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String, mode: Int = 0o600) throws {
        _ = FileManager.default.createFile(
            atPath: "\(path)/\(name)",
            contents: Data(text.utf8),
            attributes: [.posixPermissions: mode]
        )
    }

    func configuration(
        listen: String? = nil,
        admin: String? = nil,
        certs: String = "http://127.0.0.1:1/certs",
        access: String = "",
        store: String? = nil,
        sink: String? = nil,
        upstream: String = "http://127.0.0.1:1",
        route: String = "",
        limits: String = "{}",
        environment: Environment = [:]
    ) throws -> Configuration {
        let sealed = "{ kind: sqlite, path: \(path)/tokens.db, master_keys: [{ file: \(path)/key }] }"
        let yaml = """
            version: 1
            listen: \(listen ?? "unix:\(path)/proxy.sock")
            admin: \(admin ?? "unix:\(path)/admin.sock")
            access: { issuer: "https://example.cloudflareaccess.com", certs_url: "\(certs)"\(access) }
            stores:
              live: \(store ?? sealed)
            limits: \(limits)
            audit: { spool: \(path)/spool, sink: \(sink ?? "{ kind: sqlite, path: \(path)/audit.db }") }
            routes:
              - name: coda
                host: coda.example.com
                audience: [a]
                upstream: "\(upstream)"
                inject: { X-Key: "{token}" }
                \(route)

            """
        return try Configuration(parsing: yaml.utf8, file: "gatehouse.yaml", environment: environment)
    }
}
