package import GatehouseCore
internal import Synchronization

/// Keeps tokens that renew themselves, shared and personal ones: renews each before it ends and when an upstream rejects it, once for all processes
/// that share the store, and hands on what requests are to send.
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
    /// How long personal tokens are served while the store cannot be read, unless the configuration says otherwise.
    package static let defaultMaxStale: Duration = .seconds(3600)

    package typealias Seeds = @Sendable () -> [TokenName: TokenValue]
    /// A new version, or why there is none.
    package typealias Outcome = Result<Int, RenewalFailure>

    /// The closures that are told of changes. Each is called on the actor, in order, and must not block.
    package struct Listeners: Sendable {
        /// Every new set of shared tokens.
        package var onChange: @Sendable ([TokenName: TokenValue]) -> Void
        /// Every new set of personal tokens.
        package var onPersonal: @Sendable (PersonalTokens) -> Void
        /// The result of each renewal by this process.
        package var onOutcome: @Sendable (GrantKey, Outcome) -> Void

        package init(
            onChange: @escaping @Sendable ([TokenName: TokenValue]) -> Void,
            onPersonal: @escaping @Sendable (PersonalTokens) -> Void = { _ in },
            onOutcome: @escaping @Sendable (GrantKey, Outcome) -> Void = { _, _ in }
        ) {
            self.onChange = onChange
            self.onPersonal = onPersonal
            self.onOutcome = onOutcome
        }
    }

    struct Entry {
        /// Nil where nothing renews it: a pasted token, or one without a refresh token.
        var issuer: (any TokenIssuer)?
        var schedule: RenewalSchedule
        var kept: KeptGrant?
        /// The access token of a usable grant, whether or not its time is over.
        var value: TokenValue?
        var state = RenewalState()
        var unwritten: Unwritten?

        init(_ issuer: (any TokenIssuer)?, isPersonal: Bool) {
            self.issuer = issuer
            // What a person's renewal begins with stands in the grant, and where there is none, nobody is asked for one.
            schedule = RenewalSchedule(needsSeed: isPersonal || issuer?.needsSeed == true)
        }
    }

    /// The result of a renewal that the store did not take: it is written before anything is asked again.
    struct Unwritten {
        let grant: KeptGrant
        let failure: RenewalFailure?
        /// The version that it replaces.
        let after: Int
    }

    struct Rejection {
        let key: GrantKey
        let version: Int
        let until: Duration
        let answer: @Sendable (TokenValue?) -> Void
    }

    struct Published {
        var tokens: [TokenName: TokenValue] = [:]
        var states: [TokenName: RenewalState]
        var personal = PersonalTokens.none
        var problem: TokenError?
        var rejections: [Rejection] = []
        var waiting = 0
        /// The versions whose reports came to nothing a moment ago.
        var quiet: [GrantKey: (version: Int, until: Duration)] = [:]
        /// Nobody looks at rejections any more.
        var isOver = false
    }

    let store: SealedTokenStore
    let holder: String
    let seeds: Seeds
    let surroundings: TokenRefresher.Surroundings
    let listeners: Listeners
    let personal: [TokenName: PersonalToken]
    let maxStale: Duration
    var entries: [GrantKey: Entry]
    /// The clients that Gatehouse registered by itself.
    var clients: [TokenName: RegisteredClient] = [:]
    var revisions: [GrantKey: Int64] = [:]
    var stamp: TokenChangeStamp?
    var seen: [TokenName: SeedDigest] = [:]
    /// When the store was last asked with success.
    var readAt: Duration?
    /// Whether a personal token has changed since all were handed on.
    var hasNewPersonal = false
    var waiting: [Rejection] = []
    private var running: [GrantKey: Task<Void, Never>] = [:]
    private var first: Task<Void, Never>?
    /// Wakes this when the next renewal is due: one that waited for a round could come ``interval`` late, past the end of a short-lived token.
    private var alarm: (dueAt: Duration, task: Task<Void, Never>)?
    nonisolated let published: Mutex<Published>
    nonisolated let waker = Waker()

    /// Reads nothing yet.
    ///
    /// - Parameters:
    ///   - personal: the tokens of which each person has an own one.
    ///   - holder: who takes leases: a name of this process alone.
    ///   - seeds: the values that operators have set, of which some are refresh tokens to begin with.
    ///   - maxStale: how long personal tokens are served while the store cannot be read.
    package init(
        _ tokens: [RenewedToken],
        personal: [PersonalToken] = [],
        store: SealedTokenStore,
        holder: String,
        seeds: @escaping Seeds,
        maxStale: Duration = defaultMaxStale,
        surroundings: TokenRefresher.Surroundings = .machine,
        _ listeners: Listeners
    ) {
        self.store = store
        self.holder = holder
        self.seeds = seeds
        self.maxStale = maxStale
        self.surroundings = surroundings
        self.listeners = listeners
        self.personal = Dictionary(personal.map { ($0.name, $0) }) { first, _ in first }
        entries = Dictionary(tokens.map { (GrantKey($0.name), Entry($0.issuer, isPersonal: false)) }) { first, _ in
            first
        }
        published = Mutex(Published(states: Dictionary(tokens.map { ($0.name, RenewalState()) }) { first, _ in first }))
    }

    /// The shared values that requests are to send. They may be read anywhere, at any time.
    package nonisolated var tokens: [TokenName: TokenValue] { published.withLock { $0.tokens } }
    package nonisolated var states: [TokenName: RenewalState] { published.withLock { $0.states } }
    package nonisolated var personalTokens: PersonalTokens { published.withLock { $0.personal } }
    /// Why the store could not be read when it was last asked.
    package nonisolated var problem: TokenError? { published.withLock { $0.problem } }

    // MARK: - Running

    /// Reads what is kept and asks for what is missing, once; whoever calls it while that is under way waits for the same. It waits for no person's
    /// renewal: of many that are due after a pause, a start would wait for all.
    package func begin() async {
        let task = first ?? Task { await self.step(untilDone: { $0.owner == nil }) }
        first = task
        await task.value
    }

    /// Begins, and renews until the task is cancelled; then ends what is under way: what an issuer has given is still written down.
    package func run() async {
        await begin()
        await waker.run(every: Self.interval, watching: store, surroundings) { await step() }
        alarm?.task.cancel()
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

    /// Reads the store at once: somebody has written to it.
    package nonisolated func wake() { waker.wake() }

    /// Reads the store, and renews what is due, until nothing is under way.
    func tick() async { await step(untilDone: { _ in true }) }

    private func step(untilDone isAwaited: (GrantKey) -> Bool) async {
        await step()
        while let task = running.first(where: { isAwaited($0.key) })?.value {
            await task.value
            await step()
        }
    }

    private func step() async {
        await readIfChanged()
        takeRejections()
        beginDue(at: surroundings.uptime())
        handOn()
        settle()
        setAlarm(from: surroundings.uptime())
    }

    private func setAlarm(from now: Duration) {
        let dues = entries.values.lazy.compactMap { $0.issuer == nil ? nil : $0.schedule.dueAt }
        let next = dues.filter { $0 > now }.min()
        guard next != alarm?.dueAt else { return }
        alarm?.task.cancel()
        alarm = next.map { next in
            let task = Task { [waker, surroundings] in
                if (try? await surroundings.sleep(next - now)) != nil { waker.wake() }
            }
            return (next, task)
        }
    }

    private func beginDue(at now: Duration) {
        guard running.count < Self.maximumRunning else { return }
        // Those that serve everybody first; then in the order of their time, so that of many none is passed over for ever.
        let due = entries.filter { $0.value.issuer != nil && $0.value.schedule.isDue(at: now) }
            .sorted { one, other in
                let (isOnes, isOthers) = (one.key.owner != nil, other.key.owner != nil)
                if isOnes != isOthers { return isOthers }
                return (one.value.schedule.dueAt ?? now, one.key) < (other.value.schedule.dueAt ?? now, other.key)
            }
        for key in due.lazy.map(\.key) where running.count < Self.maximumRunning {
            guard entries[key]?.schedule.begin(at: now) == true else { continue }
            // Not ended with the task that began it: an answer that is lost may be a refresh token.
            running[key] = Task { await self.renewOnce(key) }
        }
    }

    private func renewOnce(_ key: GrantKey) async {
        let outcome = await renew(key)
        running[key] = nil
        if key.owner != nil { hasNewPersonal = true }
        if let outcome { listeners.onOutcome(key, outcome) }
        waker.wake()
    }
}
