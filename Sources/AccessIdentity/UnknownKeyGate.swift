/// Decides whether an unknown key id is worth a refresh. Anyone can make ids up, so refreshes on their account are rare:
/// one in ``interval`` seconds, and none for an id that a refresh did not bring.
struct UnknownKeyGate {
    /// Ids remembered at most; beyond it the oldest is forgotten, which costs at most one refresh more.
    static let maximumRemembered = 1024

    /// Seconds between two refreshes on account of unknown ids.
    let interval: Int64
    /// Seconds for which an id is remembered: by then the background refresh has looked again anyway.
    let memory: Int64
    private var lastRefresh: Int64?
    /// A refresh is under way, on whatever account.
    private(set) var isRefreshing = false
    private var remembered: [String: Int64] = [:]
    /// In the order of their arrival, the oldest at `oldest`.
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
        if isRemembered(keyID, now: now) { return false }
        guard let lastRefresh else { return true }
        // A clock that was set back must not shut the gate for longer than the interval.
        return now - lastRefresh >= interval || now < lastRefresh
    }

    private func isRemembered(_ keyID: String, now: Int64) -> Bool {
        remembered[keyID].map { now >= $0 && now - $0 < memory } ?? false
    }

    /// A refresh starts on account of an unknown id.
    mutating func lookUpStarted(now: Int64) {
        lastRefresh = now
        isRefreshing = true
    }

    mutating func refreshStarted() { isRefreshing = true }

    mutating func refreshEnded() { isRefreshing = false }

    /// A refresh succeeded and did not bring this id.
    mutating func remained(_ keyID: String, now: Int64) {
        if remembered.updateValue(now, forKey: keyID) == nil { order.append(keyID) }
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
