import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// `gatehouse serve` as it ships, with an issuer beside it and routes to the given servers.
///
/// The routes are `/one` and `/two`, named after the SDK of their server. They admit david@example.com and the service
/// token of ``TestIssuer`` to everything and lina@example.com to two tools, and inject the route's token and the caller.
final class Instance: Sendable {
    enum Store: Sendable {
        /// Tokens in the environment of the process.
        case environment
        /// Sealed tokens in SQLite, set by `gatehouse token set`.
        case sqlite
    }

    static let token = "e2e-token-5f1d8a"
    static let user = "david@example.com"
    static let limitedUser = "lina@example.com"

    // Before the folder, because it is released before it.
    let process: ChildProcess
    let folder: Tools.Folder
    let port: Int
    let issuer: TestIssuer
    private let certs: CertsServer

    var url: String { "http://127.0.0.1:\(port)" }
    var configuration: String { "\(folder.path)/gatehouse.yaml" }

    /// - Parameters:
    ///   - options: further keys of each server's route.
    ///   - routes: further routes.
    ///   - tokens: of the further routes, set before the start with a sealed store: an instance of which no route has its token is not ready.
    ///   - access: further keys of `access`, a line each.
    ///   - nameServer: the address of the only name server that the process asks; for root alone.
    static func start(
        _ store: Store = .environment,
        _ servers: MCPServer...,
        options: [String] = [],
        routes: String = "",
        tokens: [String: String] = [:],
        access: [String] = [],
        nameServer: String? = nil
    ) async throws -> Instance {
        let folder = try Tools.Folder()
        let issuer = TestIssuer()
        let certs = try await CertsServer.start(folder, [issuer.key])
        var lastFailure = ""
        // A port that was free may be taken before the process binds it: then another one is tried.
        for _ in 0..<5 {
            let port = try freePort()
            let yaml =
                yaml(
                    folder: folder,
                    port: port,
                    certs: certs.url,
                    store: store,
                    servers: servers,
                    options: options,
                    access: access
                ) + routes
            try folder.write(yaml, to: "gatehouse.yaml")
            if store == .sqlite {
                let own = servers.map { ($0.sdk.route, token) }
                try await seal(tokens.merging(own) { $1 }, in: folder)
            }
            let arguments = ["serve", "--config", "\(folder.path)/gatehouse.yaml"]
            let process = try unprivileged(arguments, try nameServer.map { try resolver($0, folder) })
            if await isReady(process, socket: "\(folder.path)/admin.sock") {
                return Instance(folder: folder, port: port, issuer: issuer, process: process, certs: certs)
            }
            lastFailure = await process.errors.whole
        }
        throw ChildProcess.Failure(description: "gatehouse does not become ready: \(lastFailure)")
    }

    private init(folder: Tools.Folder, port: Int, issuer: TestIssuer, process: ChildProcess, certs: CertsServer) {
        self.folder = folder
        self.port = port
        self.issuer = issuer
        self.process = process
        self.certs = certs
    }

    /// An assertion that is good now.
    func assertion(of user: String = Instance.user, _ changes: KeyValuePairs<String, String?> = [:]) -> String {
        issuer.user(user, now: Int64(Date.now.timeIntervalSince1970), lasting: 3600, with: changes)
    }

    func serviceAssertion() -> String { issuer.service(now: Int64(Date.now.timeIntervalSince1970)) }

    /// One plain request.
    func request(
        _ path: String,
        method: String = "GET",
        assertion: String? = nil,
        headers: [CurlHeader] = [],
        body: String? = nil
    ) async throws -> CurlResponse {
        let headers = headers + (assertion.map { [CurlHeader("Cf-Access-Jwt-Assertion", $0)] } ?? [])
        let body = body.map { CurlBody($0) }
        var request = CurlRequest(url + path, method: method, headers: headers, body: body)
        // All tests that begin at once wait for a thread of CurlClient, which is part of this timeout.
        request.timeout = .seconds(45)
        return try await CurlClient().perform(request)
    }

    /// Stops the process and starts another on the same configuration and port. It lives as long as what is returned.
    func restart() async throws -> ChildProcess {
        process.send(signal: SIGTERM)
        #expect(await process.exit() == .code(0))
        return try await next()
    }

    /// Another process on the same configuration and port, once this one has ended. It lives as long as what is returned.
    func next() async throws -> ChildProcess {
        let second = try ChildProcess(
            Tools.gatehouse,
            ["serve", "--config", configuration],
            environment: Self.environment
        )
        guard await Self.isReady(second, socket: "\(folder.path)/admin.sock") else {
            throw ChildProcess.Failure(description: "it does not start again: \(await second.errors.whole)")
        }
        return second
    }

    /// Runs another command on the same configuration and returns its stdout.
    func command(_ arguments: String..., input: String? = nil) async throws -> String {
        try await Self.command(arguments, folder: folder, input: input)
    }

    /// The audit events of a request, waiting for the drain to bring them into the sink.
    func auditRows(of requestID: String, count: Int) async throws -> [JSON] {
        var rows: [JSON] = []
        try await eventually {
            // Until the drain has made the sink, there is nothing to read.
            let text = try? await self.command("audit", "tail", "--events", "--lines", "1000", "--json")
            rows = try JSON.rows(text ?? "").filter { $0["request_id"].text == requestID }
            return rows.count >= count
        }
        return rows
    }

