import CurlClient
import Foundation
import GatehouseTestSupport
import Synchronization
import Testing

/// `gatehouse serve` with three tokens that renew themselves, one of each kind, each on the route of its name, before an API that takes nothing but what its
/// authorization server has given and not ended.
final class RenewalFixture: Sendable {
    static let user = "david@example.com"
    static let names = ["github", "crm", "drive"]

    // Before the folder, because they are released before it.
    private let processes = Mutex<[String: ChildProcess]>([:])
    let server: AuthorizationServer
    let folder: Tools.Folder
    private let issuer: TestIssuer
    private let certs: CertsServer
    private let calls = CallLoop()

    /// - Parameters:
    ///   - lifetime: of an access token, in seconds.
    ///   - names: of the tokens and routes.
    ///   - postgres: keeps what an SQLite file keeps otherwise.
    init(lifetime: Int, names: [String] = RenewalFixture.names, postgres: PostgresServer? = nil) async throws {
        folder = try Tools.Folder()
        issuer = TestIssuer()
        certs = try await CertsServer.start(folder, [issuer.key])
        server = try await AuthorizationServer.start(folder, lifetime: lifetime, key: issuer.key)
        let key = try ChildProcess(Tools.gatehouse, ["key", "generate", "--out", "\(folder.path)/key"])
        #expect(await key.exit() == .code(0))
        for instance in ["one", "two"] {
            try folder.write(yaml(instance, names, postgres?.url), to: "\(instance).yaml")
        }
    }

    private func yaml(_ instance: String, _ names: [String], _ postgres: String?) -> String {
        let client =
            "token_url: \(server.url)/token, client_id: gatehouse, client_secret: { file: \(folder.path)/client-secret }"
        let renewals = [
            "github":
                "{ kind: github_app, app: \"12345\", installation: \"678\", private_key: { file: \(folder.path)/app.pem }, api: \(server.url) }",
            "crm": "{ kind: client_credentials, \(client), scopes: [read, write] }",
            "drive": "{ kind: refresh_token, \(client), client_auth: post }",
        ]
        let keys = "master_keys: [ { file: \(folder.path)/key } ]"
        let place = postgres.map { "kind: postgres, url: \"\($0)\"" } ?? "kind: sqlite, path: \(folder.path)/tokens.db"
        let routes = names.map { name in
            """
              - name: \(name)
                host: \(name).example.com
                audience: ["\(TestIssuer.defaultAudience)"]
                upstream: \(server.url)/api
                protocol: http
                inject: { Authorization: "Bearer {token}" }
            """
        }
        return """
            version: 1
            listen: unix:\(folder.path)/\(instance).sock
            admin: unix:\(folder.path)/\(instance)-admin.sock
            access: { issuer: \(TestIssuer.defaultIssuer), certs_url: "\(certs.url)" }
            stores:
              kept: { \(place), \(keys) }
              other: { kind: sqlite, path: \(folder.path)/other.db, \(keys) }
            store: kept
            store_refresh: 1s
            tokens:
            \(names.map { "  \($0): { renew: \(renewals[$0] ?? "") }" }.joined(separator: "\n"))
            audit: { spool: \(folder.path)/\(instance)-spool, sink: { kind: sqlite, path: \(folder.path)/\(instance)-audit.db } }
            routes:
            \(routes.joined(separator: "\n"))

            """
    }

    // MARK: - Operating

    @discardableResult
    func serve(_ instance: String = "one", environment: [String: String] = [:]) async throws -> ChildProcess {
        let process = try ChildProcess(
            Tools.gatehouse,
            ["serve", "--config", "\(folder.path)/\(instance).yaml"],
            environment: environment.merging(["LC_ALL": "C.UTF-8"]) { $1 }
        )
        processes.withLock { $0[instance] = process }
        try await process.eventually { (try? await admin("/readyz", of: instance)) != nil }
        return process
    }

    func process(_ instance: String = "one") throws -> ChildProcess {
        try #require(processes.withLock { $0[instance] })
    }

    func admin(_ path: String, of instance: String = "one") async throws -> String {
        var request = CurlRequest("http://localhost" + path)
        request.unixSocket = "\(folder.path)/\(instance)-admin.sock"
        return try await CurlClient().perform(request).body.text
    }

    /// - Returns: what it prints, with its errors where it is to fail.
    @discardableResult
    func command(_ arguments: String..., input: String? = nil, fails: Bool = false) async throws -> String {
        let process = try ChildProcess(
            Tools.gatehouse,
            arguments.first == "run"
                ? ["run", "--config", "\(folder.path)/one.yaml"] + arguments.dropFirst()
                : arguments + ["--config", "\(folder.path)/one.yaml"],
            environment: ["LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"]
        )
        if let input { try process.write(input) }
        process.closeInput()
        let exit = await process.exit()
        let (output, errors) = (await process.output.whole, await process.errors.whole)
        guard (exit == .code(0)) != fails else {
            throw ChildProcess.Failure(description: "\(process.name) ends \(exit): \(output)\(errors)")
        }
        return fails ? output + errors : output
    }

    /// The words of `token list` about a token's renewal.
    func renewal(_ name: String) async throws -> JSON {
        let list = try await JSON(parsing: command("token", "list", "--json"))
        return list.elements.first { $0["name"].text == name }?["renewal"] ?? .null
    }

    func eventually(_ instance: String = "one", _ holds: () async throws -> Bool) async throws {
        try await process(instance).eventually(holds)
    }

    // MARK: - Calling

    func call(_ name: String, of instance: String = "one") async throws -> CurlResponse {
        var request = CurlRequest("http://\(name).example.com/")
        request.unixSocket = "\(folder.path)/\(instance).sock"
        request.timeout = .seconds(60)
        let assertion = issuer.user(Self.user, now: Int64(Date.now.timeIntervalSince1970))
        request.headers = [CurlHeader("Cf-Access-Jwt-Assertion", assertion)]
        return try await CurlClient().perform(request)
    }

    func answers(_ name: String, of instance: String = "one") async -> Bool {
        (try? await call(name, of: instance))?.status == 200
    }

    /// Calls without a pause until the task is cancelled.
    func loop(_ name: String, of instance: String = "one") async {
        await calls.run("\(name): ") { try await call(name, of: instance) }
    }

    var made: CallLoop.Made { calls.made }

    /// Everything that must not be said.
    func secrets(_ seed: String) throws -> [String] {
        let pem = try String(contentsOfFile: "\(folder.path)/app.pem", encoding: .utf8)
        return [seed, AuthorizationServer.clientSecret]
            + pem.split(separator: "\n").dropFirst().prefix(1).map(String.init)
    }
}
