internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens
internal import Synchronization

/// Tells the other instances of a fleet that this one is there, and exchanges with them what callers have spent of rates that hold for all together.
actor FleetReporter {
    /// Time between two exchanges of counts.
    static let exchangeInterval: Duration = .seconds(1)
    /// Rounds of that between two reports.
    static let roundsPerReport = 2

    /// How long the end of an instance waits for the database to take its row away.
    static let farewell: Duration = .seconds(1)

    /// The closures by which the reporter asks the instance. Each may be called at any time.
    struct Surroundings: Sendable {
        var uptime: @Sendable () -> Duration
        var card: @Sendable () -> InstanceCard
        /// Whether some route has a rate of the fleet.
        var exchangesRates: @Sendable () -> Bool
        /// Takes what callers have spent since the last call.
        var spending: @Sendable () async -> [UInt: UInt64]
        /// Takes what callers have spent at others out of their buckets here.
        var debit: @Sendable ([UInt: UInt64]) -> Void
    }

    private let database: FleetDatabase
    private let surroundings: Surroundings
    private var ledger = RateLedger()
    private var round = 0
    private var differsSince: Duration?
    private var exchangedAt: Duration?
    private nonisolated let published: Mutex<FleetStatus>

    /// - Parameter store: the name of the database's store.
    init(_ database: FleetDatabase, store: String, _ surroundings: Surroundings) {
        self.database = database
        self.surroundings = surroundings
        published = Mutex(FleetStatus(own: surroundings.card().id, store: store))
    }

    /// The status, which may be read anywhere, at any time.
    nonisolated var status: FleetStatus { published.withLock { $0 } }

    /// Reports until the task is cancelled, and then says that the instance is gone.
    func run() async {
        repeat { await step() } while (try? await Task.sleep(for: Self.exchangeInterval)) != nil
        let (database, id) = (database, surroundings.card().id)
        // This task is cancelled, and what it calls would be too.
        let leaving = Task {
            _ = try? await database.leave(id)
            await database.close()
        }
        // A database that says nothing holds up no end: the others see that this one is silent.
        let bound = Task {
            if (try? await Task.sleep(for: Self.farewell)) != nil { leaving.cancel() }
        }
        await leaving.value
        bound.cancel()
    }

    /// One round of ``run()``.
    func step() async {
        if round % Self.roundsPerReport == 0 { await report() }
        round += 1
        if surroundings.exchangesRates() {
            await exchange()
        } else if exchangedAt != nil {
            (ledger, exchangedAt) = (RateLedger(), nil)
        }
        let age = exchangedAt.map { surroundings.uptime() - $0 }
        published.withLock { $0.ratesAge = age }
    }

    private func report() async {
        do throws(TokenError) {
            let card = surroundings.card()
            let (instances, strangers) = try await database.report(card)
            let now = surroundings.uptime()
            published.withLock { status in
                (status.instances, status.strangers) = (instances, strangers)
                (status.problem, status.hint) = (nil, nil)
            }
            let differs = status.present.contains { status.differs($0) }
            differsSince = differs ? differsSince ?? now : nil
            let time = differsSince.map { now - $0 }
            published.withLock { $0.differsFor = time }
        } catch {
            published.withLock { ($0.problem, $0.hint) = (error.message, error.hint) }
        }
    }

    private func exchange() async {
        ledger.spent(await surroundings.spending(), at: surroundings.uptime())
        do throws(TokenError) {
            let (sums, time) = try await database.exchange(ledger.news, of: surroundings.card().id)
            let now = surroundings.uptime()
            let others = sums.map {
                RateLedger.Other(instance: $0.instance, owner: $0.owner, spent: $0.spent, madeAt: $0.madeAt)
            }
            let growths = ledger.exchanged(others, databaseTime: time, at: now)
            exchangedAt = now
            if !growths.isEmpty { surroundings.debit(growths) }
        } catch {
            ledger.failed()
            published.withLock { ($0.problem, $0.hint) = (error.message, error.hint) }
        }
    }
}
