package import GatehouseCore
internal import PostgresClient
internal import Synchronization

extension SealedTokenStore {
    /// Tokens in a PostgreSQL database, in a schema of their own, which is made by the first call that needs it when the user may do so.
    ///
    /// - Parameter url: as ``PostgresOptions`` takes it; TLS and more by its parameters.
    package static func postgres(
        url: Secret,
        keyring: MasterKeyring,
        clock: any WallClock = SystemClock(),
        isUntouched: Bool = false
    ) -> SealedTokenStore {
        SealedTokenStore(
            database: PostgresTokenDatabase(url: url, isUntouched: isUntouched),
            keyring: keyring,
            clock: clock
        )
    }
}

/// The tables in a PostgreSQL database. One connection serves all calls, one after the other; a second one only listens.
actor PostgresTokenDatabase: TokenDatabase {
    /// The schema of every table, and the channel on which changes are notified.
    static let schema = "gatehouse"
    static let channel = "gatehouse_tokens"
    /// One statement; a lock that another change holds is part of it.
    static let statementTimeout: Duration = .seconds(10)
    /// Time between two attempts to connect while the server is away: the first, doubled up to the last.
    static let retryRange: ClosedRange<Duration> = .milliseconds(250)...(.seconds(5))
    /// How long a listening connection may be silent before it is asked whether it still stands.
    static let heartbeat: Duration = .seconds(15)
    /// The interval at which a pooler that does not pass on notifications is checked again.
    static let poolerInterval: Duration = .seconds(60)
    /// The time within which a listener behind a pooler must get its test notification.
    static let hearing: Duration = .seconds(2)

    private let options: PostgresOptions
    private var connection: PostgresConnection?
    private var isMigrated: Bool
    /// Opening: those who come meanwhile wait for the same connection.
    private var opening: Task<Result<PostgresConnection, TokenError>, Never>?
    /// The state of the listener; a lost connection counts as a change.
    private let heard = Mutex<(isListening: Bool, changes: UInt64)>((false, 0))
    private var lastStamp: (changes: UInt64, stamp: TokenChangeStamp)?

    /// - Parameter isUntouched: whether it is only looked at: no schema is made, and no table brought up to date.
    init(url: Secret, isUntouched: Bool = false) {
        isMigrated = isUntouched
        var options = PostgresOptions(url: url.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
        options.statementTimeout = Self.statementTimeout
        self.options = options
    }

    func use<Value: Sendable>(
        _ access: TokenAccess,
        _ body: @escaping @Sendable (TokenRows) throws(TokenError) -> Value
    ) async throws(TokenError) -> Value {
        let connection = try await healthy(for: access)
        let outcome: Result<Value, TokenError>
        do throws(PostgresError) {
            outcome = try await connection.run { session throws(PostgresError) in
                do throws(TokenError) {
                    return .success(try Self.run(access, session, body))
                } catch {
                    return .failure(error)
                }
            }
        } catch {
            await forgetIfClosed(connection)
            throw TokenError(error)
        }
        if case .failure = outcome { await forgetIfClosed(connection) }
        return try outcome.get()
    }

    func look<Value: Sendable>(
        _ body: @escaping @Sendable (TokenRows) throws(TokenError) -> Value
    ) async throws(TokenError) -> Value? {
        let outcome: Result<Value?, TokenError>
        do throws(PostgresError) {
            let connection = try await PostgresConnection.open(options)
            outcome = try await connection.run { session throws(PostgresError) in
                try session.settle(in: Self.schema)
                guard try session.schemaVersion(of: TokenSchema.component) > 0 else { return .success(nil) }
                do throws(TokenError) {
                    return .success(try Self.run(.reading, session, body))
                } catch {
                    return .failure(error)
                }
            }
            await connection.close()
        } catch {
            throw TokenError(error)
        }
        return try outcome.get()
    }

    /// While the listener stands it says when to ask; without it, each call asks.
    func changeStamp() async throws(TokenError) -> TokenChangeStamp? {
        let (isListening, changes) = heard.withLock { ($0.isListening, $0.changes) }
        if isListening, let lastStamp, lastStamp.changes == changes { return lastStamp.stamp }
        let digest = try await use(.single) { rows throws(TokenError) in
            try rows.sql.read(
                """
                SELECT sha256(convert_to(coalesce(string_agg(name || ' ' || coalesce(encode(seal, 'hex'), ''), ',' ORDER BY name), ''), \
                'UTF8')) FROM (SELECT name, \(TokenRows.bounded("seal", Attestation.length)) AS seal FROM token_heads \
                ORDER BY name LIMIT \(SealedTokenStore.maximumStamped)) h
                """,
                []
            ) { row throws(TokenError) in try row.blob(0) }.first ?? []
        }
        let stamp = TokenChangeStamp(digest)
        lastStamp = (changes, stamp)
        return stamp
    }

    func clock() async throws(TokenError) -> ClockReading? {
        let connection = try await healthy(for: .single)
        do throws(PostgresError) {
            return try await connection.run { session throws(PostgresError) in
                let asked = ContinuousClock.now
                return ClockReading(Timestamp(microseconds: try session.clock()), asked: asked)
            }
        } catch {
            await forgetIfClosed(connection)
            throw TokenError(error)
        }
    }

    func pooling() async throws(TokenError) -> StorePooling? {
        do throws(PostgresError) {
            switch try await PostgresPooling.look(options) {
            case .none: return .direct
            case .session: return .sessions
            case .transaction: return .transactions
            }
        } catch {
            throw TokenError(error)
        }
    }

    func swept() async {}

    // MARK: - Listening

    /// Listens until the task is cancelled, connecting anew whenever the connection is lost. A new connection counts as a change: notifications sent
    /// while there was none are lost.
    ///
    /// Behind a pooler in transaction mode no notification arrives. There each ``changeStamp()`` queries the tables.
    func watch(_ changed: @escaping @Sendable () -> Void) async {
        var wait = Self.retryRange.lowerBound
        while !Task.isCancelled {
            if (try? await PostgresPooling.look(options)) == .transaction {
                note(isListening: false)
                do { try await Task.sleep(for: Self.poolerInterval) } catch { break }
                continue
            }
            if let listener = try? await PostgresConnection.open(options) {
                do throws(PostgresError) {
                    try await listener.listen(to: Self.channel)
                    guard try await hears(listener) else {
                        throw PostgresError(.failed, "the pooler passes nothing on")
                    }
                    wait = Self.retryRange.lowerBound
                    note(isListening: true)
                    changed()
                    try await hear(listener, changed)
                } catch {
                    note(isListening: false)
                }
                await listener.close()
            }
            do { try await Task.sleep(for: wait * Double.random(in: 0.5...1)) } catch { break }
            wait = min(wait * 2, Self.retryRange.upperBound)
        }
        note(isListening: false)
    }

    /// Whether notifications arrive. Without a pooler they do.
    private func hears(_ listener: PostgresConnection) async throws(PostgresError) -> Bool {
        guard try await listener.run({ session throws(PostgresError) in session.isPooled }) else { return true }
        let teller = try await PostgresConnection.open(options)
        try await teller.query("SELECT pg_notify($1, '')", [.text(Self.channel)])
        await teller.close()
        return try await listener.notification(within: Self.hearing) != nil
    }

    private func hear(_ listener: PostgresConnection, _ changed: @Sendable () -> Void) async throws(PostgresError) {
        while true {
            if try await listener.notification(within: Self.heartbeat) != nil {
                note(isListening: true)
                changed()
            } else {
                // A peer that is gone without a word is found by asking it.
                try await listener.query("SELECT 1")
            }
        }
    }

    private nonisolated func note(isListening: Bool) {
        heard.withLock { heard in
            heard.isListening = isListening
            heard.changes += 1
        }
    }

    // MARK: - Connecting

    /// The connection, opened when there is none. One that may have broken meanwhile is tried before a change, whose outcome would be
    /// unknown if it broke under it; and before a reading, so that a restarted server causes no error.
    private func healthy(for access: TokenAccess) async throws(TokenError) -> PostgresConnection {
        if let connection {
            do throws(PostgresError) {
                try await connection.query("SELECT 1")
                return connection
            } catch {
                guard error.code != .cancelled else { throw TokenError(error) }
                await connection.close()
                if self.connection === connection { self.connection = nil }
            }
        }
        if let opening { return try await opening.value.get() }
        let task = Task { await self.open() }
        opening = task
        let outcome = await task.value
        opening = nil
        return try outcome.get()
    }

    private func open() async -> Result<PostgresConnection, TokenError> {
        do throws(PostgresError) {
            let opened = try await PostgresConnection.open(options)
            try await opened.run { session throws(PostgresError) in try session.settle(in: Self.schema) }
            if !isMigrated {
                try await PostgresTokenSchema.migrate(opened)
                isMigrated = true
            }
            connection = opened
            return .success(opened)
        } catch {
            return .failure(TokenError(error))
        }
    }

    private func forgetIfClosed(_ connection: PostgresConnection) async {
        guard await !connection.isOpen, self.connection === connection else { return }
        self.connection = nil
    }

    private static func run<Value>(
        _ access: TokenAccess,
        _ session: PostgresSession,
        _ body: (TokenRows) throws(TokenError) -> Value
    ) throws(TokenError) -> Value {
        let sql = PostgresTokenSQL(session)
        let rows = TokenRows(sql: sql)
        switch access {
        case .reading:
            return try session.transaction(.snapshot, { TokenError($0) }) { () throws(TokenError) in try body(rows) }
        case .changing:
            return try session.transaction(.readWrite, { TokenError($0) }) { () throws(TokenError) in
                // One change at a time, also of a token that has no row to lock yet. A user who may only read cannot hold this lock, as any user
                // can an advisory one.
                _ = try sql.run("LOCK TABLE token_heads IN SHARE ROW EXCLUSIVE MODE", [])
                let value = try body(rows)
                // The notification is sent when the transaction commits, and not at all when it does not.
                _ = try sql.read("SELECT pg_notify($1, '')", [.text(channel)]) { _ throws(TokenError) in }
                return value
            }
        case .single: return try body(rows)
        }
    }

    /// The advisory lock for making the schema: "gatehout" as a number.
    static let making: Int64 = 0x6761_7465_686F_7574
}
