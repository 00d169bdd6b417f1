internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens
internal import Logging
internal import Synchronization

/// The live store and the refresher that caches its tokens. A reload puts another store in its place without a gap: the new one is read before the
/// old one is released.
final class LiveTokens: Sendable {
    /// A store and its refresher, for as long as the configuration asks for exactly them.
    struct Source: Sendable {
        let id: Int
        let name: StoreName
        let store: any TokenStore
        let refresher: TokenRefresher
        let settings: StoreSettings
        let refresh: Duration
        let maxStale: Duration
        let names: Set<TokenName>
        /// Names of the tokens that renew themselves, whose values in this store are what they begin with.
        let renewed: Set<TokenName>

        /// A store that cannot be listed knows the names that it was made for.
        func fits(_ configuration: Configuration) -> Bool {
            var knowsNames = true
            if settings.isAskedByName { knowsNames = configuration.tokenNames.isSubset(of: names) }
            return configuration.store.name == name && configuration.store.settings == settings && knowsNames
                && Set(configuration.renewedTokens.keys) == renewed
                && configuration.storeRefresh == refresh && configuration.storeMaxStale == maxStale
        }
    }

    struct State {
        var source: Source?
        var task: Task<Void, Never>?
        var watch = PromotionWatch()
        var lastID = 0
        var reverts: [TokenName: Int] = [:]
    }

    let state = Mutex(State())
    let logger: Logger
    let began = ContinuousClock.now
    private let listing = TokenListing()
    private let publish: @Sendable (TokenSnapshot) -> Void
    let served: @Sendable () -> [TokenName: TokenValue]
    let onRevert: @Sendable (Route, TokenName, _ version: Int) -> Void
    private let onKeyEnds: @Sendable ([MasterKey.ID: Timestamp]) -> Void

    /// - Parameters:
    ///   - publish: called with every new snapshot of the live store, in order; must not block.
    ///   - served: what requests are given, which is not all of this store.
    ///   - onRevert: called after Gatehouse went back to `version` of a token by itself.
    ///   - onKeyEnds: called with the ends of master keys that a store knows, when it says of another one; must not block.
    /// - Throws: what `StoreAssembly` throws.
    init(
        _ configuration: Configuration,
        logger: Logger,
        publish: @escaping @Sendable (TokenSnapshot) -> Void,
        served: @escaping @Sendable () -> [TokenName: TokenValue],
        onRevert: @escaping @Sendable (Route, TokenName, _ version: Int) -> Void,
        onKeyEnds: @escaping @Sendable ([MasterKey.ID: Timestamp]) -> Void
    ) throws {
        self.logger = logger
        self.publish = publish
        self.served = served
        self.onRevert = onRevert
        self.onKeyEnds = onKeyEnds
        let source = try source(for: configuration)
        state.withLock { $0.source = source }
    }

    /// Reads the store for the first time, and goes on reading it.
    func start() async {
        await source.refresher.refreshNow()
        guard !Task.isCancelled else { return }
        state.withLock { state in
            state.task = state.source.map { source in Task { await source.refresher.run() } }
        }
    }

    func stop() { state.withLock { $0.task }?.cancel() }

    var source: Source {
        state.withLock { state in
            guard let source = state.source else { preconditionFailure("a store is there from the start") }
            return source
        }
    }

    /// The refresher's state, for readiness, metrics and the status page.
    var refreshState: TokenRefreshState { source.refresher.state }

    /// How often Gatehouse went back by itself, by token.
    var reverts: [TokenName: Int] { state.withLock { $0.reverts } }

    /// Every token of the live store without its value, as it was at most ``TokenListing/maximumAge`` ago.
    func list() async -> Result<[TokenSummary], TokenError> {
        let source = source
        let versions = source.refresher.snapshot.tokens.mapValues(\.version)
        return await listing.list(of: source.id, serving: versions) { () throws(TokenError) in
            try await source.refresher.list()
        }
    }

    // MARK: - Another store

    /// Makes and reads the store that a new configuration asks for; nil when that is the one in force. Nothing has changed yet.
    ///
    /// - Throws: ``GatehouseError`` or `TokenError` when the new store cannot be read, or lacks a token that is served now and that a route of
    ///   the new configuration needs: the old store would have gone on serving it.
    func stage(_ configuration: Configuration) async throws -> Source? {
        let old = source
        guard !old.fits(configuration) else { return nil }
        let new = try source(for: configuration)
        let first = await new.refresher.refreshNow()
        if let error = first.error {
            throw GatehouseError(
                .unusable,
                "the store '\(new.name)' cannot be read: \(error.message)",
                hint: error.hint,
                underlying: error
            )
        }
        let served = old.refresher.snapshot.tokens
        // One that renews itself begins with what the store has, and goes on without it.
        let needed = configuration.tokenNames.subtracting(configuration.tokens.keys)
        let lost = needed.filter { served[$0] != nil && new.refresher.snapshot.tokens[$0] == nil }
        guard lost.isEmpty else {
            let problem = first.problems.first { lost.contains($0.name) }?.error
            throw GatehouseError(
                .unusable,
                "the store '\(new.name)' does not give tokens that routes use: "
                    + lost.map(\.text).sorted().joined(separator: ", "),
                hint: problem.map { [$0.message, $0.hint].compactMap { $0 }.joined(separator: "; ") }
                    ?? (old.name == new.name
                        ? "gatehouse token list" : "gatehouse store migrate \(old.name) \(new.name)")
            )
        }
        return new
    }

    /// Puts a staged store in force.
    ///
    /// - Parameter publish: called with its snapshot instead of the `publish` of this object, so that routes may change with it at once.
    func commit(_ new: Source, _ publish: (TokenSnapshot) -> Void) {
        let (old, former) = state.withLock { state in
            let old = (state.task, state.source)
            // Versions of two stores do not compare.
            state.watch = PromotionWatch()
            state.source = new
            state.task = Task { await new.refresher.run() }
            let snapshot = new.refresher.snapshot
            state.watch.served(snapshot.tokens.mapValues(\.version), at: ContinuousClock.now - began)
            publish(snapshot)
            return old
        }
        old?.cancel()
        // The same store is read anew where other tokens renew themselves.
        guard former?.name != new.name || former?.renewed == new.renewed else { return }
        logger.notice(
            "another store is live",
            metadata: ["store.old": "\(former?.name.text ?? "")", "store.new": "\(new.name)"]
        )
    }

    private func source(for configuration: Configuration) throws -> Source {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        let store = try StoreAssembly.store(configuration.store.settings, names: configuration.tokenNames)
        (store as? SealedTokenStore)?.onKeyEnd(onKeyEnds)
        return Source(
            id: id,
            name: configuration.store.name,
            store: store,
            refresher: TokenRefresher(
                store: RenewalAssembly.withheld(store, configuration),
                refresh: configuration.storeRefresh,
                maxStale: configuration.storeMaxStale,
                onChange: { [weak self] in self?.took($0, from: id) }
            ),
            settings: configuration.store.settings,
            refresh: configuration.storeRefresh,
            maxStale: configuration.storeMaxStale,
            names: configuration.tokenNames,
            renewed: Set(configuration.renewedTokens.keys)
        )
    }

    /// Passes the snapshots of the live store on, and no other's.
    private func took(_ snapshot: TokenSnapshot, from id: Int) {
        state.withLock { state in
            guard state.source?.id == id else { return }
            state.watch.served(snapshot.tokens.mapValues(\.version), at: ContinuousClock.now - began)
            publish(snapshot)
        }
    }
}
