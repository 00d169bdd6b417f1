internal import GatehouseCore

extension MetricsText {
    mutating func addPins(_ pins: [RouteName: PinStatus]) {
        guard !pins.isEmpty else { return }
        let pins = pins.sorted { $0.key < $1.key }
        family("gatehouse_tools", .gauge, "Tools of routes with a pin, by what became of them.")
        for (route, status) in pins {
            let waiting = Dictionary(grouping: status.waiting, by: \.state).mapValues(\.count)
            let counts: [(PinBook.State, Int)] = [
                (.approved, status.approved), (.rejected, status.rejected), (.new, waiting[.new] ?? 0),
                (.changed, waiting[.changed] ?? 0),
            ]
            for (state, count) in counts {
                sample("gatehouse_tools", [("route", route.text), ("state", state.rawValue)], count)
            }
        }
        family(
            "gatehouse_tool_list_failing",
            .gauge,
            "Whether the upstream did not tell its tools when it was last asked."
        )
        for (route, status) in pins {
            sample("gatehouse_tool_list_failing", [("route", route.text)], status.listProblem == nil ? 0 : 1)
        }
    }
}
