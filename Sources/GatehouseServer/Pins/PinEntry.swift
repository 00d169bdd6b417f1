internal import GatehouseCore
internal import GatehouseTokens

/// One route's pins in this process: what the store has, what was seen beyond that, and when its upstream is asked next. No I/O.
struct PinEntry: Sendable {
    /// The least time between two questions to one upstream, however often it says that its list has changed.
    static let quietTime: Duration = .seconds(5)
    /// The time after a first failure; it doubles with each further one, up to the route's `refresh`.
    static let retryTime: Duration = .seconds(10)
    /// The least time between two changes of the store for one route: a server whose list is another one each time must not keep it busy.
    static let keepTime: Duration = .seconds(1)
    /// Observations that wait for the store; with more of them the oldest go, and the upstream is asked again.
    static let maximumPending = 64

    let route: Route
    let pinning: ToolPinning
    /// Whether the upstream can be asked: its token is not each person's own.
    let isAsked: Bool
    /// Nil while the store's is not known or cannot be trusted: nothing is approved then.
    private(set) var book: PinBook?
    private(set) var revision: Int64?
    private(set) var pending: [PinObservation] = []
    private(set) var isAsking = false
    private(set) var dueAt: Duration
    private var failures = 0
    private var askedAt: Duration?
    private var keptAt: Duration?
    var status: PinStatus

    init(_ route: Route, _ pinning: ToolPinning, isAsked: Bool, at now: Duration) {
        self.route = route
        self.pinning = pinning
        self.isAsked = isAsked
        dueAt = now
        status = PinStatus(pinning.mode)
    }

    // MARK: - Store

    mutating func read(_ kept: SealedTokenStore.KeptPins) {
        (book, revision) = (kept.book, kept.revision)
        (status.problem, status.hint) = (nil, nil)
    }

    mutating func failed(_ error: TokenError) {
        (status.problem, status.hint) = (error.message, error.hint)
        switch error.code {
        // What was known goes on.
        case .unavailable, .limit: break
        case _: (book, revision) = (nil, nil)
        }
    }

    func mayKeep(at now: Duration) -> Bool {
        !pending.isEmpty && book != nil && keptAt.map { now - $0 >= Self.keepTime } ?? true
    }

    mutating func keeping(at now: Duration) { keptAt = now }

    /// The store has taken the first of the pending observations.
    mutating func kept(_ count: Int, _ kept: SealedTokenStore.KeptPins) {
        pending.removeFirst(min(count, pending.count))
        read(kept)
    }

    /// The book as it is known, with the parts that the store does not have yet.
    func current(at now: Timestamp) -> PinBook? {
        guard var book else { return nil }
        for observation in pending { book.saw(observation.tools, isWhole: observation.isWhole, pinning.mode, at: now) }
        return book
    }

    // MARK: - Seeing

    mutating func saw(_ observation: PinObservation, at now: Duration) {
        pending.append(observation)
        guard pending.count > Self.maximumPending else { return }
        pending.removeFirst()
        listChanged(at: now)
    }

    mutating func listChanged(at now: Duration) {
        dueAt = min(dueAt, max(now, (askedAt ?? now - Self.quietTime) + Self.quietTime))
    }

    func isDue(at now: Duration) -> Bool { isAsked && !isAsking && now >= dueAt }

    mutating func asking(at now: Duration) {
        isAsking = true
        askedAt = now
        // A change that is heard of meanwhile is asked about again.
        dueAt = now + pinning.refresh
    }

    mutating func answered(_ answer: ToolInquiry.Answer, at now: Duration, wall: Timestamp) {
        isAsking = false
        if !answer.tools.isEmpty || answer.failure == nil {
            saw(PinObservation(tools: answer.tools, isWhole: answer.failure == nil), at: now)
        }
        status.listProblem = answer.failure?.message
        guard answer.failure != nil else {
            failures = 0
            status.listedAt = wall
            return
        }
        let wait = Self.retryTime * (1 << min(failures, 10))
        failures += 1
        dueAt = min(dueAt, now + min(wait, pinning.refresh))
    }
}
