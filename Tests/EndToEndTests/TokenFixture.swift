import CurlClient
import Foundation
import GatehouseTestSupport
import Synchronization
import Testing

/// `gatehouse serve` with one route, whose upstream accepts only given tokens, and with a store of every kind.
final class TokenFixture: Sendable {
    static let user = "david@example.com"

    // Before the folder, because it is released before it.
    let process: ChildProcess
    let folder: Tools.Folder
    let infisical: InfisicalServer
    let postgres: PostgresServer?
    private let issuer: TestIssuer
    private let certs: CertsServer
    private let upstream: LoopbackHTTP
    private let valid: Accepted
    private let environment: [String: String]
    private let calls = CallLoop()

    /// The tokens that the upstream accepts, and the one that it was sent last.
    final class Accepted: Sendable {
        let state = Mutex<(tokens: Set<String>, last: String, probes: Int)>(([], "", 0))
    }

    /// - Parameters:
    ///   - environment: of `gatehouse`, beside what it needs.
    ///   - stores: writes what other stores need into the folder, and returns their lines of the configuration.
    ///   - tokens: what the upstream accepts.
    static func start(
        store: String,
        postgres: PostgresServer? = nil,
        environment: [String: String] = [:],
        stores: (Tools.Folder) throws -> String = { _ in "" },
        tokens: Set<String>,
        set: String? = nil
    ) async throws -> TokenFixture {
        let folder = try Tools.Folder()
        let issuer = TestIssuer()
        let certs = try await CertsServer.start(folder, [issuer.key])
        let valid = Accepted()
        valid.state.withLock { $0.tokens = tokens }
        let upstream = try await LoopbackHTTP.start { request in
            let token = request.header("x-coda-api-key") ?? ""
            return valid.state.withLock { state in
                // A probe says nothing of what requests are sent.
                if request.target == "/probe" { state.probes += 1 } else { state.last = token }
                // One page is not for the token's account, whichever token comes.
                return LoopbackHTTP.Answer(
                    state.tokens.contains(token) && request.target != "/admin" ? 200 : 401,
                    #"{"jsonrpc":"2.0","id":1,"result":{}}"#,
                    // As a server that begins a session with any call.
                    request.header("mcp-session-id") == nil ? [("Mcp-Session-Id", "session-of-the-upstream")] : []
                )
            }
        }
        let infisical = try await InfisicalServer.start()
        for (name, text) in [("id", InfisicalStandIn.clientID), ("secret", InfisicalStandIn.clientSecret)] {
            try folder.write(text, to: name)
        }
        let arguments = ["--config", "\(folder.path)/gatehouse.yaml"]
        let key = try ChildProcess(Tools.gatehouse, ["key", "generate", "--out", "\(folder.path)/key"])
        guard await key.exit() == .code(0) else { throw ChildProcess.Failure(description: await key.errors.whole) }
        let yaml = yaml(store: store, folder.path, upstream.url, certs.url, infisical.url, postgres?.url)
        try folder.write(
            yaml.replacing("  environment: { kind: env }\n", with: "  environment: { kind: env }\n" + stores(folder)),
            to: "gatehouse.yaml"
        )
        if let set {
            let process = try ChildProcess(Tools.gatehouse, ["token", "set", "coda"] + arguments)
            try process.write(set)
            process.closeInput()
            guard await process.exit() == .code(0) else {
                throw ChildProcess.Failure(description: await process.errors.whole)
            }
        }
        let process = try ChildProcess(Tools.gatehouse, ["serve"] + arguments, environment: environment)
        let fixture = TokenFixture(process, folder, infisical, postgres, issuer, certs, upstream, valid, environment)
        try await fixture.eventually { (try? await fixture.admin("/readyz"))?.status == 200 }
        return fixture
    }

    private init(
        _ process: ChildProcess,
        _ folder: Tools.Folder,
        _ infisical: InfisicalServer,
        _ postgres: PostgresServer?,
        _ issuer: TestIssuer,
        _ certs: CertsServer,
        _ upstream: LoopbackHTTP,
        _ valid: Accepted,
        _ environment: [String: String]
    ) {
        self.process = process
        self.folder = folder
        self.infisical = infisical
        self.postgres = postgres
        self.issuer = issuer
        self.certs = certs
        self.upstream = upstream
        self.valid = valid
        self.environment = environment
    }

    /// Another process of the same file, when the first was stopped.
    func restart() async throws -> ChildProcess {
        let process = try ChildProcess(
            Tools.gatehouse,
            ["serve", "--config", "\(folder.path)/gatehouse.yaml"],
            environment: environment
        )
        try await process.eventually { (try? await admin("/readyz"))?.status == 200 }
        return process
    }