    /// As ``ChildProcess/eventually(_:)``.
    func eventually(_ holds: () async throws -> Bool) async throws {
        try await process.eventually(holds)
    }

    /// The product without a single capability, as a container runs it, also where the tests run as root.
    ///
    /// - Parameter resolver: a file that the process sees as /etc/resolv.conf.
    static func unprivileged(
        _ arguments: [String],
        _ resolver: String? = nil,
        environment: [String: String] = Instance.environment
    ) throws -> ChildProcess {
        guard getuid() == 0 else { return try ChildProcess(Tools.gatehouse, arguments, environment: environment) }
        let words = ["--bounding-set=-all", "--inh-caps=-all", "--", Tools.gatehouse] + arguments
        guard let resolver else { return try ChildProcess("/usr/bin/setpriv", words, environment: environment) }
        let script = #"mount --bind "$0" /etc/resolv.conf && exec setpriv "$@""#
        let all = ["--mount", "/bin/sh", "-c", script, resolver] + words
        return try ChildProcess("/usr/bin/unshare", all, environment: environment)
    }

    private static func resolver(_ nameServer: String, _ folder: Tools.Folder) throws -> String {
        try folder.write("nameserver \(nameServer)\n", to: "resolv.conf")
        return "\(folder.path)/resolv.conf"
    }

    static var environment: [String: String] {
        ["ONE_API_TOKEN": token, "TWO_API_TOKEN": token, "LC_ALL": "C.UTF-8"]
    }

    private static func command(_ words: [String], folder: Tools.Folder?, input: String? = nil) async throws -> String {
        let arguments = words + (folder.map { ["--config", "\($0.path)/gatehouse.yaml"] } ?? [])
        let process = try ChildProcess(Tools.gatehouse, arguments, environment: environment)
        if let input { try process.write(input) }
        process.closeInput()
        guard await process.exit() == .code(0) else {
            throw ChildProcess.Failure(description: "\(process.name) failed: \(await process.errors.whole)")
        }
        return await process.output.whole
    }

    private static func seal(_ tokens: [String: String], in folder: Tools.Folder) async throws {
        if !FileManager.default.fileExists(atPath: "\(folder.path)/key") {
            try folder.write(try await command(["key", "generate"], folder: nil), to: "key")
            chmod("\(folder.path)/key", 0o600)
            for (name, token) in tokens {
                _ = try await command(["token", "set", name], folder: folder, input: token)
            }
        }
    }

    private static func yaml(
        folder: Tools.Folder,
        port: Int,
        certs: String,
        store: Store,
        servers: [MCPServer],
        options: [String],
        access: [String] = []
    ) -> String {
        let routes = servers.map { server in
            """
              - name: \(server.sdk.route)
                host: "*"
                path: /\(server.kind == .sse ? "" : server.sdk.route)
                audience: ["\(TestIssuer.defaultAudience)"]
                upstream: \(server.kind == .sse ? server.root : server.url)
                inject: { X-Coda-Api-Key: "{token}", X-Caller: "{principal}" }
                allow:
                  - { users: ["\(user)", "*@team.example"] }
                  - { users: ["\(limitedUser)"], tools: [echo, "sl*"], prompts: [], resources: ["memo://other*", "file:///public/*"] }
                  - { service_tokens: ["*.access"] }
            """ + options.map { "\n    \($0)" }.joined()
        }
        return """
            version: 1
            listen: 127.0.0.1:\(port)
            admin: unix:\(folder.path)/admin.sock
            access:
              issuer: \(TestIssuer.defaultIssuer)
              certs_url: \(certs)\(access.map { "\n  \($0)" }.joined())
            stores:
              environment: { kind: env }
              sqlite: { kind: sqlite, path: \(folder.path)/gatehouse.db, master_keys: [ { file: \(folder.path)/key } ] }
            store: \(store == .sqlite ? "sqlite" : "environment")
            store_refresh: 1s
            audit:
              spool: \(folder.path)/spool
              sink: { kind: sqlite, path: \(folder.path)/audit.db }
            routes:
            \(routes.joined(separator: "\n"))

            """
    }

    /// A route `slow` for calls that are in flight while the instance ends, with 20 s for them.
    ///
    /// - Parameter more: a key of the top level.
    static func slowRoute(to upstream: String, _ more: String = "") -> String {
        """
          - name: slow
            host: "*"
            path: /slow
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: \(upstream)
            protocol: http
        limits: { drain: 20s }
        \(more)

        """
    }

    /// Polls until readiness is true or the process has ended. Readiness gives no notice, so there is nothing to await.
    static func isReady(_ process: ChildProcess, socket: String) async -> Bool {
        var request = CurlRequest("http://localhost/readyz")
        request.unixSocket = socket
        do {
            try await process.eventually { (try? await CurlClient().perform(request))?.status == 200 }
            return true
        } catch { return false }
    }

    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutableBytes(of: &address) {
            let pointer = try #require($0.assumingMemoryBound(to: sockaddr.self).baseAddress)
            try #require(bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0)
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

extension SDK {
    /// The route that leads to a server of this SDK.
    var route: String { self == .one ? "one" : "two" }
}

extension JSON {
    /// The rows of a command's `--json`: one array, or one object a line.
    static func rows(_ text: String) throws -> [JSON] {
        if text.hasPrefix("[") { return try JSON(parsing: text).elements }
        return try text.split(separator: "\n").map { try JSON(parsing: String($0)) }
    }
}
