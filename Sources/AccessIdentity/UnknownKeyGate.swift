/// Decides whether an unknown key id is worth a refresh. Anyone can make ids up, so refreshes on their account are rare: a budget of
/// ``budget``, of which one comes back every ``interval`` seconds, and none for an id that a refresh did not bring. More than one,
/// because a stray id must not make the first id of a rotation wait.
struct UnknownKeyGate {
    /// Ids remembered at most; beyond it the oldest is forgotten, which costs at most one refresh more.
    static let maximumRemembered = 1024

    /// Refreshes on account of unknown ids that may follow each other at once.
    static let budget: Int64 = 3

    /// Seconds after which one more may be spent.
    let interval: Int64
    /// Seconds for which an id is remembered: by then the background refresh has looked again anyway.
    let memory: Int64
    /// When the budget was spent from last, and how many seconds it lacked then.
    private var spentAt: Int64 = .min
    private var owedThen: Int64 = 0
    /// A refresh is under way, on whatever account.
    private(set) var isRefreshing = false
    private var remembered: [String: (since: Int64, seconds: Int64)] = [:]
    /// The ids in the order of their arrival, the oldest at `oldest`.
    private var order: [String] = []
    private var oldest = 0

    init(interval: Int64, memory: Int64) {
        self.interval = interval
        self.memory = memory
    }

    var rememberedCount: Int { remembered.count }

    /// Whether a refresh that is under way, or may start now, could bring this id.
    func isWorthWaiting(for keyID: String, now: Int64) -> Bool {
        isRefreshing ? !isRemembered(keyID, now: now) : admits(keyID, now: now)
    }

    /// Whether a refresh for this id may start now.
    func admits(_ keyID: String, now: Int64) -> Bool {
        !isRemembered(keyID, now: now) && owed(at: now) <= interval * (Self.budget - 1)
    }

    /// Whether a refresh may start because keys have expired. No key has the empty id.
    func admitsRenewal(now: Int64) -> Bool { admits("", now: now) }

    /// Seconds until the budget is full again. A clock that was set back finds it full: it must not shut the gate for longer than a minute.
    private func owed(at now: Int64) -> Int64 {
        owedThen > 0 && now >= spentAt ? max(0, owedThen &- (now &- spentAt)) : 0
    }

    private func isRemembered(_ keyID: String, now: Int64) -> Bool {
        remembered[keyID].map { now >= $0.since && now - $0.since < $0.seconds } ?? false
    }

    /// A refresh starts on account of an unknown id.
    mutating func lookUpStarted(now: Int64) {
        owedThen = owed(at: now) + interval
        spentAt = now
        isRefreshing = true
    }

    mutating func refreshStarted() { isRefreshing = true }

    mutating func refreshEnded() { isRefreshing = false }

    /// A refresh succeeded and did not bring this id.
    mutating func remained(_ keyID: String, now: Int64) { remember(keyID, now: now, for: memory) }

    /// A refresh for this id failed: its waiting requests must not spend the rest of the budget by asking again.
    mutating func failed(_ keyID: String, now: Int64) { remember(keyID, now: now, for: interval) }

    /// A refresh for expired keys failed: as ``failed(_:now:)``.
    mutating func renewalFailed(now: Int64) { failed("", now: now) }

    private mutating func remember(_ keyID: String, now: Int64, for seconds: Int64) {
        if remembered.updateValue((now, seconds), forKey: keyID) == nil { order.append(keyID) }
        while remembered.count > Self.maximumRemembered {
            remembered[order[oldest]] = nil
            oldest += 1
        }
        if oldest > Self.maximumRemembered {
            order.removeFirst(oldest)
            oldest = 0
        }
    }

    /// The set changed: what was unknown to the old one is asked for again.
    mutating func forgetAll() {
        remembered = [:]
        order = []
        oldest = 0
    }
}
