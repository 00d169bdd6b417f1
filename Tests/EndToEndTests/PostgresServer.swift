import Foundation
import Testing

/// A PostgreSQL of a test's own, which it may kill. Runs as the user `postgres` when the test is root's, as PostgreSQL wants it.
final class PostgresServer: Sendable {
    static let programs: String? = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql"))?
        .sorted().last.map { "/usr/lib/postgresql/\($0)/bin" }

    let port: Int
    /// Another one that is free, for a server that is found elsewhere than before.
    let otherPort: Int
    private let folder: String

    var url: String { "postgres://gatehouse@127.0.0.1:\(port)/postgres" }

    /// Makes a cluster and starts it.
    static func start() async throws -> PostgresServer {
        var template = Array("/tmp/gatehouse-e2e-pg.XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        Watchdog.shared?.made(folder: folder)
        if getuid() == 0, let user = getpwnam("postgres") {
            chown(folder, user.pointee.pw_uid, user.pointee.pw_gid)
        }
        let server = try PostgresServer(port: freePort(), otherPort: freePort(), folder: folder)
        try await server.run(
            "initdb",
            "-D",
            "\(folder)/data",
            "-U",
            "gatehouse",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--auth=trust",
            "--no-sync"
        )
        try await server.start()
        return server
    }

    private init(port: Int, otherPort: Int, folder: String) {
        self.port = port
        self.otherPort = otherPort
        self.folder = folder
    }

    /// A port that is free now and when the server is started again: outside the range the system draws from.
    private static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = UInt16.random(in: 10_000..<30_000)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
            let isFree = withUnsafeBytes(of: &address) { bytes in
                bind(descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) == 0
            }
            if isFree { return Int(port) }
        }
        throw ChildProcess.Failure(description: "no free port between 10000 and 30000")
    }

    deinit {
        try? thaw()
        // Its process id stands in the first line; it answers SIGQUIT at once.
        if let file = try? String(contentsOfFile: "\(folder)/data/postmaster.pid", encoding: .utf8),
            let pid = file.split(separator: "\n").first.flatMap({ pid_t($0) })
        {
            kill(pid, SIGQUIT)
        }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// - Parameter port: another one than ``port``, where nobody finds it who does not know.
    func start(port: Int? = nil) async throws {
        try await run(
            "pg_ctl",
            "-D",
            "\(folder)/data",
            "-w",
            "-t",
            "120",
            "-s",
            "-l",
            "\(folder)/data/log",
            "-o",
            "-c listen_addresses=127.0.0.1 -c port=\(port ?? self.port) -c unix_socket_directories=\(folder) -c fsync=off",
            "start"
        )
    }

    /// As a crash: without a word to its clients.
    func crash() async throws { try await run("pg_ctl", "-D", "\(folder)/data", "-m", "immediate", "-s", "stop") }

    /// Stops every process of the server where it is: who has a connection keeps it, and nobody is answered.
    func freeze() throws { try signal(SIGSTOP) }

    func thaw() throws { try signal(SIGCONT) }

    private func signal(_ number: Int32) throws {
        let file = try String(contentsOfFile: "\(folder)/data/postmaster.pid", encoding: .utf8)
        let postmaster = try #require(file.split(separator: "\n").first.flatMap { pid_t($0) })
        // The first, so that it has no more children meanwhile.
        kill(postmaster, number)
        let children = try String(contentsOfFile: "/proc/\(postmaster)/task/\(postmaster)/children", encoding: .utf8)
        for child in children.split(separator: " ").compactMap({ pid_t($0) }) { kill(child, number) }
    }

    /// Everything in the database, as a dump has it.
    func dump() async throws -> String {
        try await run("pg_dump", "-h", "127.0.0.1", "-p", "\(port)", "-U", "gatehouse", "postgres")
    }

    /// Runs a statement as somebody else with rights on the database.
    func execute(_ statement: String) async throws {
        try await run(
            "psql",
            "-h",
            "127.0.0.1",
            "-p",
            "\(port)",
            "-U",
            "gatehouse",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
            "postgres"
        )
    }

    @discardableResult
    private func run(_ program: String, _ arguments: String...) async throws -> String {
        let path = "\(try #require(Self.programs))/\(program)"
        let process =
            getuid() == 0
            ? try ChildProcess("/sbin/runuser", ["-u", "postgres", "--", path] + arguments)
            : try ChildProcess(path, arguments)
        process.closeInput()
        guard await process.exit() == .code(0) else {
            throw ChildProcess.Failure(description: "\(program) failed: \(process.errors.text)")
        }
        // The output is not read to its end: the server that pg_ctl starts holds the pipe open.
        return program == "pg_dump" ? await process.output.whole : ""
    }
}

extension Trait where Self == ConditionTrait {
    static var needsPostgres: Self {
        .enabled(if: PostgresServer.programs != nil, "Debian's postgresql is not installed")
    }
}
