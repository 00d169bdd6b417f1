internal import CPostgres

/// The rows of one result. The whole result is held in memory: a statement bounds it by LIMIT.
package struct PostgresRows: Sendable, RandomAccessCollection {
    private let result: PostgresResult

    init(_ result: PostgresResult) { self.result = result }

    package var startIndex: Int { 0 }
    package var endIndex: Int { Int(PQntuples(result.pointer)) }

    package subscript(row: Int) -> PostgresRow {
        precondition(indices.contains(row), "a row outside the result")
        return PostgresRow(result: result, row: Int32(row))
    }

    /// Rows that the statement inserted, changed, deleted or selected; 0 for other statements.
    package var affectedCount: Int { PQcmdTuples(result.pointer).flatMap { Int(String(cString: $0)) } ?? 0 }

    package var columnNames: [String] {
        (0..<PQnfields(result.pointer)).map { String(cString: PQfname(result.pointer, $0)) }
    }
}

/// One row. A column that is null or of another type throws ``PostgresError/Code/unexpectedResult``.
package struct PostgresRow: Sendable {
    fileprivate let result: PostgresResult
    fileprivate let row: Int32

    package func isNull(_ column: Int) throws(PostgresError) -> Bool {
        try check(column)
        return PQgetisnull(result.pointer, row, Int32(column)) == 1
    }

    /// A column of any type, as the server writes it.
    package func text(_ column: Int) throws(PostgresError) -> String {
        String(decoding: try raw(column), as: UTF8.self)
    }

    /// A column of an integer type.
    package func int(_ column: Int) throws(PostgresError) -> Int64 {
        guard let number = Int64(try text(column)) else { throw unexpected(column, "is not an integer") }
        return number
    }

    /// A column of type `boolean`.
    package func bool(_ column: Int) throws(PostgresError) -> Bool {
        switch try text(column) {
        case "t": return true
        case "f": return false
        default: throw unexpected(column, "is not a boolean")
        }
    }

    /// The bytes of a `bytea`, or the text of another type.
    package func bytes(_ column: Int) throws(PostgresError) -> [UInt8] {
        let raw = try raw(column)
        guard PQftype(result.pointer, Int32(column)) == 17 else { return Array(raw) }
        // The session sets bytea_output to hex: `\x` and two digits a byte.
        guard raw.count % 2 == 0, raw.starts(with: [0x5C, 0x78]) else { throw unexpected(column, "is not in hex") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.count / 2 - 1)
        for index in stride(from: 2, to: raw.count, by: 2) {
            guard let high = hexDigit(raw[index]), let low = hexDigit(raw[index + 1]) else {
                throw unexpected(column, "is not in hex")
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private func raw(_ column: Int) throws(PostgresError) -> UnsafeBufferPointer<UInt8> {
        guard try !isNull(column), let value = PQgetvalue(result.pointer, row, Int32(column)) else {
            throw unexpected(column, "is null")
        }
        let count = Int(PQgetlength(result.pointer, row, Int32(column)))
        // Valid as long as the result, which this row holds.
        return UnsafeBufferPointer(start: UnsafeRawPointer(value).assumingMemoryBound(to: UInt8.self), count: count)
    }

    private func check(_ column: Int) throws(PostgresError) {
        guard (0..<Int(PQnfields(result.pointer))).contains(column) else { throw unexpected(column, "does not exist") }
    }

    private func unexpected(_ column: Int, _ what: String) -> PostgresError {
        PostgresError(.unexpectedResult, "column \(column) \(what)")
    }
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
}

/// Owns a PGresult, which is read-only and may be read from any thread (libpq, "Behavior in Threaded Programs").
final class PostgresResult: Sendable {
    nonisolated(unsafe) let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { PQclear(pointer) }

    var status: ExecStatusType { PQresultStatus(pointer) }
    var commandTag: String { String(cString: PQcmdStatus(pointer)) }

    /// The error the server reported, nil for a success.
    var error: PostgresError? {
        switch status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, PGRES_PIPELINE_SYNC: return nil
        case PGRES_PIPELINE_ABORTED:
            return PostgresError(.statementFailed, "an earlier statement of the batch failed")
        case PGRES_FATAL_ERROR:
            // Without a SQLSTATE it is libpq's own: the connection broke.
            guard let state = field(gatehouse_diag_sqlstate) else { return .lost }
            let names = [gatehouse_diag_table, gatehouse_diag_column, gatehouse_diag_constraint].compactMap {
                field($0)
            }
            return PostgresError(sqlState: state, schemaNames: names)
        default:
            return PostgresError(
                .statementFailed,
                "the statement is of a kind that is not supported here, such as COPY"
            )
        }
    }

    private func field(_ code: Int32) -> String? { PQresultErrorField(pointer, code).map { String(cString: $0) } }
}
