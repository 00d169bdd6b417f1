internal import CPostgres

/// A notification received by LISTEN.
package struct PostgresNotification: Sendable, Hashable {
    package let channel: String
    package let payload: String
}

/// The isolation of a transaction from others.
package enum PostgresIsolation: Sendable {
    /// Each statement sees what is committed before it.
    case readWrite
    /// Every statement sees the same moment, and none writes.
    case snapshot

    var begin: String {
        switch self {
        case .readWrite: "BEGIN"
        case .snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        }
    }
}

/// The calls of one connection, on its thread. Each waits for the server with a deadline, and ends early when the task
/// is cancelled; both close the connection, because the server's answer would otherwise meet the next call.
///
/// Behind a pooler each transaction may run in another session of the server, and what is set in one is met by other clients. So nothing is set
/// there but for one transaction (``set(_:to:)``), and a single statement is a transaction with its settings, sent in the same round trip.
package final class PostgresSession {
    /// Statements of one batch; beyond it ``PostgresError/Code/invalidParameter``.
    package static let maximumBatch = 1000

    private let link: PostgresLink
    private let statementTimeout: Duration
    /// Whether a pooler, such as PgBouncer, stands between this connection and the server.
    package let isPooled: Bool
    /// Settings for the beginning of each transaction behind a pooler.
    private var settings: [(name: String, value: String)] = []
    private var isInTransaction = false

    package var isOpen: Bool { link.isOpen }

    /// Connects on the thread that calls, which is then the only one to use the session: for those who have a thread of their own.
    ///
    /// Throws ``PostgresError`` with `invalidURL`, `connectionFailed` or `timeout`.
    package convenience init(_ options: PostgresOptions) throws(PostgresError) {
        try self.init(options, wake: try PostgresWake())
    }

    init(_ options: PostgresOptions, wake: PostgresWake) throws(PostgresError) {
        link = try PostgresLink(options, wake: wake)
        statementTimeout = options.statementTimeout
        let timeout = "\(max(1, options.statementTimeout.wholeMilliseconds))ms"
        // Set here and not in the URL, where the operator's own options would be lost. A pooler that has no session left answers nothing.
        let answer = try Self.result(
            of: PostgresStatement(
                """
                SELECT CASE WHEN pg_catalog.pg_backend_pid() = $1::pg_catalog.int4
                THEN pg_catalog.set_config('statement_timeout', $2, false) IS NULL
                    OR pg_catalog.set_config('bytea_output', 'hex', false) IS NULL ELSE true END
                """,
                [.int(Int64(link.backend)), .text(timeout)]
            ),
            on: link,
            until: .now + options.connectTimeout
        )
        isPooled = try PostgresRows(answer).first?.bool(0) ?? false
        if isPooled { settings = [("statement_timeout", timeout), ("bytea_output", "hex")] }
    }

    /// Sets a parameter for what follows on this connection.
    package func set(_ name: String, to value: String) throws(PostgresError) {
        guard isPooled else {
            try query("SELECT pg_catalog.set_config($1, $2, false)", [.text(name), .text(value)])
            return
        }
        settings.removeAll { $0.name == name }
        settings.append((name, value))
    }

    private var localSettings: PostgresStatement {
        let calls = settings.indices.map { "pg_catalog.set_config($\(2 * $0 + 1), $\(2 * $0 + 2), true)" }
        return PostgresStatement(
            "SELECT " + calls.joined(separator: ", "),
            settings.flatMap { [.text($0.name), .text($0.value)] }
        )
    }

    /// Runs one statement with its parameters.
    @discardableResult
    package func query(_ sql: String, _ values: [PostgresValue] = []) throws(PostgresError) -> PostgresRows {
        PostgresRows(try result(of: sql, values))
    }

    /// The server's time, in microseconds since 1970.
    package func clock() throws(PostgresError) -> Int64 {
        try query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")[0].int(0)
    }

    private func result(of sql: String, _ values: [PostgresValue]) throws(PostgresError) -> PostgresResult {
        let statement = PostgresStatement(sql, values)
        guard isPooled, !isInTransaction else { return try Self.result(of: statement, on: link, until: deadline) }
        guard let result = try pipeline([localSettings, statement]).last else { throw link.fail() }
        return result
    }

    private static func result(
        of statement: PostgresStatement,
        on link: PostgresLink,
        until deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> PostgresResult {
        try link.send(statement)
        try link.flush(until: deadline)
        var first: PostgresResult?
        while let result = try link.nextResult(until: deadline) {
            try link.refuseCopy(result)
            if first == nil || first?.error == nil { first = result }
        }
        guard let first else { throw link.fail() }
        if let error = first.error { throw link.isOpen ? error : link.fail() }
        return first
    }

    /// Runs statements in one round trip, as one transaction: all of them or none.
    @discardableResult
    package func batch(_ statements: [PostgresStatement]) throws(PostgresError) -> [PostgresRows] {
        guard statements.count <= Self.maximumBatch else {
            throw PostgresError(.invalidParameter, "a batch has more than \(Self.maximumBatch) statements")
        }
        guard !statements.isEmpty else { return [] }
        guard isPooled, !isInTransaction else { return try pipeline(statements).map { PostgresRows($0) } }
        return try pipeline([localSettings] + statements).dropFirst().map { PostgresRows($0) }
    }

    private func pipeline(_ statements: [PostgresStatement]) throws(PostgresError) -> [PostgresResult] {
        // Values that cannot be sent are refused before any statement is sent.
        for statement in statements { _ = try PostgresParameters(statement.values) }
        let deadline = self.deadline
        try link.enterPipeline()
        for statement in statements { try link.send(statement) }
        try link.synchronise()
        try link.flush(until: deadline)
        var results: [PostgresResult] = []
        var failure: PostgresError?
        for _ in statements {
            while let result = try link.nextResult(until: deadline) {
                try link.refuseCopy(result)
                failure = failure ?? result.error
                results.append(result)
            }
        }
        // The answer to the synchronisation point: from here the next statement starts afresh.
        guard let sync = try link.nextResult(until: deadline), sync.status == PGRES_PIPELINE_SYNC else {
            throw link.fail()
        }
        try link.exitPipeline()
        if let failure { throw failure }
        return results
    }

    /// Runs `body` between BEGIN and COMMIT, and ROLLBACK when it throws.
    package func transaction<Value>(
        _ body: (PostgresSession) throws(PostgresError) -> Value
    ) throws(PostgresError) -> Value {
        try transaction(.readWrite, { $0 }) { () throws(PostgresError) in try body(self) }
    }

    /// The same for a body with errors of its own; `wrap` turns the database's into one of them.
    package func transaction<Value, Failure: Error>(
        _ isolation: PostgresIsolation,
        _ wrap: (PostgresError) -> Failure,
        _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        do throws(PostgresError) { try begin(isolation) } catch { throw wrap(error) }
        defer { isInTransaction = false }
        let value: Value
        do throws(Failure) {
            value = try body()
        } catch {
            // A connection that cannot roll back is closed, and the server rolls back by itself.
            if isOpen { _ = try? query("ROLLBACK") }
            throw error
        }
        do throws(PostgresError) {
            // COMMIT of a failed transaction succeeds as a ROLLBACK: the body has swallowed an error.
            guard try result(of: "COMMIT", []).commandTag == "COMMIT" else {
                throw PostgresError(.statementFailed, "the transaction was rolled back", sqlState: "25P02")
            }
        } catch {
            throw wrap(error)
        }
        return value
    }

    private func begin(_ isolation: PostgresIsolation) throws(PostgresError) {
        if isPooled {
            // The transaction lasts beyond the round trip.
            _ = try pipeline([PostgresStatement(isolation.begin), localSettings])
        } else {
            try query(isolation.begin)
        }
        isInTransaction = true
    }

    package func listen(to channel: String) throws(PostgresError) {
        guard let name = link.quoted(channel) else {
            throw PostgresError(.invalidParameter, "a channel cannot be named so")
        }
        try query("LISTEN \(name)")
    }

    /// The next notification, or nil when none came in that time.
    package func notification(within time: Duration) throws(PostgresError) -> PostgresNotification? {
        try link.notification(until: .now + time)
    }

    private var deadline: ContinuousClock.Instant { .now + statementTimeout + PostgresOptions.grace }
}
