internal import GatehouseCore
internal import GatehouseTokens

extension FleetStatus {
    /// How long instances may run different configurations: a change reaches them one after the other.
    static let patience: Duration = .seconds(60)

    /// Nil where all is well.
    ///
    /// - Parameter storeIsDown: whether the same is said of a store.
    func finding(storeIsDown: Bool) -> Finding? {
        if let problem {
            guard !storeIsDown else { return nil }
            return Finding(
                .fleet,
                .warn,
                store,
                "the other instances cannot be asked: \(problem); rates of the fleet are this instance's own meanwhile",
                advice: hint
            )
        }
        guard let differsFor, differsFor >= Self.patience else { return nil }
        let others = present.filter(differs).map { "\($0.card.name) (\($0.card.configuration.prefix(12)))" }
        return Finding(
            .fleet,
            .warn,
            store,
            "instances run another configuration: \(others.joined(separator: ", "))",
            advice: "bring the same file to every machine, and gatehouse reload there"
        )
    }
}
