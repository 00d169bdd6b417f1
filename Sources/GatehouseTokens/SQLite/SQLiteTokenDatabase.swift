package import GatehouseCore
internal import Glibc
internal import SQLiteClient

extension SealedTokenStore {
    /// Tokens in an SQLite file, which is opened, and made when it is not there, by the first call that needs it.
    package static func sqlite(
        path: String,
        keyring: MasterKeyring,
        clock: any WallClock = SystemClock(),
        busyTimeout: Duration = .seconds(5),
        isUntouched: Bool = false
    ) -> SealedTokenStore {
        SealedTokenStore(
            database: SQLiteTokenDatabase(path: path, busyTimeout: busyTimeout, isUntouched: isUntouched),
            keyring: keyring,
            clock: clock
        )
    }
}

/// The tables in an SQLite file, on a thread of its own.
actor SQLiteTokenDatabase: TokenDatabase {
    private let path: String
    private let busyTimeout: Duration
    /// Whether it is only looked at: no file is made, and no table brought up to date.
    private let isUntouched: Bool
    private let executor = BlockingExecutor(label: "gatehouse.tokens")
    private var connection: SQLiteConnection?
    /// Whether there was a file once: one that is missing after that was taken away, and another in its place would have no tokens.
    private var wasOpen = false
    /// When the file was last found to be another one than before.
    private(set) var replacedAt: ContinuousClock.Instant?
    /// The stamp of a data version: SQLite's does not change with our own writes, which forget it.
    private var stamp: (dataVersion: Int64, stamp: TokenChangeStamp)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(path: String, busyTimeout: Duration, isUntouched: Bool = false) {
        self.path = path
        self.isUntouched = isUntouched
        self.busyTimeout = busyTimeout
    }

    func use<Result: Sendable>(
        _ access: TokenAccess,
        _ body: @escaping @Sendable (TokenRows) throws(TokenError) -> Result
    ) async throws(TokenError) -> Result {
        let database = try database()
        let rows = TokenRows(sql: SQLiteTokenSQL(database))
        switch access {
        case .reading:
            return try database.reading({ TokenError($0, path: path) }) { () throws(TokenError) in try body(rows) }
        case .changing:
            stamp = nil
            return try database.transaction({ TokenError($0, path: path) }) { () throws(TokenError) in try body(rows) }
        case .single:
            stamp = nil
            return try body(rows)
        }
    }

    func look<Result: Sendable>(
        _ body: @escaping @Sendable (TokenRows) throws(TokenError) -> Result
    ) async throws(TokenError) -> Result? {
        guard access(path, F_OK) == 0 else { return nil }
        let database: SQLiteConnection
        do throws(SQLiteError) {
            database = try SQLiteConnection(path: path, access: .readOnly, busyTimeout: busyTimeout)
            guard try database.schemaVersion(of: TokenSchema.component) > 0 else { return nil }
        } catch {
            throw TokenError(error, path: path)
        }
        let rows = TokenRows(sql: SQLiteTokenSQL(database))
        return try database.reading({ TokenError($0, path: path) }) { () throws(TokenError) in try body(rows) }
    }

    func changeStamp() async throws(TokenError) -> TokenChangeStamp? {
        let database = try database()
        do throws(SQLiteError) {
            let version = try database.dataVersion()
            if let stamp, stamp.dataVersion == version { return stamp.stamp }
            // Someone has written to the file, which may hold more than tokens: only the heads decide.
            var heads = Framing()
            let limit = SealedTokenStore.maximumStamped
            let statement = try database.prepare(
                """
                SELECT name, \(TokenRows.bounded("seal", Attestation.length)) FROM token_heads
                WHERE length(name) <= \(TokenRows.maximumName) ORDER BY name LIMIT \(limit)
                """
            )
            while try statement.step() {
                heads.append(try statement.text(0))
                heads.append(statement.isNull(1) ? [] : try statement.blob(1))
            }
            let new = TokenChangeStamp(heads.bytes)
            stamp = (version, new)
            return new
        } catch {
            throw TokenError(error, path: path)
        }
    }

    /// A file gives no notice of changes, but its stamp is cheap enough to be read each second. Whether it is still the same
    /// file is looked for here, so that one that was taken away, and one that is back, are noticed as soon.
    func watch(_ changed: @escaping @Sendable () -> Void) async {
        var last = SQLiteConnection.identity(of: path)
        while (try? await Task.sleep(for: TokenRefresher.pollInterval)) != nil {
            let identity = SQLiteConnection.identity(of: path)
            guard identity != last else { continue }
            last = identity
            changed()
        }
    }

    /// Old pages of a destroyed version are in the log too. A reader may keep it busy: the next checkpoint empties it then.
    func swept() async { try? database().execute("PRAGMA wal_checkpoint(TRUNCATE)") }

    /// The open connection; opens it anew when a backup was put in the place of the file. Where the file was taken away no other is made: the last
    /// good tokens serve until it is back.
    private func database() throws(TokenError) -> SQLiteConnection {
        if let connection, !connection.checkReplaced() { return connection }
        connection = nil
        stamp = nil
        guard !wasOpen || SQLiteConnection.identity(of: path) != nil else {
            throw TokenError(
                .unavailable,
                "\(path) was removed or renamed while it was in use",
                hint:
                    "put it back, or restore a backup: `gatehouse restore`; last-good tokens serve for store_max_stale"
            )
        }
        defer {
            if connection != nil {
                if wasOpen { replacedAt = .now }
                wasOpen = true
            }
        }
        do throws(SQLiteError) {
            guard !isUntouched else {
                let opened = try SQLiteConnection(path: path, access: .untouched, busyTimeout: busyTimeout)
                let version = try opened.schemaVersion(of: TokenSchema.component)
                guard version == TokenSchema.sqlite.count else {
                    throw SQLiteError(
                        version > TokenSchema.sqlite.count ? .schemaTooNew : .other,
                        version == 0
                            ? "\(path) holds no tokens yet"
                            : "\(path) is of another release: its tables have schema \(version)"
                    )
                }
                connection = opened
                return opened
            }
            let opened = try SQLiteConnection(path: path, busyTimeout: busyTimeout)
            // Overwrites what is deleted: a destroyed version must not stay in a free page.
            try opened.execute("PRAGMA secure_delete=ON")
            try opened.migrate(TokenSchema.component, through: TokenSchema.sqlite)
            connection = opened
            return opened
        } catch {
            throw TokenError(error, path: path)
        }
    }
}
