import Foundation
import GatehouseCore
import GatehouseTestSupport
@testable import GatehouseTokens
import PostgresClient
import Synchronization
import Testing

/// A kind of store, as the contract looks at it.
enum ContractedStore: String, Sendable, CaseIterable, CustomTestStringConvertible {
    case environment, file, exec, sqlite, postgres, infisical, vault

    /// PostgreSQL runs only where `deploy/test.sh` started one.
    static let all = allCases.filter { $0 != .postgres || PostgresStoreFixture.server != nil }
    static let writing = all.filter { !$0.isAskedByName }
    /// Gatehouse's own databases, which keep versions and events as it writes them.
    static let sealed = all.filter { $0 == .sqlite || $0 == .postgres }
    /// The environment of a process cannot be out of reach; what files and programs do then is in their suites.
    static let reachable = writing

    var isAskedByName: Bool { [.environment, .file, .exec].contains(self) }

    var testDescription: String { rawValue }

    func fixture() async throws -> any ContractFixture {
        switch self {
        case .environment: EnvironmentContract()
        case .file: FileContract(folder: try StoreFixture(), isByProgram: false)
        case .exec: FileContract(folder: try StoreFixture(), isByProgram: true)
        case .sqlite: SQLiteContract(files: try StoreFixture())
        case .postgres: PostgresContract(database: try await PostgresStoreFixture())
        case .infisical: try await InfisicalContract()
        case .vault: try await VaultContract()
        }
    }
}

/// One place where tokens are kept, and what happens to it from outside.
protocol ContractFixture: Sendable {
    /// A process's view of the place. Two of them are two processes.
    func store() throws -> any TokenStore
    /// Has the place hold a token, by whatever means its operator has.
    func put(_ name: TokenName, _ value: String) async throws
    /// Makes of a token what must not be sent upstream.
    func spoil(_ name: TokenName) async throws
    /// The place can be reached no longer, and then again.
    func goDown() async throws
    func comeBack() async throws
}

extension ContractFixture {
    func put(_ name: TokenName, _ value: String) async throws { try await store().set(name, value) }
}

private final class EnvironmentContract: ContractFixture {
    private let variables = Mutex<[String: String]>([:])

    func store() throws -> any TokenStore {
        try EnvironmentTokenStore(names: [.coda, .other]) { [self] source throws(InvalidValue) in
            guard case .environment(let name) = source, let value = variables.withLock({ $0[name] }) else {
                throw InvalidValue("\(source) is not set")
            }
            return Secret(value)
        }
    }

    func put(_ name: TokenName, _ value: String) async throws {
        variables.withLock { $0[EnvironmentTokenStore.variable(for: name)] = value }
    }

    func spoil(_ name: TokenName) async throws { try await put(name, "spoiled\r\nX-Evil: 1") }
    func goDown() async throws { throw Unexpected() }
    func comeBack() async throws { throw Unexpected() }

    struct Unexpected: Error {}
}

/// Files of a folder, which a program may print.
private struct FileContract: ContractFixture {
    let folder: StoreFixture
    let isByProgram: Bool

    func store() throws -> any TokenStore {
        let names: [TokenName] = [.coda, .other]
        guard isByProgram else { return FileTokenStore(names: Set(names), folder: folder.directory) }
        let command = TokenCommand(words: ["cat", folder.directory + "/{token}"])
        return CommandTokenStore(names: Set(names), command: command, cache: .zero)
    }
    func put(_ name: TokenName, _ value: String) async throws {
        try Data(value.utf8).write(to: URL(fileURLWithPath: folder.directory + "/\(name)"), options: .atomic)
    }
    func spoil(_ name: TokenName) async throws { try await put(name, "spoiled\r\nX-Evil: 1") }
    func goDown() async throws { throw EnvironmentContract.Unexpected() }
    func comeBack() async throws { throw EnvironmentContract.Unexpected() }
}

private struct SQLiteContract: ContractFixture {
    let files: StoreFixture

    func store() throws -> any TokenStore { try files.store() }
    func spoil(_ name: TokenName) async throws {
        try files.sql("UPDATE token_versions SET sealed = zeroblob(80) WHERE name = '\(name)'")
    }
    // The folder and not the file alone, in whose place a process that starts meanwhile would make another one.
    func goDown() async throws { try move(files.directory, "\(files.directory).away") }
    func comeBack() async throws { try move("\(files.directory).away", files.directory) }

