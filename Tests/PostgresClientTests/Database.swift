import Glibc
import PostgresClient
import Testing

/// The database of the tests: a URL in GATEHOUSE_TEST_POSTGRES, whose user may create tables.
enum Database {
    static var url: String? { getenv("GATEHOUSE_TEST_POSTGRES").map { String(cString: $0) } }

    static func open(statementTimeout: Duration = .seconds(20)) async throws -> PostgresConnection {
        try await PostgresConnection.open(PostgresOptions(url: try #require(url), statementTimeout: statementTimeout))
    }
}

extension Trait where Self == ConditionTrait {
    static var needsDatabase: Self {
        .enabled(if: Database.url != nil, "GATEHOUSE_TEST_POSTGRES names no database; deploy/test.sh starts one")
    }
}

/// The error of a call, or nil when it succeeded.
func failure<Value>(of body: () async throws(PostgresError) -> Value) async -> PostgresError? {
    do throws(PostgresError) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}
