internal import GatehouseCore
internal import GatehouseTokens
internal import Synchronization

/// Keeps the pins of all routes that have some: takes what lists say of tools, asks upstreams itself, and hands on what requests go by. What is seen counts
/// at once here, and everywhere once the store has it.
actor ToolPins {
    /// How often it is looked whether something is due, or another process has written.
    static let interval: Duration = .seconds(1)
    /// Upstreams that are asked at once.
    static let maximumAsking = 4
    /// The author of what nobody but a list has approved.
    static let actor = "gatehouse"

    typealias Ask = @Sendable (Route, RoutePins) async -> ToolInquiry.Answer

    /// The closures that are told of changes. Each is called on the actor, in order, and must not block.
    struct Listeners: Sendable {
        /// Every new set of pins.
        var onChange: @Sendable ([RouteName: RoutePins]) -> Void
        /// The tools of which this process was the first to keep another definition.
        var onSeen: @Sendable (RouteName, [PinBook.Change]) -> Void
        /// An upstream could not be asked, or could again.
        var onAsked: @Sendable (RouteName, ToolInquiry.Answer) -> Void
    }

    private let store: SealedTokenStore
    private let ask: Ask
    private let surroundings: TokenRefresher.Surroundings
    private let listeners: Listeners
    private var entries: [RouteName: PinEntry]
    private var handedOn: [RouteName: PinBook?] = [:]
    private var stamp: TokenChangeStamp?
    private var running = 0
    private let inbox = Mutex(PinInbox())
    private nonisolated let published: Mutex<(pins: [RouteName: RoutePins], status: [RouteName: PinStatus])>
    private nonisolated let waker = Waker()

    /// Reads nothing yet.
    init(
        _ routes: [(route: Route, isAsked: Bool)],
        store: SealedTokenStore,
        surroundings: TokenRefresher.Surroundings = .machine,
        ask: @escaping Ask,
        _ listeners: Listeners
    ) {
        self.store = store
        self.ask = ask
        self.surroundings = surroundings
        self.listeners = listeners
        let now = surroundings.uptime()
        entries = Dictionary(
            routes.compactMap { route, isAsked in
                route.pin.map { (route.name, PinEntry(route, $0, isAsked: isAsked, at: now)) }
            }
        ) { first, _ in first }
        published = Mutex(([:], entries.mapValues(\.status)))
    }

    /// The pins that requests are to go by. They may be read anywhere, at any time.
    nonisolated var pins: [RouteName: RoutePins] { published.withLock { $0.pins } }
    nonisolated var status: [RouteName: PinStatus] { published.withLock { $0.status } }

    /// Takes what a list that passed says; from any thread, and returns at once.
    nonisolated func saw(_ route: RouteName, _ tools: [ToolDefinition], hasChanged: Bool) {
        inbox.withLock { $0.put(route, tools, hasChanged: hasChanged) }
        waker.wake()
    }

    // MARK: - Running

    /// Keeps the pins until the task is cancelled.
    func run() async {
        await step()
        await waker.run(every: Self.interval, watching: store, surroundings) { await step() }
    }

    /// Reads the store, and nothing else: so that pins are there before the first request.
    func read() async {
        await readIfChanged()
        handOn()
    }

    private func step() async {
        takeInbox()
        handOn()
        await keepPending()
        await readIfChanged()
        beginDue()
        handOn()
    }

    private func takeInbox() {
        let taken = inbox.withLock { $0.take() }
        let now = surroundings.uptime()
        for (route, observations) in taken.observations {
            for observation in observations { entries[route]?.saw(observation, at: now) }
        }
        for route in taken.changed { entries[route]?.listChanged(at: now) }
    }

    private func keepPending() async {
        let uptime = surroundings.uptime()
        for (name, entry) in entries where entry.mayKeep(at: uptime) {
            entries[name]?.keeping(at: uptime)
            let (pending, mode, now) = (entry.pending, entry.pinning.mode, surroundings.wall.now())
            do throws(TokenError) {
                let (changes, kept) = try await store.changePins(of: name, by: Self.actor) { book in
                    pending.flatMap { book.saw($0.tools, isWhole: $0.isWhole, mode, at: now) }
                }
                entries[name]?.kept(pending.count, kept)
                if !changes.isEmpty { listeners.onSeen(name, changes) }
            } catch {
                entries[name]?.failed(error)
            }
        }
    }

    private func readIfChanged() async {
        do throws(TokenError) {
            let stamp = try await store.changeStamp()
            let isNew = stamp == nil || stamp != self.stamp
            for (name, entry) in entries where isNew || entry.book == nil {
                do throws(TokenError) {
                    if let kept = try await store.pins(of: name, beyond: entry.revision) { entries[name]?.read(kept) }
                } catch {
                    entries[name]?.failed(error)
                }
            }
            self.stamp = stamp
        } catch {
            for name in entries.keys { entries[name]?.failed(error) }
        }
    }

    private func beginDue() {
        let now = surroundings.uptime()
        let due = entries.filter { $0.value.isDue(at: now) }.sorted { $0.value.dueAt < $1.value.dueAt }
        for (name, entry) in due.prefix(Self.maximumAsking - running) {
            entries[name]?.asking(at: now)
            running += 1
            let pins = pins[name] ?? .empty
            Task { [ask] in self.answered(name, await ask(entry.route, pins)) }
        }
    }

    private func answered(_ name: RouteName, _ answer: ToolInquiry.Answer) {
        running -= 1
        let wasFailing = entries[name]?.status.listProblem != nil
        entries[name]?.answered(answer, at: surroundings.uptime(), wall: surroundings.wall.now())
        if answer.failure != nil || wasFailing || answer.unreadable > 0 { listeners.onAsked(name, answer) }
        waker.wake()
    }

    // MARK: - Handing on

    private func handOn() {
        let now = surroundings.wall.now()
        var changed = false
        var pins = pins
        for (name, entry) in entries {
            let book = entry.current(at: now)
            var status = entry.status
            status.isKnown = book != nil
            if let book { status.count(book) }
            published.withLock { $0.status[name] = status }
            guard handedOn[name] != .some(book) else { continue }
            handedOn[name] = .some(book)
            pins[name] = book.map { RoutePins($0, entry.pinning.mode) } ?? .empty
            changed = true
        }
        guard changed else { return }
        published.withLock { $0.pins = pins }
        listeners.onChange(pins)
    }
}
