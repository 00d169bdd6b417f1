import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Several instances of the binary on one PostgreSQL, each with a folder, a listener and an admin socket of its own, before one upstream. A request to
/// `/stream` is answered by a stream without an end.
final class FleetFixture: Sendable {
    static let user = "david@example.com"
    static let host = "mcp.example.com"

    let names: [String]
    // Before the folder, because they are released before it.
    private let running: Watched<[String: ChildProcess]>
    let folder: Tools.Folder
    let postgres: PostgresServer
    private let pooler: Pooler?
    private let upstream: LoopbackHTTP
    private let certs: CertsServer
    private let issuer = TestIssuer()
    private let options: String

    /// - Parameters:
    ///   - count: of instances, named `one` and on.
    ///   - isPooled: whether they reach the database through a pooler in transaction mode.
    ///   - options: further lines of the route, which has no token.
    ///   - access: further keys of `access`.
    static func start(
        _ count: Int = 2,
        isPooled: Bool = false,
        options: [String] = [],
        access: [String] = []
    ) async throws -> FleetFixture {
        let fixture = try await FleetFixture(count, isPooled, options, access)
        for name in fixture.names { try await fixture.startInstance(name) }
        return fixture
    }

    private init(_ count: Int, _ isPooled: Bool, _ options: [String], _ access: [String]) async throws {
        names = ["one", "two", "three"].prefix(count).map { $0 }
        running = Watched([:])
        folder = try Tools.Folder()
        postgres = try await PostgresServer.start()
        pooler = isPooled ? try await Pooler(to: postgres.url, mode: "transaction", size: 8) : nil
        certs = try await CertsServer.start(folder, [issuer.key])
        upstream = try await LoopbackHTTP.start { request in
            var answer = LoopbackHTTP.Answer(200, #"{"jsonrpc":"2.0","id":1,"result":{}}"#)
            if request.target.hasPrefix("/stream") {
                answer = LoopbackHTTP.Answer(200, "data: 1\n\n", [("Content-Type", "text/event-stream")])
                answer.ending = .open
            }
            return answer
        }
        self.options = options.map { "\n    \($0)" }.joined()
        let key = try ChildProcess(Tools.gatehouse, ["key", "generate", "--out", "\(folder.path)/key"])
        guard await key.exit() == .code(0) else { throw ChildProcess.Failure(description: await key.errors.whole) }
        for name in names { try folder.write(yaml(name, access: access), to: "\(name).yaml") }
    }

    /// The address by which the instances reach the database.
    var database: String { pooler?.url ?? postgres.url }

    func yaml(_ name: String, access: [String] = []) -> String {
        """
        version: 1
        listen: unix:\(folder.path)/\(name).sock
        admin: unix:\(folder.path)/\(name)-admin.sock
        access:
          issuer: \(TestIssuer.defaultIssuer)
          certs_url: "\(certs.url)"\(access.map { "\n  \($0)" }.joined())
        stores:
          environment: { kind: env }
          kept: { kind: postgres, url: "\(database)", master_keys: [ { file: \(folder.path)/key } ] }
        store: environment
        state: kept
        audit: { spool: \(folder.path)/\(name)-spool, sink: { kind: postgres, url: "\(database)" } }
        routes:
          - name: open
            host: \(Self.host)
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: \(upstream.url)
            protocol: http\(options)

        """
    }

    // MARK: - Processes

    func process(_ name: String) throws -> ChildProcess { try #require(running.read { $0[name] }) }

    /// - Parameter isReady: whether to wait until the instance says that it is.
    func startInstance(_ name: String, isReady: Bool = true) async throws {
        let process = try ChildProcess(
            Tools.gatehouse,
            ["serve", "--config", "\(folder.path)/\(name).yaml"],
            environment: ["LC_ALL": "C.UTF-8"]
        )
        running.update { $0[name] = process }
        guard isReady else { return }
        let ready = await Instance.isReady(process, socket: "\(folder.path)/\(name)-admin.sock")
        try #require(ready, "\(process.errors.text)")
    }

    func stopInstance(_ name: String) async throws {
        let process = try process(name)
        process.send(signal: SIGTERM)
        #expect(await process.exit() == .code(0), "\(process.errors.text)")
        running.update { $0[name] = nil }
    }

    // MARK: - Calling

    func assertion(of user: String = FleetFixture.user, _ changes: KeyValuePairs<String, String?> = [:]) -> String {
        issuer.user(user, now: Int64(Date.now.timeIntervalSince1970), lasting: 3600, with: changes)
    }

    /// The status of a call to an instance.
    func call(_ name: String, _ headers: [CurlHeader]) async throws -> Int {
        var request = CurlRequest("http://\(Self.host)/")
        request.unixSocket = "\(folder.path)/\(name).sock"
        request.timeout = .seconds(60)
        request.headers = headers
        return try await CurlClient().perform(request).status
    }

    func call(_ name: String, as user: String = FleetFixture.user, _ changes: KeyValuePairs<String, String?> = [:])
        async throws -> Int
    {
        try await call(name, [CurlHeader("Cf-Access-Jwt-Assertion", assertion(of: user, changes))])
    }

    /// A stream that is open at an instance, whose head has come.
    func stream(_ name: String, _ field: String) throws -> RawSocket {
        let socket = try RawSocket(connectingTo: .unix(path: "\(folder.path)/\(name).sock"))
        try socket.send("GET /stream HTTP/1.1\r\nHost: \(Self.host)\r\n\(field)\r\n\r\n")
        let head = try socket.receive(through: "\r\n\r\n")
        try #require(head.hasPrefix("HTTP/1.1 200"), "\(head)")
        return socket
    }

    func status(_ name: String) async throws -> JSON {
        var request = CurlRequest("http://localhost/status.json")
        request.unixSocket = "\(folder.path)/\(name)-admin.sock"
        return try JSON(parsing: try await CurlClient().perform(request).body.text)
    }

    // MARK: - Operating

    /// Runs a command with the file of an instance.
    func command(_ arguments: String..., on name: String = "one", exits code: Int32 = 0) async throws -> String {
        let process = try ChildProcess(
            Tools.gatehouse,
            arguments + ["--config", "\(folder.path)/\(name).yaml"],
            environment: ["LC_ALL": "C.UTF-8"]
        )
        process.closeInput()
        let exit = await process.exit()
        guard exit == .code(code) else {
            throw ChildProcess.Failure(description: "\(process.name) ends \(exit): \(await process.errors.whole)")
        }
        return await process.output.whole + (code == 0 ? "" : process.errors.text)
    }

    func eventually(_ name: String, _ holds: () async throws -> Bool) async throws {
        try await process(name).eventually(holds)
    }
}
