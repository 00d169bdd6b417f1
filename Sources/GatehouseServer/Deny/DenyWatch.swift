internal import GatehouseCore
internal import GatehouseTokens
internal import Synchronization

/// Keeps the deny entries of the store at hand: an entry that is added or removed is seen as soon as the store tells of it, and within a second where it
/// does not tell.
///
/// While the store cannot be read, or what stands in it is not trusted, the last known entries hold, however long that lasts: nobody is let in again by
/// a database that is down.
actor DenyWatch {
    /// How often the store is asked whether something changed.
    static let interval: Duration = .seconds(1)
    /// How often the entries are read although the store says that nothing changed: rows that somebody else put there could hide a change from its stamp.
    static let rereading: Duration = .seconds(10)

    private let store: SealedTokenStore
    private let surroundings: TokenRefresher.Surroundings
    private let onChange: @Sendable (DenyBook) -> Void
    private var stamp: TokenChangeStamp?
    private var known: SealedTokenStore.KeptDenials?
    private var readAt: Duration?
    private nonisolated let published: Mutex<DenyStatus>
    private nonisolated let waker = Waker()

    /// Reads nothing yet.
    ///
    /// - Parameters:
    ///   - name: the store's.
    ///   - onChange: called on the actor with the entries whenever they have changed, in order; must not block.
    init(
        _ store: SealedTokenStore,
        named name: String,
        surroundings: TokenRefresher.Surroundings = .machine,
        onChange: @escaping @Sendable (DenyBook) -> Void
    ) {
        self.store = store
        self.surroundings = surroundings
        self.onChange = onChange
        published = Mutex(DenyStatus(store: name))
    }

    /// The status, which may be read anywhere, at any time.
    nonisolated var status: DenyStatus { published.withLock { $0 } }

    /// The entries in force; nil while they were never read.
    var book: DenyBook? { known?.book }

    /// Follows the store until the task is cancelled.
    func run() async {
        await waker.run(every: Self.interval, watching: store, surroundings) { await read() }
    }

    /// One reading, where something may have changed.
    func read() async {
        do throws(TokenError) {
            let stamp = try await store.changeStamp()
            let now = surroundings.uptime()
            if stamp == nil || stamp != self.stamp || readAt.map({ now - $0 >= Self.rereading }) ?? true {
                if let kept = try await store.denials(beyond: known?.revision) {
                    let isNew = known?.book != kept.book
                    known = kept
                    if isNew { onChange(kept.book) }
                }
                self.stamp = stamp
                readAt = now
            }
            let (entries, wall) = (known?.book.entries, surroundings.wall.now())
            published.withLock { status in
                (status.entries, status.readAt, status.problem, status.hint) = (entries, wall, nil, nil)
            }
        } catch {
            stamp = nil
            published.withLock { ($0.problem, $0.hint) = (error.message, error.hint) }
        }
    }
}
