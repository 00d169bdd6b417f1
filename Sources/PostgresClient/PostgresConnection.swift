/// One connection to PostgreSQL, on a thread of its own. Calls run one after the other, in the order they arrive.
///
/// Nothing is retried and nothing reconnects: after ``PostgresError/Code/connectionLost``, a timeout of a silent server or
/// a cancellation, the caller opens another one.
package actor PostgresConnection {
    private let thread: PostgresThread
    private let wake: PostgresWake
    private var session: PostgresSession?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Connects and prepares the session.
    ///
    /// Throws ``PostgresError`` with `invalidURL`, `connectionFailed`, `timeout` or `cancelled`.
    package static func open(_ options: PostgresOptions) async throws(PostgresError) -> PostgresConnection {
        let connection = PostgresConnection(thread: try PostgresThread(), wake: try PostgresWake())
        try await connection.interruptibly { (connection) throws(PostgresError) in
            connection.session = try PostgresSession(options, wake: connection.wake)
        }
        return connection
    }

    private init(thread: PostgresThread, wake: PostgresWake) {
        self.thread = thread
        self.wake = wake
    }

    /// Runs one statement with its parameters.
    @discardableResult
    package nonisolated func query(
        _ sql: String,
        _ values: [PostgresValue] = []
    ) async throws(PostgresError) -> PostgresRows {
        try await run { (session) throws(PostgresError) in try session.query(sql, values) }
    }

    /// Runs statements in one round trip, as one transaction: all of them or none.
    @discardableResult
    package nonisolated func batch(_ statements: [PostgresStatement]) async throws(PostgresError) -> [PostgresRows] {
        try await run { (session) throws(PostgresError) in try session.batch(statements) }
    }

    /// Runs `body` between BEGIN and COMMIT, and ROLLBACK when it throws. It runs on the connection's thread without a
    /// pause, so no other call's statement comes between.
    package nonisolated func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresSession) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        try await run { (session) throws(PostgresError) in try session.transaction(body) }
    }

    package nonisolated func listen(to channel: String) async throws(PostgresError) {
        try await run { (session) throws(PostgresError) in try session.listen(to: channel) }
    }

    /// The next notification, or nil when none came in that time. Other calls wait meanwhile, so a connection that
    /// listens is best used for nothing else.
    package nonisolated func notification(within time: Duration) async throws(PostgresError) -> PostgresNotification? {
        try await run { (session) throws(PostgresError) in try session.notification(within: time) }
    }

    /// Runs several calls on the connection's thread without a pause.
    package nonisolated func run<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresSession) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        try await interruptibly { (connection) throws(PostgresError) in
            guard let session = connection.session else { throw .lost }
            return try body(session)
        }
    }

    /// Ends the session; calls after it throw ``PostgresError/Code/connectionLost``.
    package func close() { session = nil }

    /// Whether a call may still succeed.
    package var isOpen: Bool { session?.isOpen ?? false }

    /// The wake only ends a wait: whose task was cancelled is asked there, because it may come while another's call runs.
    private nonisolated func interruptibly<Value: Sendable>(
        _ body: @escaping @Sendable (isolated PostgresConnection) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        let outcome: Result<Value, PostgresError> = await withTaskCancellationHandler {
            await attempt(body)
        } onCancel: {
            wake.signal()
        }
        return try outcome.get()
    }

    private func attempt<Value: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Value
    ) -> Result<Value, PostgresError> {
        do throws(PostgresError) {
            guard !Task.isCancelled else { throw .cancelled }
            return .success(try body(self))
        } catch {
            return .failure(error)
        }
    }
}
