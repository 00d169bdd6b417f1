internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens
internal import Logging
internal import Synchronization

/// The tokens that renew themselves, and what renews them, for as long as the configuration asks for exactly these. Nothing runs where it asks for
/// none.
final class LiveRenewals: Sendable {
    /// Nil as a renewer where there is nothing to renew.
    struct Source: Sendable {
        let id: Int
        let settings: [TokenName: TokenSettings]
        let state: Configuration.NamedStore?
        let maxStale: Duration
        let renewer: TokenRenewer?

        func fits(_ configuration: Configuration) -> Bool {
            settings == configuration.tokens && state == Self.state(configuration)
                && maxStale == configuration.storeMaxStale
        }

        /// The store that keeps them; nil where there is nothing to keep.
        static func state(_ configuration: Configuration) -> Configuration.NamedStore? {
            configuration.tokens.isEmpty ? nil : configuration.state
        }

        var personalNames: Set<TokenName> { Set(settings.filter { $0.value.personal != nil }.keys) }

        /// The names of the shared tokens.
        var names: Set<TokenName> { Set(settings.filter { $0.value.renewal != nil }.keys) }
    }

    private struct State {
        var source: Source?
        var task: Task<Void, Never>?
        /// The tasks of replaced sources, which end what is under way.
        var ending: [Task<Void, Never>] = []
        var lastID = 0
    }

    private let state = Mutex(State())
    private let seeds: TokenRenewer.Seeds
    private let publish: @Sendable (Set<TokenName>, [TokenName: TokenValue]) -> Void
    private let publishPersonal: @Sendable (PersonalTokens) -> Void
    private let onRenewed: @Sendable (GrantKey, _ version: Int) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - seeds: what operators have set in the live store.
    ///   - publish: called with the names of all and the values of those that there are, in order; must not block.
    ///   - publishPersonal: called with the tokens of persons, in order; must not block.
    ///   - onRenewed: called after each renewal by this process; must not block.
    /// - Throws: ``TokenError`` when a master key cannot be read.
    init(
        _ configuration: Configuration,
        logger: Logger,
        seeds: @escaping TokenRenewer.Seeds,
        publish: @escaping @Sendable (Set<TokenName>, [TokenName: TokenValue]) -> Void,
        publishPersonal: @escaping @Sendable (PersonalTokens) -> Void,
        onRenewed: @escaping @Sendable (GrantKey, _ version: Int) -> Void
    ) throws {
        self.logger = logger
        self.seeds = seeds
        self.publish = publish
        self.publishPersonal = publishPersonal
        self.onRenewed = onRenewed
        let source = try source(for: configuration)
        state.withLock { $0.source = source }
        publish(source.names, [:])
    }

    /// Begins to renew; returns when what is kept was read and what is missing was asked for once.
    func start() async {
        guard let renewer = source.renewer else { return }
        state.withLock { $0.task = Task { await renewer.run() } }
        await renewer.begin()
    }

    /// Begins nothing more, and waits for renewals that are under way: what a server gave is written down before the process ends.
    func stop() async {
        let tasks = state.withLock { state in
            defer { (state.task, state.ending) = (nil, []) }
            return state.ending + (state.task.map { [$0] } ?? [])
        }
        for task in tasks {
            task.cancel()
            await task.value
        }
    }

    /// Somebody has written to the store: it is read at once, and not a second later.
    func wake() { source.renewer?.wake() }

    var source: Source {
        state.withLock { state in
            guard let source = state.source else { preconditionFailure("a source is there from the start") }
            return source
        }
    }

    /// For readiness, metrics and the status page.
    var states: [TokenName: RenewalState] { source.renewer?.states ?? [:] }

    // MARK: - Rejected by an upstream

    /// Asks for a newer version of a token that an upstream rejected: for event loops, as ``ProxyLoop/TokenRenewal`` says.
    ///
    /// - Parameter stays: called once, on any thread, where no newer version comes.
    func rejected(_ key: GrantKey, version: Int, _ stays: @escaping @Sendable () -> Void) {
        guard let renewer = state.withLock({ $0.source?.renewer }) else { return stays() }
        // A newer one was published before this is answered, and comes to every loop in a snapshot.
        renewer.rejected(key, version: version) { if $0 == nil { stays() } }
    }

