internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens
internal import Logging
internal import Synchronization

/// The reporter that joins this instance to its fleet, for as long as the configuration keeps state in that PostgreSQL. Nothing runs where it keeps it elsewhere.
final class LiveFleet: Sendable {
    private struct State {
        var place: Configuration.NamedStore?
        var reporter: FleetReporter?
        var task: Task<Void, Never>?
        var isRunning = false
    }

    private let state: Mutex<State>
    private let surroundings: FleetReporter.Surroundings
    private let logger: Logger

    /// - Parameter database: that of the configuration.
    init(
        _ configuration: Configuration,
        _ database: FleetDatabase?,
        logger: Logger,
        _ surroundings: FleetReporter.Surroundings
    ) {
        self.surroundings = surroundings
        self.logger = logger
        state = Mutex(
            State(
                place: configuration.state,
                reporter: database.map {
                    FleetReporter($0, store: configuration.state?.name.text ?? "", surroundings)
                }
            )
        )
    }

    func start() {
        state.withLock { state in
            state.isRunning = true
            state.task = state.reporter.map { reporter in Task { await reporter.run() } }
        }
    }

    /// Returns when the others were told that this instance is gone, or could not be.
    func stop() async {
        let task = state.withLock { state in
            state.isRunning = false
            defer { state.task = nil }
            return state.task
        }
        task?.cancel()
        await task?.value
    }

    /// Nil where there is no fleet.
    var status: FleetStatus? { state.withLock { $0.reporter }?.status }

    /// Whether another instance is there, which new connections go to when this one ends.
    var hasOthers: Bool {
        guard let status else { return false }
        return status.present.contains { $0.card.id != status.own }
    }

    /// Goes over to the database of another configuration, which is in force already.
    func follow(_ configuration: Configuration) {
        guard state.withLock({ $0.place }) != configuration.state else { return }
        let database: FleetDatabase?
        do { database = try FleetAssembly.database(configuration) } catch {
            return logger.warning("the fleet is not joined", metadata: ["problem": "\(error)"])
        }
        state.withLock { state in
            state.task?.cancel()
            state.place = configuration.state
            state.reporter = database.map {
                FleetReporter($0, store: configuration.state?.name.text ?? "", surroundings)
            }
            state.task = state.isRunning ? state.reporter.map { reporter in Task { await reporter.run() } } : nil
        }
    }
}
