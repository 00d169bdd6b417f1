internal import GatehouseCore

extension MetricsText {
    mutating func addFleet(_ fleet: FleetStatus?) {
        guard let fleet else { return }
        let others = fleet.present.count { fleet.differs($0) }
        family(
            "gatehouse_fleet_instances",
            .gauge,
            "Instances that share the state, by whether they run the configuration of this one."
        )
        sample("gatehouse_fleet_instances", [("configuration", "same")], fleet.present.count - others)
        sample("gatehouse_fleet_instances", [("configuration", "other")], others)
        family(
            "gatehouse_fleet_failing",
            .gauge,
            "Whether the other instances could not be asked when that was last tried."
        )
        sample("gatehouse_fleet_failing", [], fleet.problem == nil ? 0 : 1)
    }
}
