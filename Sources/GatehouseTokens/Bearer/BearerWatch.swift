package import GatehouseCore
internal import Synchronization

/// Keeps the break-glass credentials of a running instance at hand: one that is issued or revoked is seen within a second, and of a fleet within two.
///
/// While the place cannot be read, those known go on, each to its own end and all of them for ``maximumStaleness`` at most: a revocation could
/// not be seen.
package actor BearerWatch {
    /// How long the known ones serve while the place cannot be read.
    package static let maximumStaleness: Duration = .seconds(600)

    /// The watch's state for readiness, metrics and the status page.
    package struct State: Sendable {
        /// Credentials that open something now, with their ends.
        package var live: [(name: String, expiresAt: Timestamp)] = []
        /// Why the place cannot be read now, nil when it can.
        package var problem: TokenError?
    }

    private let store: BearerStore
    private let isWanted: @Sendable () -> Bool
    private let clock: any WallClock
    private let uptime: @Sendable () -> Duration
    private let onChange: @Sendable (BearerSnapshot) -> Void
    private let onProblem: @Sendable (TokenError) -> Void
    private var known: [String: KnownBearer] = [:]
    private var stamp: BearerStore.Stamp?
    private var readAt: Duration?
    private nonisolated let published = Mutex(State())

    /// - Parameters:
    ///   - isWanted: whether some route takes bearers; while none does, the place is left alone.
    ///   - onChange: called on the actor with every new snapshot, in order; must not block.
    ///   - onProblem: called when the place can no longer be read, once until it can again.
    package init(
        store: BearerStore,
        clock: any WallClock = SystemClock(),
        uptime: (@Sendable () -> Duration)? = nil,
        isWanted: @escaping @Sendable () -> Bool,
        onChange: @escaping @Sendable (BearerSnapshot) -> Void,
        onProblem: @escaping @Sendable (TokenError) -> Void = { _ in }
    ) {
        self.store = store
        self.clock = clock
        let start = ContinuousClock.now
        self.uptime = uptime ?? { ContinuousClock.now - start }
        self.isWanted = isWanted
        self.onChange = onChange
        self.onProblem = onProblem
    }

    /// May be read anywhere, at any time.
    package nonisolated var state: State {
        let now = clock.now()
        return published.withLock { published in
            State(live: published.live.filter { now < $0.expiresAt }, problem: published.problem)
        }
    }

    /// Watches until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            await tick()
            do { try await Task.sleep(for: store.pollInterval) } catch { return }
        }
    }

    /// One round of ``run()``.
    package func tick() async {
        guard isWanted() else {
            stamp = nil
            if !known.isEmpty { replace(BearerSnapshot()) }
            return
        }
        do throws(TokenError) {
            let new = try await store.changeStamp()
            if new != stamp {
                replace(try await store.load(keeping: known))
                stamp = new
            }
            readAt = uptime()
            published.withLock { $0.problem = nil }
        } catch {
            stamp = nil
            let isNew = published.withLock { published in
                defer { published.problem = error }
                return published.problem == nil
            }
            if isNew { onProblem(error) }
            if !known.isEmpty, uptime() - (readAt ?? .zero) > Self.maximumStaleness { replace(BearerSnapshot()) }
        }
    }

    private func replace(_ snapshot: BearerSnapshot) {
        let new = Dictionary(snapshot.bearers.map { ($0.digest.id, $0) }) { first, _ in first }
        // Credentials that are missing now were revoked, or can no longer be trusted.
        for (id, bearer) in known where new[id] == nil { bearer.caller.revoke() }
        known = new
        let live = snapshot.bearers.map { (name: $0.name, expiresAt: $0.caller.expiresAt) }
        published.withLock { $0.live = live }
        onChange(snapshot)
    }
}
