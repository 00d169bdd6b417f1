package import GatehouseCore
internal import PostgresClient

/// The rows by which the instances of a fleet know each other, over a connection of its own. Each call is one transaction, so that it works behind a pooler.
///
/// Times are compared by the database's clock. Who can write to the database can make rows: of those without the fleet's seal only the number is told.
package actor FleetDatabase {
    /// One statement, and the time to connect.
    package static let patience: Duration = .seconds(3)
    /// How long an instance that says nothing more is shown.
    package static let kept: Duration = .seconds(3600)
    /// Rows that are read: the newest.
    package static let maximumInstances = 256
    /// Rows that are read of what others have spent.
    package static let maximumSpending = 20_000
    /// How long ago spending may have changed to be read, and how long it is kept.
    package static let spendingWindow: (read: Duration, kept: Duration) = (.seconds(10), .seconds(120))

    private static let now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

    private let options: PostgresOptions
    private let keys: [Secret]
    private var connection: PostgresConnection?
    private var isMigrated = false

    /// Opens nothing yet.
    ///
    /// - Parameter url: as that of a ``SealedTokenStore``, under whose master keys the rows are sealed.
    package init(url: Secret, keyring: MasterKeyring) {
        var options = PostgresOptions(url: url.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
        options.statementTimeout = Self.patience
        options.connectTimeout = Self.patience
        self.options = options
        keys = keyring.keys.map { $0.derived(for: "gatehouse fleet v1") }
    }

    /// The key by which the instances name who spends: nobody else can tell callers from it.
    package nonisolated var ratesKey: SipHash.Key {
        keys[0].withUnsafeBytes { bytes in
            (
                bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            )
        }
    }

    /// Opens the database and brings its tables up to date: for `store init`, by their owner.
    package func prepare() async throws(TokenError) { _ = try await run { _ throws(PostgresError) in } }

    // MARK: - Instances

    /// Says that an instance is there, forgets those that are gone for long, and reads all.
    ///
    /// - Returns: the instances, this one among them, and the number of rows that none of them wrote.
    package func report(_ card: InstanceCard) async throws(TokenError) -> (instances: [SeenInstance], strangers: Int) {
        let seal = card.seal(under: keys[0])
        let rows = try await run { session throws(PostgresError) in
            let results = try session.batch([
                PostgresStatement(
                    """
                    INSERT INTO instances VALUES ($1, $2, $3, $4, $5, $6, \(Self.now)) ON CONFLICT (id) DO UPDATE
                    SET name = excluded.name, version = excluded.version, since = excluded.since,
                    configuration = excluded.configuration, seal = excluded.seal, seen_at = excluded.seen_at
                    """,
                    [
                        .text(card.id), .text(card.name), .text(card.version), .int(card.since.microseconds),
                        .text(card.configuration), .bytes(seal),
                    ]
                ),
                // A time to come is nobody's who goes by this clock.
                PostgresStatement(
                    "DELETE FROM instances WHERE seen_at < \(Self.now) - $1 OR seen_at > \(Self.now) + 1000000",
                    [.int(Self.kept.microseconds)]
                ),
                PostgresStatement(
                    """
                    SELECT \(Self.text("id")), \(Self.text("name")), \(Self.text("version")), since,
                        \(Self.text("configuration")), \(TokenRows.bounded("seal", 32)), \(Self.now) - seen_at
                    FROM instances ORDER BY seen_at DESC, id LIMIT \(Self.maximumInstances)
                    """
                ),
            ])
            return try results[2].map { row throws(PostgresError) in
                (
                    card: InstanceCard(
                        id: try row.isNull(0) ? "" : row.text(0),
                        name: try row.isNull(1) ? "" : row.text(1),
                        version: try row.isNull(2) ? "" : row.text(2),
                        since: Timestamp(microseconds: try row.int(3)),
                        configuration: try row.isNull(4) ? "" : row.text(4)
                    ),
                    seal: try row.isNull(5) ? [] : row.bytes(5),
                    age: try row.int(6)
                )
            }
        }
        let trusted = rows.filter { $0.card.isSealed(by: $0.seal, under: keys) }
        let instances = trusted.map { SeenInstance(card: $0.card, age: .microseconds(max(0, $0.age))) }
        return (
            instances.sorted { ($0.card.name, $0.card.id) < ($1.card.name, $1.card.id) }, rows.count - trusted.count
        )
    }

    /// Takes back that an instance is there: it ends.
    package func leave(_ id: String) async throws(TokenError) {
        _ = try await run { session throws(PostgresError) in
            try session.batch([
                PostgresStatement("DELETE FROM instances WHERE id = $1", [.text(id)]),
                PostgresStatement("DELETE FROM rate_spending WHERE instance = $1", [.text(id)]),
            ]).count
        }
    }

    private static func text(_ column: String) -> String { TokenRows.bounded(column, InstanceCard.maximumLength) }

    // MARK: - Rates

    /// The sum that an instance has spent on behalf of an owner since `madeAt`.
    package struct Spending: Sendable, Equatable {
        package let instance: String
        package let owner: UInt
        package let spent: Int64
        package let madeAt: Int64
    }

    /// Says what this instance has spent in all, of those owners where it has become more, and reads what the others have.
    ///
    /// - Returns: also the database's time.
    package func exchange(
        _ spent: [(owner: UInt, total: Int64)],
        of id: String
    ) async throws(TokenError) -> (others: [Spending], now: Int64) {
        let owners = "{" + spent.map { "\(Int64(bitPattern: UInt64($0.owner)))" }.joined(separator: ",") + "}"
        let totals = "{" + spent.map { "\($0.total)" }.joined(separator: ",") + "}"
        return try await run { session throws(PostgresError) in
            let results = try session.batch([
                PostgresStatement(
                    """
                    INSERT INTO rate_spending SELECT $1, owner, spent, \(Self.now), \(Self.now)
                    FROM unnest($2::bigint[], $3::bigint[]) AS s (owner, spent) ORDER BY owner
                    ON CONFLICT (instance, owner) DO UPDATE SET spent = excluded.spent, changed_at = excluded.changed_at,
                    made_at = CASE WHEN excluded.spent < rate_spending.spent THEN excluded.made_at ELSE rate_spending.made_at END
                    """,
                    [.text(id), .text(owners), .text(totals)]
                ),
                PostgresStatement(
                    "DELETE FROM rate_spending WHERE changed_at < \(Self.now) - $1 OR changed_at > \(Self.now) + 1000000",
                    [.int(Self.spendingWindow.kept.microseconds)]
                ),
                PostgresStatement(
                    """
                    SELECT \(Self.text("instance")), owner, spent, made_at FROM rate_spending
                    WHERE changed_at >= \(Self.now) - $1 AND instance <> $2 ORDER BY changed_at DESC LIMIT \(Self.maximumSpending)
                    """,
                    [.int(Self.spendingWindow.read.microseconds), .text(id)]
                ),
                PostgresStatement("SELECT \(Self.now)"),
            ])
            var others: [Spending] = []
            for row in results[2] where try !row.isNull(0) {
                others.append(
                    Spending(
                        instance: try row.text(0),
                        owner: UInt(UInt64(bitPattern: try row.int(1))),
                        spent: try row.int(2),
                        madeAt: try row.int(3)
                    )
                )
            }
            return (others, try results[3][0].int(0))
        }
    }

    // MARK: -

    private func run<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresSession) throws(PostgresError) -> Value
    ) async throws(TokenError) -> Value {
        do throws(PostgresError) {
            let connection = try await opened()
            do throws(PostgresError) { return try await connection.run(body) } catch {
                // Each call comes again, so none is tried twice.
                if await !connection.isOpen, self.connection === connection { self.connection = nil }
                throw error
            }
        } catch { throw TokenError(error) }
    }

    private func opened() async throws(PostgresError) -> PostgresConnection {
        if let connection { return connection }
        let opened = try await PostgresConnection.open(options)
        try await opened.run { session throws(PostgresError) in
            try session.settle(in: PostgresTokenDatabase.schema)
        }
        if !isMigrated {
            try await PostgresTokenSchema.migrate(opened, FleetSchema.component, through: FleetSchema.postgres)
            isMigrated = true
        }
        connection = opened
        return opened
    }

    /// Ends the connection.
    package func close() async {
        await connection?.close()
        connection = nil
    }
}
