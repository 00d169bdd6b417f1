internal import GatehouseCore
internal import GatehouseTokens

/// The fleet as one of its instances sees it.
struct FleetStatus: Sendable, Equatable {
    /// How long an instance may say nothing before it counts as gone.
    static let silence: Duration = .seconds(15)

    /// The id of the instance that looks.
    let own: String
    /// The store through which they know each other.
    let store: String
    /// All of them, this one included; those that are gone stay for a while.
    var instances: [SeenInstance] = []
    /// Rows that no instance of the fleet has written.
    var strangers = 0
    /// Why the others cannot be asked now.
    var problem: String?
    var hint: String?
    /// How long an instance has been running another configuration than this one.
    var differsFor: Duration?
    /// How long ago counts were last exchanged; nil where no route has a rate of the fleet, or they never were.
    var ratesAge: Duration?

    func isGone(_ instance: SeenInstance) -> Bool { instance.age > Self.silence }

    /// The ones that run.
    var present: [SeenInstance] { instances.filter { !isGone($0) } }

    /// Whether it runs another configuration than the instance that looks.
    func differs(_ instance: SeenInstance) -> Bool {
        instance.card.configuration != instances.first { $0.card.id == own }?.card.configuration
    }
}
