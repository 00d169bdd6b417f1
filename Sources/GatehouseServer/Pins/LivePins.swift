internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens
internal import Logging
internal import Synchronization

/// The pins of the routes that have some, and what keeps them, for as long as the configuration has these routes. Nothing runs where it has none.
final class LivePins: Sendable {
    /// Nil as pins where no route has some.
    struct Source: Sendable {
        let id: Int
        let pins: ToolPins?
    }

    private struct State {
        var source = Source(id: 0, pins: nil)
        var task: Task<Void, Never>?
        var lastID = 0
    }

    private let state = Mutex(State())
    private let version: String
    private let tokens: @Sendable () -> [TokenName: TokenValue]
    private let publish: @Sendable ([RouteName: RoutePins]) -> Void
    private let record: @Sendable (RouteName, PinBook.Change) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - tokens: those that requests are given.
    ///   - publish: called with the pins of all routes, in order; must not block.
    ///   - record: called with each tool of which another definition was kept first by this process; must not block.
    /// - Throws: ``TokenError`` when a master key cannot be read.
    init(
        _ configuration: Configuration,
        version: String,
        logger: Logger,
        tokens: @escaping @Sendable () -> [TokenName: TokenValue],
        publish: @escaping @Sendable ([RouteName: RoutePins]) -> Void,
        record: @escaping @Sendable (RouteName, PinBook.Change) -> Void
    ) throws {
        self.version = version
        self.logger = logger
        self.tokens = tokens
        self.publish = publish
        self.record = record
        let source = try source(for: configuration)
        state.withLock { $0.source = source }
    }

    /// Returns when what is kept was read. Upstreams are asked meanwhile, and may be down.
    func start() async {
        guard let pins = state.withLock({ $0.source.pins }) else { return }
        await pins.read()
        state.withLock { $0.task = Task { await pins.run() } }
    }

    func stop() {
        state.withLock { state in
            state.task?.cancel()
            state.task = nil
        }
    }

    /// For the status page and the metrics.
    var status: [RouteName: PinStatus] { state.withLock { $0.source.pins }?.status ?? [:] }

    /// Takes what a list that passed says: for event loops, as ``ProxyLoop/ToolNews`` says.
    func saw(_ route: Route, _ tools: [ToolDefinition], hasChanged: Bool) {
        state.withLock { $0.source.pins }?.saw(route.name, tools, hasChanged: hasChanged)
    }

    // MARK: - Another configuration

    /// Makes and reads what a new configuration asks for. Nothing has changed yet.
    ///
    /// - Throws: ``GatehouseError`` when the store cannot be read, `TokenError` when a master key cannot be.
    func stage(_ configuration: Configuration) async throws -> Source {
        let new = try source(for: configuration)
        guard let pins = new.pins else { return new }
        await pins.read()
        if let (name, status) = pins.status.first(where: { $0.value.problem != nil }), pins.pins[name] == nil {
            throw GatehouseError(
                .unusable,
                "the pins of the route '\(name)' cannot be read: \(status.problem ?? "")",
                hint: status.hint
            )
        }
        return new
    }

    /// Puts a staged source in force, before the routes that it is for.
    func commit(_ new: Source) {
        let old = state.withLock { state in
            let old = state.task
            state.source = new
            state.task = new.pins.map { pins in Task { await pins.run() } }
            return old
        }
        old?.cancel()
        publish(new.pins?.pins ?? [:])
    }

    private func source(for configuration: Configuration) throws -> Source {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        guard let store = try PinAssembly.store(configuration) else { return Source(id: id, pins: nil) }
        let pins = ToolPins(
            PinAssembly.routes(configuration),
            store: store,
            ask: { [tokens, version] route, pins in
                await ToolInquiry.ask(route, among: pins, tokens: tokens(), version: version)
            },
            ToolPins.Listeners(
                onChange: { [weak self] in self?.took($0, from: id) },
                onSeen: { [weak self] in self?.told($0, $1) },
                onAsked: { [weak self] in self?.told($0, $1) }
            )
        )
        return Source(id: id, pins: pins)
    }

    /// Lets the pins of the source in force through, and no other's.
    private func took(_ pins: [RouteName: RoutePins], from id: Int) {
        guard state.withLock({ $0.source.id == id }) else { return }
        publish(pins)
    }

    private func told(_ route: RouteName, _ changes: [PinBook.Change]) {
        for change in changes {
            let metadata: Logger.Metadata = [
                "route": "\(route)", "tool": "\(change.tool)", "tool.digest": "\(change.digest.short)",
            ]
            switch change.state {
            case .changed:
                logger.warning("a tool is not what was approved of it any more, and is withheld", metadata: metadata)
            case .new: logger.notice("a tool waits for its approval, and is withheld", metadata: metadata)
            case .approved: logger.info("a tool is as it was approved", metadata: metadata)
            case .rejected: logger.notice("a tool is as it was rejected, and is withheld", metadata: metadata)
            }
            record(route, change)
        }
    }

    private func told(_ route: RouteName, _ answer: ToolInquiry.Answer) {
        var metadata: Logger.Metadata = ["route": "\(route)"]
        if let failure = answer.failure {
            metadata["problem"] = "\(failure.message)"
            if let advice = failure.advice { metadata["remedy"] = "\(advice)" }
            logger.warning("an upstream does not tell its tools: those that were seen last count", metadata: metadata)
        } else {
            metadata["tools"] = "\(answer.tools.count)"
            logger.info("an upstream has told its tools", metadata: metadata)
        }
        if answer.unreadable > 0 {
            metadata["entries"] = "\(answer.unreadable)"
            logger.warning("tools that two readers could take for different ones are withheld", metadata: metadata)
        }
    }
}