    // MARK: - Another configuration

    /// Makes and reads what a new configuration asks for; nil when that is in force. Nothing has changed yet.
    ///
    /// - Throws: ``GatehouseError`` when the store cannot be read, `TokenError` when a master key cannot be.
    func stage(_ configuration: Configuration) async throws -> Source? {
        guard !source.fits(configuration) else { return nil }
        let new = try source(for: configuration)
        guard let renewer = new.renewer else { return new }
        await renewer.read()
        if let problem = renewer.problem {
            throw GatehouseError(
                .unusable,
                "the store '\(new.state?.name.text ?? "")' cannot be read: \(problem.message)",
                hint: problem.hint,
                underlying: problem
            )
        }
        return new
    }

    /// Puts a staged source in force.
    ///
    /// - Parameter publish: called with its tokens instead of the `publish` of this object, so that routes may change with them at once.
    func commit(_ new: Source, _ publish: (Set<TokenName>, [TokenName: TokenValue]) -> Void) {
        let old = state.withLock { state in
            let old = state.task
            if let old { state.ending.append(old) }
            state.source = new
            state.task = new.renewer.map { renewer in Task { await renewer.run() } }
            publish(new.names, new.renewer?.tokens ?? [:])
            publishPersonal(new.renewer?.personalTokens ?? .none)
            return old
        }
        old?.cancel()
        logger.notice("other tokens renew themselves", metadata: ["tokens": "\(new.names.map(\.text).sorted())"])
    }

    private func source(for configuration: Configuration) throws -> Source {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        let store = try RenewalAssembly.store(configuration)
        return Source(
            id: id,
            settings: configuration.tokens,
            state: Source.state(configuration),
            maxStale: configuration.storeMaxStale,
            renewer: store.map { store in
                TokenRenewer(
                    RenewalAssembly.tokens(configuration.tokens),
                    personal: RenewalAssembly.personal(configuration),
                    store: store,
                    // Each anew: the lease of one that died, or that a reload replaced and that ends what it had begun, is another's.
                    holder: "gatehouse-\(UInt64.random(in: .min ... .max))",
                    seeds: seeds,
                    maxStale: configuration.storeMaxStale,
                    TokenRenewer.Listeners(
                        onChange: { [weak self] in self?.took($0, from: id) },
                        onPersonal: { [weak self] in self?.took($0, from: id) },
                        onOutcome: { [weak self] in self?.told($0, $1) }
                    )
                )
            }
        )
    }

    /// Lets the tokens of the source in force through, and no other's.
    private func took(_ tokens: [TokenName: TokenValue], from id: Int) {
        state.withLock { state in
            guard let source = state.source, source.id == id else { return }
            publish(source.names, tokens)
        }
    }

    private func took(_ tokens: PersonalTokens, from id: Int) {
        state.withLock { state in
            guard let source = state.source, source.id == id else { return }
            publishPersonal(tokens)
        }
    }

    private func told(_ key: GrantKey, _ outcome: TokenRenewer.Outcome) {
        var metadata: Logger.Metadata = ["token": "\(key.token)"]
        if let owner = key.owner { metadata["token.owner"] = "\(owner)" }
        switch outcome {
        case .success(let version):
            metadata["token.version"] = "\(version)"
            // Of many people each has one renewed every hour.
            logger.log(level: key.owner == nil ? .info : .debug, "renewed a token", metadata: metadata)
            onRenewed(key, version)
        case .failure(let failure):
            metadata["problem"] = "\(failure.message)"
            if let hint = failure.hint { metadata["remedy"] = "\(hint)" }
            switch failure.code {
            case .unavailable: logger.warning("a token could not be renewed", metadata: metadata)
            case .ended where key.owner != nil: logger.warning("a personal token needs connecting", metadata: metadata)
            case .ended: logger.error("a token needs connecting: nothing renews it any more", metadata: metadata)
            }
        }
    }
}
