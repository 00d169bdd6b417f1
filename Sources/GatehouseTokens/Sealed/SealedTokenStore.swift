internal import GatehouseCore
internal import Synchronization

/// Tokens in an encrypted database. Values are sealed as ``SealedValue`` says; the current version, and every change, is a record sealed as
/// ``Attestation`` says. Both are the same bytes in every database.
///
/// A user who can write to the database but has no master key:
/// - cannot read a value, nor put a value of their own in;
/// - is noticed, and the token refused as `tampered`, when they edit a value or what stands beside it, exchange rows, put in rows of another
///   store (see ``StoreID``), move the current version by hand, put back an old head, or remove the newest change, a head or a version in use;
/// - is *not* noticed by a process that starts afterwards when they put back the whole past of a token: its head, its changes and its versions
///   together, without what came later, or the whole database. That is what restoring a backup does too, and nothing inside the database can
///   distinguish the two. Nor is it noticed then that every row of a token is gone. A process that runs meanwhile remembers the newest
///   revision of each token it has seen, and refuses an older one until it is restarted.
///
/// One write transaction covers each change, so two processes may rotate at once: both new versions are kept, one after the other.
package struct SealedTokenStore: TokenStore {
    /// Tokens in a store, deleted ones included; a new one beyond is refused `limit`.
    package static let maximumTokens = 10_000
    /// Names in the tables: those of tokens, of the ends of keys and of the store itself.
    static let maximumNames = maximumTokens + 2
    /// Grants in a store: one beyond is refused `limit`.
    package static let maximumGrants = 20_000
    /// Heads that decide whether something has changed.
    static let maximumStamped = maximumNames + maximumGrants + 1
    /// Versions kept of a token; a new one beyond destroys the oldest.
    package static let keptVersions = 100
    /// Changes that `history` gives, the newest ones.
    package static let maximumHistory = 1000

    package let capabilities: TokenStoreCapabilities = [.writing, .versions, .sealing]

    let database: any TokenDatabase
    let sealer: TokenSealer
    let attestation: Attestation
    let clock: any WallClock
    let seen = SeenRevisions()
    let seenStore = SeenStore()
    let known = KnownKeyEnds()

    init(database: any TokenDatabase, keyring: MasterKeyring, clock: any WallClock) {
        self.database = database
        self.clock = clock
        sealer = TokenSealer(keyring: keyring)
        attestation = Attestation(keyring: keyring)
    }

    /// Opens the database and brings its tables up to date: what `store init`, `doctor` and a start want to know early.
    package func prepare() async throws(TokenError) {
        guard try await database.use(.single, { rows throws(TokenError) in try rows.isEmpty() }) else { return }
        try await database.use(.changing) { rows throws(TokenError) in try bindIfNew(by: "", rows) }
    }

    /// How the database is reached, for the doctor; nil where there is no server.
    package func pooling() async throws(TokenError) -> StorePooling? { try await database.pooling() }

    package func changeStamp() async throws(TokenError) -> TokenChangeStamp? { try await database.changeStamp() }

    package func watch(_ changed: @escaping @Sendable () -> Void) async { await database.watch(changed) }
}

/// The newest revision of each token that this process has seen.
final class SeenRevisions: Sendable {
    private let revisions = Mutex<[String: Int64]>([:])

    subscript(name: String) -> Int64? { revisions.withLock { $0[name] } }

    var names: [String] { revisions.withLock { Array($0.keys) } }

    func saw(_ name: String, at revision: Int64) {
        revisions.withLock { $0[name] = max(revision, $0[name] ?? 0) }
    }
}
