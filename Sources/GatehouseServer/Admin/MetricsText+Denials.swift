internal import GatehouseCore

extension MetricsText {
    mutating func addDenials(_ denials: DenyStatus?) {
        guard let denials else { return }
        family("gatehouse_denials", .gauge, "Callers whom operators deny by command.")
        sample("gatehouse_denials", [], denials.entries?.count ?? 0)
        family(
            "gatehouse_denials_failing",
            .gauge,
            "Whether the deny entries could not be read when that was last tried."
        )
        sample("gatehouse_denials_failing", [], denials.problem == nil && denials.entries != nil ? 0 : 1)
    }
}
