import Foundation
import Glibc
import Synchronization
import Testing

/// A folder with a configuration, master keys and room for stores, deleted with this object.
final class CommandFixture: Sendable {
    static let user = String(cString: getpwuid(getuid()).pointee.pw_name)
    static let audience = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"
    static let otherAudience = "5825d2469f76f05c519be7e543b60809f19205fac5863552fe67faf0ba3c7703"

    let path: String
    private let number = Mutex(0)

    init() throws {
        var template = Array("/tmp/gatehouse-cli.XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
        try write(Self.configuration(path, keys: "{ file: \(path)/key }"), to: "gatehouse.yaml")
        let both = "{ file: \(path)/key2 }, { file: \(path)/key }"
        try write(Self.configuration(path, keys: both), to: "rotating.yaml")
        try write(Self.configuration(path, keys: "{ file: \(path)/key2 }"), to: "rotated.yaml")
        try write(
            "version: 1\nlisten: nowhere\nroutes:\n  - name: coda\n    upsteam: http://coda:8080\n",
            to: "bad.yaml"
        )
        let broken = read("gatehouse.yaml").replacingOccurrences(
            of: "    inject:",
            with: "    authenticate: [access, bearer]\n    inject:"
        )
        try write(broken, to: "breakglass.yaml")
        let exposed = "admin: 0.0.0.0:9090"
        let warned = read("gatehouse.yaml").replacingOccurrences(of: "admin: unix:\(path)/admin.sock", with: exposed)
        try write(warned, to: "warned.yaml")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    func read(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: "\(path)/\(name)") ?? Data(), as: UTF8.self)
    }

    /// A pipe by name, open on our side with these flags and on no child's: the one kind of pipe that is never inherited by chance.
    func pipe(_ name: String, _ flags: Int32) throws -> (path: String, descriptor: Int32) {
        let path = "\(path)/\(name)"
        try #require(mkfifo(path, 0o600) == 0)
        let descriptor = open(path, flags | O_NONBLOCK | O_CLOEXEC)
        try #require(descriptor >= 0 && fcntl(descriptor, F_SETFL, flags) == 0)
        return (path, descriptor)
    }

    /// A pipe in which there is room for nothing more.
    func fullPipe(_ name: String) throws -> String {
        let (path, descriptor) = try pipe(name, O_RDWR)
        _ = fcntl(descriptor, F_SETFL, O_RDWR | O_NONBLOCK)
        let page = [UInt8](repeating: 0x2E, count: 4096)
        while Glibc.write(descriptor, page, page.count) > 0 {}
        while Glibc.write(descriptor, page, 1) > 0 {}
        return path
    }

    /// The environment of every command.
    private func environment(_ more: [String: String] = [:]) -> [String: String] {
        ["GATEHOUSE_CONFIG": "\(path)/gatehouse.yaml"].merging(more) { $1 }
    }

    /// Starts a command with its three streams at these paths.
    func start(
        _ arguments: [String],
        by program: String = Command.binary,
        environment more: [String: String] = [:],
        streams: [String]
    ) throws -> pid_t {
        let command = Command(
            program: program,
            arguments: arguments,
            environment: environment(more),
            streams: streams
        )
        return try command.start()
    }

    /// Runs a command to its end.
    func run(
        _ arguments: [String],
        by program: String = Command.binary,
        input: String = "",
        environment more: [String: String] = [:]
    ) async throws -> Command.Outcome {
        let place = "\(path)/run\(next())"
        try Data(input.utf8).write(to: URL(fileURLWithPath: place + ".in"))
        let streams = [".in", ".out", ".err"].map { place + $0 }
        let pid = try start(arguments, by: program, environment: more, streams: streams)
        let exit = await Command.exit(of: pid)
        func text(_ suffix: String) -> String {
            String(decoding: FileManager.default.contents(atPath: place + suffix) ?? Data(), as: UTF8.self)
        }
        return Command.Outcome(exit: exit, output: text(".out"), errors: text(".err"))
    }

    func run(_ arguments: String..., input: String = "") async throws -> Command.Outcome {
        try await run(arguments, input: input)
    }

    private func next() -> Int {
        number.withLock { number in
            number += 1
            return number
        }
    }

    private static func configuration(_ folder: String, keys: String) -> String {
        """
        version: 1
        listen: unix:\(folder)/proxy.sock
        admin: unix:\(folder)/admin.sock
        threads: 2
        access:
          issuer: https://example.cloudflareaccess.com
          certs_url: http://127.0.0.1:1/certs
          deny: { users: ["*@former.example"], service_tokens: ["lost.access"], subjects: ["7335-gone"], groups: ["suspended"] }
          groups: { claim: custom.groups }
        stores:
          environment: { kind: env }
          sealed: { kind: sqlite, path: \(folder)/tokens.db, master_keys: [\(keys)] }
          second: { kind: sqlite, path: \(folder)/second.db, master_keys: [\(keys)] }
        store: sealed
        audit:
          spool: \(folder)/spool
          sink: { kind: sqlite, path: \(folder)/audit.db }
        routes:
          - name: coda
            host: coda.example.com
            audience: [\(audience)]
            upstream: http://127.0.0.1:1
            inject: { X-Coda-Api-Key: "{token}" }
            strip: { headers: ["X-Coda-*"], query: [coda_api_key] }
            mcp: { paths: [/mcp] }
            allow:
              - { users: ["*@example.com"], tools: ["list_*"], prompts: [], resources: ["coda://docs/*"] }
              - { users: ["david@example.com", "admin@*"] }
              - { service_tokens: ["ci.access"], tools: ["search"] }
              - { service_tokens: ["rows.access"], tools: [{ name: add_rows, arguments: { docId: ["AbC*"], limit: { max: 100 } } }] }
              - { groups: ["team-*"], claims: { country: [DE, AT] }, tools: ["team_*"] }
          - name: open
            host: open.example.com
            audience: [\(otherAudience)]
            upstream: http://127.0.0.1:2
            protocol: http

        """
    }
}