    // MARK: - Calling

    var made: CallLoop.Made { calls.made }
    /// The token that the upstream was sent with the newest call.
    var sent: String { valid.state.withLock { $0.last } }
    /// How often the upstream was asked by a probe.
    var probes: Int { valid.state.withLock { $0.probes } }
    func accept(_ tokens: Set<String>) { valid.state.withLock { $0.tokens = tokens } }

    /// One call, as a client makes it.
    @discardableResult
    func call(
        _ path: String = "/",
        to socket: String = "gateway.sock",
        session: String? = nil
    ) async throws -> CurlResponse {
        var request = CurlRequest("http://coda.example.com\(path)", method: "POST")
        request.unixSocket = "\(folder.path)/\(socket)"
        request.timeout = .seconds(60)
        request.headers = [
            CurlHeader("Cf-Access-Jwt-Assertion", issuer.user(Self.user, now: Int64(Date.now.timeIntervalSince1970))),
            CurlHeader("Content-Type", "application/json"),
        ]
        if let session { request.headers.append(CurlHeader("Mcp-Session-Id", session)) }
        request.body = CurlBody(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search"}}"#)
        return try await CurlClient().perform(request)
    }

    /// Calls without a pause until the task is cancelled.
    func loop() async {
        await calls.run(remark: { " with \(sent)" }) { try await call() }
    }

    // MARK: - Operating

    func admin(_ path: String) async throws -> CurlResponse {
        var request = CurlRequest("http://localhost" + path)
        request.unixSocket = "\(folder.path)/admin.sock"
        return try await CurlClient().perform(request)
    }

    /// - Parameter configuration: a file in the folder, when it is not the one that the process serves and watches.
    func command(
        _ arguments: String...,
        configuration: String = "gatehouse.yaml",
        input: String? = nil,
        fails: Bool = false
    ) async throws -> String {
        let process = try ChildProcess(
            Tools.gatehouse,
            arguments + ["--config", "\(folder.path)/\(configuration)"],
            environment: environment
        )
        if let input { try process.write(input) }
        process.closeInput()
        let exit = await process.exit()
        let (output, errors) = (await process.output.whole, await process.errors.whole)
        guard exit == .code(fails ? 1 : 0) else {
            throw ChildProcess.Failure(description: "\(process.name) ends \(exit): \(output)\(errors)")
        }
        return fails ? errors : output
    }

    /// Changes the file as an operator does, and tells the process.
    func reload(_ change: (String) -> String) throws {
        let old = try String(contentsOfFile: "\(folder.path)/gatehouse.yaml", encoding: .utf8)
        try folder.write(change(old), to: "gatehouse.yaml")
        process.send(signal: SIGHUP)
    }

    /// Makes another store the live one, and returns when it is.
    func switchStore(to name: String) async throws {
        let before = process.errors.text.components(separatedBy: "another store is live").count
        try reload { $0.replacing(#/\nstore: .*/#, with: "\nstore: \(name)") }
        try await eventually {
            self.process.errors.text.components(separatedBy: "another store is live").count > before
        }
    }

    func eventually(_ holds: () async throws -> Bool) async throws {
        try await process.eventually(holds)
    }

    private static func yaml(
        store: String,
        _ folder: String,
        _ upstream: String,
        _ certs: String,
        _ infisical: String,
        _ postgres: String?
    ) -> String {
        let keys = "master_keys: [ { file: \(folder)/key } ]"
        let phase2 = postgres.map { "\n  postgres: { kind: postgres, url: \"\($0)\", \(keys) }" } ?? ""
        return """
            version: 1
            listen: unix:\(folder)/gateway.sock
            admin: unix:\(folder)/admin.sock
            access:
              issuer: \(TestIssuer.defaultIssuer)
              certs_url: \(certs)
            stores:
              environment: { kind: env }
              sqlite: { kind: sqlite, path: \(folder)/tokens.db, \(keys) }\(phase2)
              infisical: { kind: infisical, site: "\(infisical)", project: \(InfisicalStandIn.project), \
            environment: \(InfisicalStandIn.environment), path: \(InfisicalStandIn.folder), \
            client_id: { file: \(folder)/id }, client_secret: { file: \(folder)/secret } }
            store: \(store)
            store_refresh: 1s
            audit:
              spool: \(folder)/spool
              sink: { kind: sqlite, path: \(folder)/audit.db }
            routes:
              - name: coda
                host: coda.example.com
                audience: ["\(TestIssuer.defaultAudience)"]
                upstream: \(upstream)
                inject: { X-Coda-Api-Key: "{token}" }
                auto_revert: true
                probe: { url: "\(upstream)/probe", headers: { X-Coda-Api-Key: "{token}" } }

            """
    }
}
