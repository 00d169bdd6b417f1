import Foundation
import GatehouseCore
@testable import GatehouseTokens
import PostgresClient
import Testing

/// A database of its own on the server of the tests, and a connection with which to do to it what no store would.
final class PostgresStoreFixture: Sendable {
    static let server = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_POSTGRES"]

    let url: String
    private let connection: PostgresConnection

    init() async throws {
        let server = try #require(Self.server)
        let name = "tokens_" + UUID().uuidString.lowercased().filter { $0 != "-" }
        try await PostgresConnection.open(PostgresOptions(url: server)).query("CREATE DATABASE \(name)")
        url = try #require(server.range(of: "/", options: .backwards).map { server[..<$0.upperBound] + name })
        connection = try await PostgresConnection.open(PostgresOptions(url: url))
        try await connection.query("SELECT set_config('search_path', 'gatehouse', false)")
    }

    func store(_ keys: MasterKey..., at time: Int64 = 1_764_000_000, url: String? = nil) throws -> SealedTokenStore {
        let keyring = try MasterKeyring(keys.isEmpty ? [StoreFixture.oldKey] : keys)
        return SealedTokenStore.postgres(url: Secret(url ?? self.url), keyring: keyring, clock: FixedClock(time))
    }

    @discardableResult
    func sql(_ script: String, _ values: [PostgresValue] = []) async throws -> PostgresRows? {
        var last: PostgresRows?
        for statement in script.split(separator: ";") {
            last = try await connection.query(String(statement), values)
        }
        return last
    }

    /// The rows of a table as text, in an order of their own.
    func dump(_ table: String) async throws -> [String] {
        try await connection.query("SELECT t::text FROM \(table) t ORDER BY 1").map { row in try row.text(0) }
    }
}

extension Trait where Self == ConditionTrait {
    static var needsPostgres: Self {
        .enabled(
            if: PostgresStoreFixture.server != nil,
            "GATEHOUSE_TEST_POSTGRES names no database; deploy/test.sh starts one"
        )
    }
}
