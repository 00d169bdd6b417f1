internal import PostgresClient

/// PostgreSQL as ``TokenRows`` speaks to it.
struct PostgresTokenSQL: TokenSQL {
    private let session: PostgresSession

    init(_ session: PostgresSession) { self.session = session }

    func now() throws(TokenError) -> Int64? {
        try read("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", []) { row throws(TokenError) in
            try row.integer(0)
        }.first
    }

    func run(_ statement: String, _ values: [RowValue]) throws(TokenError) -> Int {
        do throws(PostgresError) { return try session.query(statement, values.map(\.postgres)).affectedCount } catch {
            throw TokenError(error)
        }
    }

    func read<Result>(
        _ statement: String,
        _ values: [RowValue],
        _ row: (any TokenRow) throws(TokenError) -> Result
    ) throws(TokenError) -> [Result] {
        let rows: PostgresRows
        do throws(PostgresError) { rows = try session.query(statement, values.map(\.postgres)) } catch {
            throw TokenError(error)
        }
        var results: [Result] = []
        for found in rows { results.append(try row(PostgresTokenRow(row: found))) }
        return results
    }
}

private struct PostgresTokenRow: TokenRow {
    let row: PostgresRow

    func isNull(_ column: Int) throws(TokenError) -> Bool {
        do throws(PostgresError) { return try row.isNull(column) } catch { throw TokenError(error) }
    }
    func integer(_ column: Int) throws(TokenError) -> Int64 {
        do throws(PostgresError) { return try row.int(column) } catch { throw TokenError(error) }
    }
    func text(_ column: Int) throws(TokenError) -> String {
        do throws(PostgresError) { return try row.text(column) } catch { throw TokenError(error) }
    }
    func blob(_ column: Int) throws(TokenError) -> [UInt8] {
        do throws(PostgresError) { return try row.bytes(column) } catch { throw TokenError(error) }
    }
}

extension RowValue {
    fileprivate var postgres: PostgresValue {
        switch self {
        case .null: .null
        case .integer(let number): .int(number)
        case .text(let text): .text(text)
        case .blob(let bytes): .bytes(bytes)
        }
    }
}

extension TokenError {
    init(_ error: PostgresError) {
        let message = "postgres: \(error.message)"
        switch (error.code, error.sqlState) {
        case (.schemaTooNew, _): self.init(.schemaTooNew, message, underlying: error)
        case (.invalidURL, _): self.init(.configuration, message, underlying: error)
        case (_, "42501"), (_, "42P01"), (_, "3F000"):
            self.init(
                .unavailable,
                message,
                hint: "run `gatehouse store init` as the owner of the schema, and grant what docs/MIGRATION.md lists",
                underlying: error
            )
        case (.timeout, _):
            self.init(
                .unavailable,
                message,
                hint: "the database is busy, or another change holds it",
                underlying: error
            )
        case _: self.init(.unavailable, message, underlying: error)
        }
    }
}
