package import GatehouseCore
internal import Synchronization

/// Keeps the tokens of the live store at hand: reads it at the start, every `store_refresh`, on request, and as soon as the store says that
/// something changed. Hands a snapshot on whenever a token appears, changes or goes.
///
/// While the store cannot be read, the last good values are served up to `store_max_stale`; then a snapshot without them is handed on.
package actor TokenRefresher {
    package static let defaultRefresh: Duration = .seconds(30)
    package static let defaultMaxStale: Duration = .seconds(3600)
    /// How often the store is asked whether something changed.
    package static let pollInterval: Duration = .seconds(1)

    /// The sources of the refresher's time and randomness. Tests give their own.
    package struct Surroundings: Sendable {
        package var wall: any WallClock
        /// Time since any fixed point, on a clock that is never set.
        package var uptime: @Sendable () -> Duration
        package var sleep: @Sendable (Duration) async throws -> Void
        /// A random number from 0 to 1.
        package var jitter: @Sendable () -> Double

        package init(
            wall: any WallClock,
            uptime: @escaping @Sendable () -> Duration,
            sleep: @escaping @Sendable (Duration) async throws -> Void,
            jitter: @escaping @Sendable () -> Double
        ) {
            self.wall = wall
            self.uptime = uptime
            self.sleep = sleep
            self.jitter = jitter
        }

        package static var machine: Surroundings {
            let start = ContinuousClock.now
            return Surroundings(
                wall: SystemClock(),
                uptime: { ContinuousClock.now - start },
                sleep: { try await Task.sleep(for: $0) },
                jitter: { Double.random(in: 0...1) }
            )
        }
    }

    private let store: any TokenStore
    private let surroundings: Surroundings
    private let onChange: @Sendable (TokenSnapshot) -> Void
    private var freshness: TokenFreshness
    private var reading: Task<Void, Never>?
    private var readingsStarted = 0
    private var readingsEnded = 0
    /// Callers of ``refreshNow()`` that have not been answered yet.
    private(set) var waiters = 0
    // Read by metrics and event loops, which must not wait for the actor.
    private nonisolated let published: Mutex<(state: TokenRefreshState, isRequested: Bool, snapshot: TokenSnapshot)>

    /// Reads nothing yet. `onChange` is called on the actor with every new snapshot, in order, and must not block.
    package init(
        store: any TokenStore,
        refresh: Duration = TokenRefresher.defaultRefresh,
        maxStale: Duration = TokenRefresher.defaultMaxStale,
        surroundings: Surroundings = .machine,
        onChange: @escaping @Sendable (TokenSnapshot) -> Void
    ) {
        self.store = store
        self.surroundings = surroundings
        self.onChange = onChange
        freshness = TokenFreshness(refresh: refresh, maxStale: maxStale)
        published = Mutex((TokenRefreshState(), false, TokenSnapshot()))
    }

    /// May be read anywhere, at any time.
    package nonisolated var state: TokenRefreshState { published.withLock { $0.state } }

    /// The snapshot that was handed on last. May be read anywhere, at any time.
    package nonisolated var snapshot: TokenSnapshot { published.withLock { $0.snapshot } }

    /// Every token of the live store without its value, read from it now.
    package func list() async throws(TokenError) -> [TokenSummary] { try await store.list() }

    /// Asks for a reading soon and returns at once: for event loops, when an upstream has rejected a token. However often it is asked, the store
    /// is read at most every 10 s for it.
    package nonisolated func requestRefresh() { published.withLock { $0.isRequested = true } }

    /// Reads the store until the task is cancelled. The first reading starts at once; one more as soon as the store notifies of a change.
    package func run() async {
        // However many changes are notified during a reading, one more reading covers them all.
        let (told, teller) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [store] in await store.watch { teller.yield() } }
            group.addTask { for await _ in told { await self.refreshNow() } }
            while !Task.isCancelled {
                await tick()
                do { try await surroundings.sleep(Self.pollInterval) } catch { break }
            }
            group.cancelAll()
        }
    }

    /// Reads the store now, or joins the reading of others that starts after this call: what is in the store when this is called is served
    /// when it returns, unless ``state`` has an error.
    @discardableResult
    package func refreshNow() async -> TokenRefreshState {
        waiters += 1
        defer { waiters -= 1 }
        let wanted = readingsStarted + 1
        while readingsEnded < wanted {
            let task = reading ?? start()
            await task.value
        }
        return state
    }

    /// One round of ``run()``.
    func tick() async {
        let isRequested = published.withLock { published in
            defer { published.isRequested = false }
            return published.isRequested
        }
        if isRequested { freshness.readRequested() }
        // Asking costs a thread hop and a look at shared memory, or a round trip. A store that could not be read is not asked: its retry is due
        // at its time, and a store that notifies of changes does so when it is back.
        let stamp = freshness.state.error == nil ? try? await store.changeStamp() : nil
        if freshness.isReadDue(at: surroundings.uptime(), stamp: stamp) { await refreshNow() }
        if freshness.expire(at: surroundings.uptime()) { handOn() }
        publish()
    }

    private func start() -> Task<Void, Never> {
        readingsStarted += 1
        let task = Task { await self.read() }
        reading = task
        return task
    }

    private func read() async {
        do throws(TokenError) {
            let stamp = try await store.changeStamp()
            let load = try await store.load()
            let isNew = freshness.succeeded(
                load,
                stamp: stamp,
                at: surroundings.uptime(),
                wall: surroundings.wall.now(),
                jitter: surroundings.jitter()
            )
            if isNew { handOn() }
        } catch {
            freshness.failed(
                error,
                at: surroundings.uptime(),
                wall: surroundings.wall.now(),
                jitter: surroundings.jitter()
            )
        }
        publish()
        reading = nil
        readingsEnded += 1
    }

    /// The snapshot is stored before the notification, so that a notified reader never finds an older one here.
    private func handOn() {
        let snapshot = freshness.snapshot
        published.withLock { $0.snapshot = snapshot }
        onChange(snapshot)
    }

    private func publish() {
        let state = freshness.state
        published.withLock { $0.state = state }
    }
}
