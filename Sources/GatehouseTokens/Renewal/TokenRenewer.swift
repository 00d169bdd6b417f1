package import GatehouseCore
internal import Synchronization

/// Keeps tokens that renew themselves: renews each before it ends and when an upstream rejects it, once for all processes that share the store, and
/// hands on what requests are to send.
///
/// The result of a renewal is durable before it is used, so a process that dies leaves nothing that only it knew.
package actor TokenRenewer {
    /// How often it is looked whether something is due, or another process has written.
    package static let interval: Duration = .seconds(1)
    /// Renewals that run at once; the others wait their turn, so that a start with many tokens is no burst.
    package static let maximumRunning = 4
    /// How long who reported a rejected token waits for another version.
    package static let patience: Duration = .seconds(12)
    /// Reports that wait; one beyond is answered at once that there is no other version.
    package static let maximumWaiting = 4096
    /// How long further reports of a version are answered at once after one came to nothing, so that callers who cause 401s keep nobody busy.
    static let quietTime: Duration = .seconds(1)

    package typealias Seeds = @Sendable () -> [TokenName: TokenValue]
    /// A new version, or why there is none.
    package typealias Outcome = Result<Int, RenewalFailure>

    struct Entry {
        let token: RenewedToken
        var schedule: RenewalSchedule
        var kept: KeptGrant?
        var state = RenewalState()
        var unwritten: Unwritten?

        init(_ token: RenewedToken) {
            self.token = token
            schedule = RenewalSchedule(needsSeed: token.issuer.needsSeed)
        }
    }

    /// The result of a renewal that the store did not take: it is written before anything is asked again.
    struct Unwritten {
        let grant: KeptGrant
        let failure: RenewalFailure?
        /// The version that it replaces.
        let after: Int
    }

    private struct Rejection {
        let token: TokenName
        let version: Int
        let until: Duration
        let answer: @Sendable (TokenValue?) -> Void
    }

    private struct Published {
        var tokens: [TokenName: TokenValue] = [:]
        var states: [TokenName: RenewalState]
        var problem: TokenError?
        var rejections: [Rejection] = []
        var waiting = 0
        /// The versions whose reports came to nothing a moment ago.
        var quiet: [TokenName: (version: Int, until: Duration)] = [:]
        /// Nobody looks at rejections any more.
        var isOver = false
    }

    let store: SealedTokenStore
    let holder: String
    let seeds: Seeds
    let surroundings: TokenRefresher.Surroundings
    private let onChange: @Sendable ([TokenName: TokenValue]) -> Void
    private let onOutcome: @Sendable (TokenName, Outcome) -> Void
    var entries: [TokenName: Entry]
    private var stamp: TokenChangeStamp?
    private var seen: [TokenName: SeedDigest] = [:]
    private var running: [TokenName: Task<Void, Never>] = [:]
    private var waiting: [Rejection] = []
    private var first: Task<Void, Never>?
    private nonisolated let published: Mutex<Published>
    private nonisolated let (woken, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// Reads nothing yet.
    ///
    /// - Parameters:
    ///   - holder: who takes leases: a name of this process alone.
    ///   - seeds: the values that operators have set, of which some are refresh tokens to begin with.
    ///   - onChange: called on the actor with every new set of tokens, in order; must not block.
    ///   - onOutcome: called on the actor with what came of each renewal by this process; must not block.
    package init(
        _ tokens: [RenewedToken],
        store: SealedTokenStore,
        holder: String,
        seeds: @escaping Seeds,
        surroundings: TokenRefresher.Surroundings = .machine,
        onChange: @escaping @Sendable ([TokenName: TokenValue]) -> Void,
        onOutcome: @escaping @Sendable (TokenName, Outcome) -> Void = { _, _ in }
    ) {
        self.store = store
        self.holder = holder
        self.seeds = seeds
        self.surroundings = surroundings
        self.onChange = onChange
        self.onOutcome = onOutcome
        entries = Dictionary(tokens.map { ($0.name, Entry($0)) }) { first, _ in first }
        published = Mutex(Published(states: entries.mapValues(\.state)))
    }

    /// The values that requests are to send. They may be read anywhere, at any time.
    package nonisolated var tokens: [TokenName: TokenValue] { published.withLock { $0.tokens } }
    package nonisolated var states: [TokenName: RenewalState] { published.withLock { $0.states } }
    /// Why the store could not be read when it was last asked.
    package nonisolated var problem: TokenError? { published.withLock { $0.problem } }

    /// An upstream answered 401 to a version: for event loops, so it returns at once.
    ///
    /// - Parameter answer: called once, on any thread, with another version as soon as there is one; with nil when there is none to be had, and
    ///   at the latest after ``patience``. Must not block.
    package nonisolated func rejected(
        _ token: TokenName,
        version: Int,
        _ answer: @escaping @Sendable (TokenValue?) -> Void
    ) {
        let now = surroundings.uptime()
        let until = now + Self.patience
        let (isSettled, value) = published.withLock { published -> (Bool, TokenValue?) in
            if let value = published.tokens[token], value.version != version { return (true, value) }
            if let quiet = published.quiet[token], quiet.version == version, now < quiet.until { return (true, nil) }
            guard published.states[token] != nil, published.waiting < Self.maximumWaiting, !published.isOver else {
                return (true, nil)
            }
            published.waiting += 1
            published.rejections.append(Rejection(token: token, version: version, until: until, answer: answer))
            return (false, nil)
        }
        if isSettled { answer(value) } else { waker.yield() }
    }

    /// Reads what is kept and asks for what is missing, once; whoever calls it while that is under way waits for the same.
    package func begin() async {
        let task = first ?? Task { await self.tick() }
        first = task
        await task.value
    }

    /// Begins, and renews until the task is cancelled; then ends what is under way: what an issuer has given is still written down.
    package func run() async {
        await begin()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [store, waker] in await store.watch { waker.yield() } }
            group.addTask { [surroundings, waker] in
                while (try? await surroundings.sleep(Self.interval)) != nil { waker.yield() }
            }
            for await _ in woken { await step() }
            group.cancelAll()
        }
        for task in running.values { await task.value }
        published.withLock { $0.isOver = true }
        takeRejections()
        settle(isOver: true)
    }

    /// Reads the store, and renews nothing.
    package func read() async {
        await readIfChanged()
        handOn()
    }

    /// Reads the store, and renews what is due, until nothing is under way.
    func tick() async {
        await step()
        while let task = running.first?.value {
            await task.value
            await step()
        }
    }

    private func step() async {
        await readIfChanged()
        takeRejections()
        let now = surroundings.uptime()
        for name in entries.keys.sorted() where running.count < Self.maximumRunning {
            guard entries[name]?.schedule.begin(at: now) == true else { continue }
            // Not ended with the task that began it: an answer that is lost may be a refresh token.
            running[name] = Task { await self.renewOnce(name) }
        }
        handOn()
        settle()
    }

    private func renewOnce(_ name: TokenName) async {
        let outcome = await renew(name)
        running[name] = nil
        if let outcome { onOutcome(name, outcome) }
        waker.yield()
    }

    // MARK: - Reading

    private func readIfChanged() async {
        let seeds = seeds()
        let digests = entries.values.reduce(into: [TokenName: SeedDigest]()) { digests, entry in
            guard entry.token.issuer.needsSeed, let value = seeds[entry.token.name] else { return }
            digests[entry.token.name] = SeedDigest(of: value.secret)
        }
        do throws(TokenError) {
            let stamp = try await store.changeStamp()
            guard stamp == nil || stamp != self.stamp || digests != seen else { return }
            let load = try await store.grants()
            self.stamp = stamp
            seen = digests
            for name in entries.keys { take(name, load, digests[name]) }
            published.withLock { $0.problem = nil }
        } catch {
            published.withLock { $0.problem = error }
        }
    }

    private func take(_ name: TokenName, _ load: GrantLoad, _ seed: SeedDigest?) {
        guard var entry = entries[name] else { return }
        defer { entries[name] = entry }
        if let problem = load.problems[GrantKey(name)] {
            (entry.state.problem, entry.state.hint) = (problem.message, problem.hint)
            return
        }
        let record = load.grants[GrantKey(name)]
        entry.kept = record?.kept
        if case .needsConnecting(let why, _)? = record?.kept, why == entry.state.problem {
            // The hint stands with it.
        } else if record?.version ?? 0 != entry.state.version {
            (entry.state.problem, entry.state.hint) = (record?.failure, nil)
        }
        entry.state.version = record?.version ?? 0
        entry.schedule.read(
            record?.kept,
            version: entry.state.version,
            seed: seed,
            at: surroundings.uptime(),
            wall: surroundings.wall.now(),
            jitter: surroundings.jitter()
        )
        switch record?.kept {
        case .usable(let grant)?: (entry.state.issuedAt, entry.state.expiresAt) = (grant.issuedAt, grant.expiresAt)
        case .needsConnecting(let why, _)?:
            (entry.state.issuedAt, entry.state.expiresAt) = (nil, nil)
            entry.state.problem = why
        case nil: (entry.state.issuedAt, entry.state.expiresAt) = (nil, nil)
        }
    }

    private func handOn() {
        let now = surroundings.uptime()
        let wall = surroundings.wall.now()
        var tokens: [TokenName: TokenValue] = [:]
        for name in entries.keys {
            guard var entry = entries[name] else { continue }
            if case .usable(let grant)? = entry.kept, !entry.schedule.hasEnded(at: now) {
                tokens[name] = try? TokenValue(validating: grant.access, version: entry.state.version)
            }
            entry.state.word = entry.schedule.state
            entry.state.isServed = tokens[name] != nil
            entry.state.renewsAt = entry.schedule.dueAt.map { wall + ($0 - now) }
            entries[name] = entry
        }
        let states = entries.mapValues(\.state)
        // Told first: who reads another version here finds it wherever it was handed on.
        if published.withLock({ $0.tokens != tokens }) { onChange(tokens) }
        published.withLock { ($0.tokens, $0.states) = (tokens, states) }
    }

    // MARK: - Rejections

    private func takeRejections() {
        let new = published.withLock { published in
            defer { published.rejections = [] }
            return published.rejections
        }
        let now = surroundings.uptime()
        for rejection in new {
            _ = entries[rejection.token]?.schedule.rejected(version: rejection.version, at: now)
        }
        waiting += new
    }

    /// Answers those whose token has another version now, or will not have one.
    private func settle(isOver: Bool = false) {
        guard !waiting.isEmpty else { return }
        let now = surroundings.uptime()
        let tokens = tokens
        var still: [Rejection] = []
        var vain: [Rejection] = []
        for rejection in waiting {
            let value = tokens[rejection.token].flatMap { $0.version != rejection.version ? $0 : nil }
            let isHopeful = entries[rejection.token]?.schedule.isUnderWay(at: now) ?? false
            if value == nil, isHopeful, now < rejection.until, !isOver {
                still.append(rejection)
            } else {
                if value == nil { vain.append(rejection) }
                rejection.answer(value)
            }
        }
        let settled = waiting.count - still.count
        waiting = still
        published.withLock { published in
            published.waiting -= settled
            for rejection in vain { published.quiet[rejection.token] = (rejection.version, now + Self.quietTime) }
        }
    }
}
