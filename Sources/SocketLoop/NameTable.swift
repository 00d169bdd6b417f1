/// The known names, and the callers that wait for each: decides when a name is looked up and what each caller gets. Does no I/O and reads
/// no clock.
///
/// - A name is looked up once at a time, and everyone who asks meanwhile waits for that look-up.
/// - An answer is fresh for ``freshness``. An older one is used, for up to ``staleness``, only while the resolver fails or is slow:
///   an upstream that has moved must be found under its new address.
struct NameTable<Waiter> {
    enum Decision {
        case known([SocketAddress])
        /// The caller's waiter was taken in. `fallsBack`: an old answer is there to fall back to after ``patience``.
        case wait(fallsBack: Bool)
        /// The caller waits, and begins the look-up.
        case lookUp(fallsBack: Bool)
        /// There are more look-ups or waiters than ``maximumLookups`` and ``maximumWaiting``.
        case refused
    }

    /// How long an answer is used without asking again. As long as a container's name may lead to an address that it has left.
    static var freshness: TimeSpan { .seconds(5) }
    /// How long an answer serves when no newer one can be had.
    static var staleness: TimeSpan { .seconds(60) }
    /// How long a caller waits for a newer answer where an old one is there.
    static var patience: TimeSpan { .seconds(1) }
    /// Look-ups of different names at once; each has a thread. Beyond it, a name without an old answer is refused.
    static var maximumLookups: Int { 16 }
    /// Callers that wait for one name; beyond it they are refused.
    static var maximumWaiting: Int { 1024 }
    /// Names that are kept; beyond it the one that was asked for the longest ago is forgotten.
    static var maximumNames: Int { 256 }

    private struct Entry {
        var addresses: [SocketAddress] = []
        /// When the addresses were found.
        var found: MonotonicTime?
        var asked: MonotonicTime
        var isUnderWay = false
        var waiting: [(id: UInt64, waiter: Waiter)] = []

        func age(at now: MonotonicTime) -> TimeSpan? { found.map { now - $0 } }
    }

    private var entries: [String: Entry] = [:]
    private var lookups = 0
    private var lastID: UInt64 = 0

    /// - Parameter waiter: made only when the caller has to wait; gets the number by which ``fallBack(_:_:now:)`` knows it.
    mutating func asked(_ name: String, now: MonotonicTime, waiter: (UInt64) -> Waiter) -> Decision {
        var entry = entries[name] ?? Entry(asked: now)
        entry.asked = now
        defer { entries[name] = entry }
        let age = entry.age(at: now)
        if let age, age < Self.freshness { return .known(entry.addresses) }
        let fallsBack = age.map { $0 < Self.staleness } ?? false
        guard entry.isUnderWay || lookups < Self.maximumLookups, entry.waiting.count < Self.maximumWaiting else {
            return fallsBack ? .known(entry.addresses) : .refused
        }
        lastID += 1
        entry.waiting.append((lastID, waiter(lastID)))
        guard !entry.isUnderWay else { return .wait(fallsBack: fallsBack) }
        entry.isUnderWay = true
        lookups += 1
        makeRoom(for: name)
        return .lookUp(fallsBack: fallsBack)
    }

    /// The look-up of a name has ended.
    ///
    /// - Parameter isAnswer: whether a resolver spoke: a name that it does not know is no failure of its own, and ends what was known.
    /// - Returns: the callers that wait, and the old addresses that serve in place of a failure.
    mutating func ended(
        _ name: String,
        _ addresses: [SocketAddress]?,
        isAnswer: Bool,
        now: MonotonicTime
    ) -> (waiting: [Waiter], old: [SocketAddress]?) {
        guard var entry = entries[name], entry.isUnderWay else { return ([], nil) }
        lookups -= 1
        entry.isUnderWay = false
        let waiting = entry.waiting.map(\.waiter)
        entry.waiting = []
        if let addresses {
            entry.addresses = addresses
            entry.found = now
        } else if isAnswer {
            entry.found = nil
        }
        let old = entry.age(at: now).flatMap { $0 < Self.staleness ? entry.addresses : nil }
        entries[name] = old == nil ? nil : entry
        return (waiting, old)
    }

    /// A caller has waited for ``patience``.
    ///
    /// - Returns: its waiter and the old addresses; nil when it has its answer.
    mutating func fallBack(_ name: String, _ id: UInt64, now: MonotonicTime) -> (Waiter, [SocketAddress])? {
        guard var entry = entries[name], let age = entry.age(at: now), age < Self.staleness,
            let position = entry.waiting.firstIndex(where: { $0.id == id })
        else { return nil }
        let waiter = entry.waiting.remove(at: position).waiter
        entries[name] = entry
        return (waiter, entry.addresses)
    }

    private mutating func makeRoom(for name: String) {
        guard entries.count >= Self.maximumNames, entries[name] == nil else { return }
        let oldest = entries.filter { !$0.value.isUnderWay }.min { $0.value.asked < $1.value.asked }
        if let oldest { entries[oldest.key] = nil }
    }
}
