package import GatehouseCore
internal import SQLiteClient

/// Tokens in an encrypted SQLite file. Values are sealed as ``SealedValue`` says; which version is current, and every change, is a record
/// sealed as ``Attestation`` says.
///
/// Whoever can write to the file but has no master key:
/// - cannot read a value, nor put a value of their own in;
/// - is noticed, and the token refused as `tampered`, when they edit a value or what stands beside it, exchange rows, move the current
///   version by hand, put back an old head, or remove the newest change, a head or a version in use;
/// - is *not* noticed by a process that starts afterwards when they put back the whole past of a token: its head, its changes and its versions
///   together, without what came later, or the whole file. That is what restoring a backup does too, and nothing inside the file can
///   tell the two apart. Nor is it noticed then that every row of a token is gone. A process that runs meanwhile remembers the newest
///   revision of each token it has seen, and refuses an older one until it is restarted.
///
/// One write transaction covers each change, so two processes may rotate at once: both new versions are kept, one after the other.
package actor SQLiteTokenStore: TokenStore {
    /// Tokens in a store, deleted ones included; a new one beyond is refused `limit`.
    package static let maximumTokens = 10_000
    /// Versions kept of a token; a new one beyond destroys the oldest.
    package static let keptVersions = 100
    /// Changes that `history` gives, the newest ones.
    package static let maximumHistory = 1000

    package nonisolated let capabilities: TokenStoreCapabilities = [.writing, .versions, .sealing]
    package nonisolated let path: String

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private nonisolated let executor: DatabaseExecutor

    let sealer: TokenSealer
    let attestation: Attestation
    let clock: any WallClock
    private let busyTimeout: Duration
    private var connection: SQLiteConnection?
    /// The newest revision of each token that this process has seen.
    var seen: [String: Int64] = [:]
    /// The stamp of a data version: SQLite's does not change with our own writes, which forget it.
    private var stamp: (dataVersion: Int64, stamp: TokenChangeStamp)?

    /// Opens nothing yet: the file is opened, and made when it is not there, by the first call that needs it.
    package init(
        path: String,
        keyring: MasterKeyring,
        clock: any WallClock = SystemClock(),
        busyTimeout: Duration = .seconds(5)
    ) {
        self.path = path
        self.clock = clock
        self.busyTimeout = busyTimeout
        sealer = TokenSealer(keyring: keyring)
        attestation = Attestation(keyring: keyring)
        executor = DatabaseExecutor(label: "gatehouse.tokens")
    }

    /// Opens the file and brings its tables up to date: what `doctor` and a start want to know early.
    package func prepare() async throws(TokenError) { _ = try database() }

    package func changeStamp() async throws(TokenError) -> TokenChangeStamp? {
        let database = try database()
        return try sql { () throws(SQLiteError) in
            let version = try database.dataVersion()
            if let stamp, stamp.dataVersion == version { return stamp.stamp }
            // Someone has written to the file, which may hold more than tokens: only the heads decide.
            var heads = Framing()
            let statement = try database.prepare("SELECT name, seal FROM token_heads ORDER BY name")
            while try statement.step() {
                heads.append(try statement.text(0))
                heads.append(try statement.blob(1))
            }
            let new = TokenChangeStamp(heads.bytes)
            stamp = (version, new)
            return new
        }
    }

    /// The open connection; opens it anew when a backup was put in the place of the file.
    func database() throws(TokenError) -> SQLiteConnection {
        if let connection, !connection.isReplaced { return connection }
        connection = nil
        stamp = nil
        return try sql { () throws(SQLiteError) in
            let opened = try SQLiteConnection(path: path, busyTimeout: busyTimeout)
            // Overwrites what is deleted: a destroyed version must not stay in a free page.
            try opened.execute("PRAGMA secure_delete=ON")
            try opened.migrate("tokens", through: Self.schema)
            connection = opened
            return opened
        }
    }

    /// Runs `body` as one change of the store.
    func changing<Result>(
        _ body: (SQLiteConnection) throws(TokenError) -> Result
    ) throws(TokenError) -> Result {
        let database = try database()
        stamp = nil
        return try database.transaction({ wrap($0) }) { () throws(TokenError) in try body(database) }
    }

    /// Runs `body` on one unchanging view of the store.
    func reading<Result>(
        _ body: (SQLiteConnection) throws(TokenError) -> Result
    ) throws(TokenError) -> Result {
        let database = try database()
        return try database.reading({ wrap($0) }) { () throws(TokenError) in try body(database) }
    }

    /// Runs `body` and turns SQLite's error into one of this module.
    nonisolated func sql<Result>(_ body: () throws(SQLiteError) -> Result) throws(TokenError) -> Result {
        do throws(SQLiteError) { return try body() } catch { throw wrap(error) }
    }

    private nonisolated func wrap(_ error: SQLiteError) -> TokenError {
        let message = error.message.contains(path) ? error.message : "\(path): \(error.message)"
        switch error.code {
        case .schemaTooNew: return TokenError(.schemaTooNew, message, underlying: error)
        case .busy:
            return TokenError(
                .unavailable,
                message,
                hint: "another process holds the database locked",
                underlying: error
            )
        case .full: return TokenError(.unavailable, message, hint: "make room on the disk", underlying: error)
        case .permission, .notOpened, .readOnly:
            return TokenError(
                .unavailable,
                message,
                hint: "the user that runs Gatehouse must own the file and be able to write to its directory",
                underlying: error
            )
        case .constraint, .corrupt, .io, .mismatch, .notADatabase, .other:
            return TokenError(.unavailable, message, underlying: error)
        }
    }
}
