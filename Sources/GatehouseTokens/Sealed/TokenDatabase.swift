internal import GatehouseCore

/// A database that holds the tables of a ``SealedTokenStore``: how a connection is had, and what a transaction is there.
protocol TokenDatabase: Sendable {
    /// Runs `body` on the rows. It runs without a pause, on a thread that may wait.
    func use<Result: Sendable>(
        _ access: TokenAccess,
        _ body: @escaping @Sendable (TokenRows) throws(TokenError) -> Result
    ) async throws(TokenError) -> Result

    /// Runs `body` on one unchanging view of the rows, over a connection of its own, and makes nothing: neither a database nor tables.
    ///
    /// - Returns: nil where there are no tables.
    func look<Result: Sendable>(
        _ body: @escaping @Sendable (TokenRows) throws(TokenError) -> Result
    ) async throws(TokenError) -> Result?

    /// See ``TokenStore/changeStamp()``.
    func changeStamp() async throws(TokenError) -> TokenChangeStamp?

    /// See ``TokenStore/watch(_:)``.
    func watch(_ changed: @escaping @Sendable () -> Void) async

    /// The database's own clock; nil where it has none.
    func clock() async throws(TokenError) -> ClockReading?

    /// The time at which the file or server with the tables was last found to be another one than before; nil when it never was.
    var replacedAt: ContinuousClock.Instant? { get async }

    /// The kind of pooler between this process and the database; nil for a database that is reached without a network.
    func pooling() async throws(TokenError) -> StorePooling?

    /// Called once versions were destroyed: what is left of them beside the tables goes, too.
    func swept() async
}

extension TokenDatabase {
    func pooling() async throws(TokenError) -> StorePooling? { nil }
    func clock() async throws(TokenError) -> ClockReading? { nil }
    var replacedAt: ContinuousClock.Instant? { get async { nil } }
}

/// How a database's server is reached.
package enum StorePooling: Sendable {
    case direct
    /// Through a pooler that keeps a session for each client.
    case sessions
    /// Through a pooler that shares sessions, where no notification arrives.
    case transactions
}

/// The access of a body to the rows.
enum TokenAccess: Sendable {
    /// Reads one unchanging view.
    case reading
    /// Reads and changes as one transaction, while no other change runs.
    case changing
    /// Each statement by itself.
    case single
}

/// One statement's value, as every database has it.
enum RowValue: Sendable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])
}

/// A database's language as far as ``TokenRows`` needs it. Parameters are `$1` and on, each first used in that order.
protocol TokenSQL {
    /// Microseconds since 1970 by the database's clock, where it may be another one than this machine's.
    func now() throws(TokenError) -> Int64?

    /// - Returns: the rows that were changed.
    @discardableResult
    func run(_ statement: String, _ values: [RowValue]) throws(TokenError) -> Int

    func read<Result>(
        _ statement: String,
        _ values: [RowValue],
        _ row: (any TokenRow) throws(TokenError) -> Result
    ) throws(TokenError) -> [Result]
}

/// One row of a result; a column that is null or of another type throws `unavailable`.
protocol TokenRow {
    func isNull(_ column: Int) throws(TokenError) -> Bool
    func integer(_ column: Int) throws(TokenError) -> Int64
    func text(_ column: Int) throws(TokenError) -> String
    func blob(_ column: Int) throws(TokenError) -> [UInt8]
}

/// Columns that are read by ``TokenRows/bounded(_:_:)``: what was too long reads as what no seal vouches for, no bytes and a character that no
/// text of Gatehouse's has.
extension TokenRow {
    func boundedText(_ column: Int) throws(TokenError) -> String { try isNull(column) ? "\t" : try text(column) }
    func boundedBlob(_ column: Int) throws(TokenError) -> [UInt8] { try isNull(column) ? [] : try blob(column) }
}
