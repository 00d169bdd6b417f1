internal import GatehouseCore
internal import Glibc
internal import Synchronization
internal import Threads

/// Keeps the audit as long as it is to be kept: a run shortly after the start and then daily, on a thread of its own that gives way to every other.
final class RetentionThread: Sendable {
    /// Time from the start to the first run, so that it does not compete with the first requests.
    static let firstWait: Duration = .seconds(30)
    static let interval: Duration = .seconds(86_400)
    /// Time to the next run after one that failed or was refused.
    static let retryInterval: Duration = .seconds(3600)

    /// The database to prune, and how long its events are kept. Nil: nothing is stored where it could be pruned.
    struct Target: Sendable {
        let database: EventDatabase
        let keep: Duration
    }

    private let keys: AuditKeys
    private let spool: String
    private let clockLead: @Sendable () -> Duration?
    private let target: Mutex<Target?>
    private let bell = Doorbell()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<OwnedThread?>(nil)
    private let state = Mutex(RetentionState())
    private let firstWait: Duration
    private let onRun: @Sendable (RetentionState.Outcome) -> Void

    init(
        _ target: Target?,
        keys: AuditKeys,
        spool: String,
        clockLead: @escaping @Sendable () -> Duration? = { nil },
        firstWait: Duration = RetentionThread.firstWait,
        onRun: @escaping @Sendable (RetentionState.Outcome) -> Void
    ) {
        self.target = Mutex(target)
        self.keys = keys
        self.spool = spool
        self.clockLead = clockLead
        self.firstWait = firstWait
        self.onRun = onRun
    }

    var current: RetentionState { state.withLock { $0 } }

    /// Takes effect with the next run.
    func change(_ target: Target?) { self.target.withLock { $0 = target } }

    func start() throws(ThreadError) {
        let started = try OwnedThread(named: "audit-retention") { self.loop() }
        thread.withLock { $0 = started }
    }

    /// A run under way is left to the end of the process: each of its steps is a transaction, and the next run goes on.
    func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        bell.ring()
        _ = thread.withLock { $0.take() }?.join(within: .milliseconds(50))
    }

    private var stops: Bool { isStopping.load(ordering: .sequentiallyConsistent) }

    private func loop() {
        // On Linux of this thread alone (setpriority(2), "C library/kernel differences").
        setpriority(Int32(PRIO_PROCESS.rawValue), 0, 19)
        var wait = firstWait
        while true {
            bell.wait(.resting, atMost: wait, unless: { stops })
            if stops { return }
            guard let target = target.withLock({ $0 }) else {
                wait = Self.interval
                continue
            }
            wait = runs(target) ? Self.interval : Self.retryInterval
        }
    }

    /// - Returns: whether the next run may wait for its day.
    @discardableResult
    func runs(_ target: Target) -> Bool {
        let run = RetentionRun(
            database: target.database,
            keep: target.keep,
            keys: keys,
            spool: spool,
            clockLead: clockLead
        )
        let outcome = run.run(at: SystemClock().now()) { count in state.withLock { $0.moved += count } }
        state.withLock { state in
            state.last = (SystemClock().now(), outcome)
            if case .pruned(let count) = outcome { state.deleted += count }
        }
        onRun(outcome)
        switch outcome {
        case .notDue, .pruned, .notAllowed, .elsewhere: return true
        case .refused, .failed: return false
        }
    }
}