    private func move(_ from: String, _ to: String) throws {
        try FileManager.default.moveItem(atPath: from, toPath: to)
    }
}

private struct PostgresContract: ContractFixture {
    let database: PostgresStoreFixture

    func store() throws -> any TokenStore { try database.store() }
    func spoil(_ name: TokenName) async throws {
        try await database.sql(
            "UPDATE token_versions SET sealed = decode(repeat('00', 80), 'hex') WHERE name = '\(name)'"
        )
    }
    func goDown() async throws { try await admit(false) }
    func comeBack() async throws { try await admit(true) }

    private func admit(_ isOpen: Bool) async throws {
        let name = try #require(database.url.split(separator: "/").last)
        let server = try #require(PostgresStoreFixture.server)
        let connection = try await PostgresConnection.open(PostgresOptions(url: server))
        try await connection.query("ALTER DATABASE \(name) ALLOW_CONNECTIONS \(isOpen)")
        try await connection.query(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '\(name)'"
        )
        await connection.close()
    }
}

/// Against the stand-in: see ``InfisicalStandIn``.
private struct InfisicalContract: ContractFixture {
    private let server: InfisicalServer
    private let folder: StoreFixture

    init() async throws {
        server = try await InfisicalServer.start()
        folder = try StoreFixture()
        try Data(InfisicalStandIn.clientID.utf8).write(to: URL(fileURLWithPath: folder.directory + "/id"))
        try Data(InfisicalStandIn.clientSecret.utf8).write(to: URL(fileURLWithPath: folder.directory + "/secret"))
    }

    func store() throws -> any TokenStore {
        // A wait passes at once, and the clock says that it did.
        let stage = Stage()
        return InfisicalTokenStore(
            InfisicalPlace(
                site: server.url,
                project: InfisicalStandIn.project,
                environment: InfisicalStandIn.environment,
                path: InfisicalStandIn.folder,
                clientID: .file(folder.directory + "/id"),
                clientSecret: .file(folder.directory + "/secret"),
                authoritiesFile: nil
            ),
            surroundings: stage.surroundings
        )
    }
    func spoil(_ name: TokenName) async throws { server.standIn.edit(name.text, "spoiled\r\nX-Evil: 1") }
    func goDown() async throws { server.standIn.change { $0.status = 503 } }
    func comeBack() async throws { server.standIn.change { $0.status = nil } }
}

/// Against the stand-in: see ``VaultStandIn``.
private struct VaultContract: ContractFixture {
    private let server: VaultServer
    private let folder: StoreFixture

    init() async throws {
        server = try await VaultServer.start()
        folder = try StoreFixture()
        try folder.writeRole()
    }

    func store() throws -> any TokenStore {
        // A wait passes at once, and the clock says that it did.
        VaultTokenStore(try folder.vault(server.url), surroundings: Stage().surroundings)
    }
    func spoil(_ name: TokenName) async throws { server.standIn.put(name.text, "spoiled\r\nX-Evil: 1") }
    func goDown() async throws { server.standIn.change { $0.health = .sealed } }
    func comeBack() async throws { server.standIn.change { $0.health = .active } }
}

extension StoreFixture {
    /// Writes what the stand-in's AppRole signs in with.
    func writeRole(secretID: String = VaultStandIn.secretID) throws {
        try Data(VaultStandIn.roleID.utf8).write(to: URL(fileURLWithPath: directory + "/role-id"))
        try Data(secretID.utf8).write(to: URL(fileURLWithPath: directory + "/secret-id"))
    }

    func vault(
        _ address: String,
        nodes: [String] = [],
        mount: String = VaultStandIn.mount,
        namespace: String? = VaultStandIn.namespace,
        identity: VaultPlace.Identity? = nil,
        authority: String? = nil
    ) throws -> VaultPlace {
        VaultPlace(
            address: try WebURL(parsing: address),
            nodes: try nodes.map { try WebURL(parsing: $0) },
            mount: mount,
            path: VaultStandIn.folder,
            namespace: namespace,
            identity: identity
                ?? .role(id: .file(directory + "/role-id"), secret: .file(directory + "/secret-id"), mount: "approle"),
            authoritiesFile: authority
        )
    }
}
