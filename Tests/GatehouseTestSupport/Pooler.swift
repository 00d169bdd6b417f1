internal import Foundation

/// A PgBouncer of a test, on loopback, in front of the server of the tests. Ends with this object.
package final class Pooler: Sendable {
    package static let program = "/usr/sbin/pgbouncer"
    package static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

    /// As that of the server behind it.
    package let url: String
    private let folder: String
    private let process: Process

    /// - Parameters:
    ///   - server: `postgres://user:password@host:port/database`.
    ///   - mode: `transaction` or `session`.
    ///   - size: connections to the server for each database.
    package init(to server: String, mode: String, size: Int = 4) async throws {
        let parts = try Self.require(URLComponents(string: server))
        let (user, password) = (parts.user ?? "", parts.password ?? "")
        folder = NSTemporaryDirectory() + "gatehouse-pooler-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        // Below the ports that the system gives to who connects.
        let port = Int.random(in: 11_000..<20_000)
        try "\"\(user)\" \"\(password)\"\n".write(toFile: "\(folder)/users", atomically: false, encoding: .utf8)
        try """
        [databases]
        * = host=\(parts.host ?? "") port=\(parts.port ?? 5432)
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = \(port)
        unix_socket_dir =
        auth_type = trust
        auth_file = \(folder)/users
        pool_mode = \(mode)
        default_pool_size = \(size)
        \(getuid() == 0 ? "user = nobody" : "")

        """.write(toFile: "\(folder)/pgbouncer.ini", atomically: false, encoding: .utf8)
        process = Process()
        process.executableURL = URL(fileURLWithPath: Self.program)
        process.arguments = ["-q", "\(folder)/pgbouncer.ini"]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        url = "postgres://\(user)@127.0.0.1:\(port)\(parts.path)"
        try process.run()
        try await Polling.until("the pooler") { (try? RawSocket(connectingTo: .tcp(port: port))) != nil }
    }

    deinit {
        // It was started with the signals blocked that the threads of the pool block, so it would not hear SIGTERM.
        kill(process.processIdentifier, SIGKILL)
        try? FileManager.default.removeItem(atPath: folder)
    }

    private struct NoURL: Error {}

    private static func require(_ value: URLComponents?) throws -> URLComponents {
        guard let value else { throw NoURL() }
        return value
    }
}
