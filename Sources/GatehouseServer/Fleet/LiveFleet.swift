internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens
internal import Synchronization

/// The reporter that joins this instance to its fleet, for as long as the configuration keeps state in that PostgreSQL. Nothing runs where it keeps it elsewhere.
final class LiveFleet: Sendable {
    /// Nil as a reporter where there is no fleet.
    struct Source: Sendable {
        fileprivate let place: Configuration.NamedStore?
        fileprivate let reporter: FleetReporter?
    }

    private struct State {
        var source: Source
        var task: Task<Void, Never>?
        var isRunning = false
    }

    private let state: Mutex<State>
    private let surroundings: FleetReporter.Surroundings

    /// - Parameter database: that of the configuration.
    init(
        _ configuration: Configuration,
        _ database: FleetDatabase?,
        _ surroundings: FleetReporter.Surroundings
    ) {
        self.surroundings = surroundings
        state = Mutex(State(source: Self.source(configuration, database, surroundings)))
    }

    func start() {
        state.withLock { state in
            state.isRunning = true
            state.task = state.source.reporter.map { reporter in Task { await reporter.run() } }
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
    var status: FleetStatus? { state.withLock { $0.source.reporter }?.status }

    /// Whether another instance is there, which new connections go to when this one ends.
    var hasOthers: Bool {
        guard let status else { return false }
        return status.present.contains { $0.card.id != status.own }
    }

    // MARK: - Another configuration

    /// Makes what joins the fleet of a new configuration; nil when that is in force. Nothing has changed yet.
    ///
    /// - Throws: ``TokenError`` when a master key cannot be read.
    func stage(_ configuration: Configuration) throws -> Source? {
        guard state.withLock({ $0.source.place }) != configuration.state else { return nil }
        return Self.source(configuration, try FleetAssembly.database(configuration), surroundings)
    }

    /// Goes over to a staged source.
    func commit(_ new: Source) {
        state.withLock { state in
            state.task?.cancel()
            state.source = new
            state.task = state.isRunning ? new.reporter.map { reporter in Task { await reporter.run() } } : nil
        }
    }

    private static func source(
        _ configuration: Configuration,
        _ database: FleetDatabase?,
        _ surroundings: FleetReporter.Surroundings
    ) -> Source {
        Source(
            place: configuration.state,
            reporter: database.map { FleetReporter($0, store: configuration.state?.name.text ?? "", surroundings) }
        )
    }
}
