internal import GatehouseCore

extension Finding {
    /// The tools of a route that wait for an operator, and what keeps its pins from being known; nil where all is well.
    static func pins(_ route: RouteName, _ status: PinStatus, uptime: Duration) -> Finding? {
        if let problem = status.problem {
            return Finding(.pins, status.isKnown ? .warn : .fail, route.text, problem, advice: status.hint)
        }
        guard status.waiting.isEmpty else {
            let shown = status.waiting.prefix(5).map {
                "\(HiddenText.shown($0.tool.description)) (\($0.state.rawValue))"
            }
            let more = status.waiting.count - shown.count
            return Finding(
                .pins,
                .warn,
                route.text,
                "tools are withheld until they are approved: \(shown.joined(separator: ", "))"
                    + (more > 0 ? " and \(more) more" : ""),
                advice: "gatehouse pins diff \(route), then gatehouse pins approve or reject"
            )
        }
        guard let problem = status.listProblem, uptime >= InstanceFacts.patience else { return nil }
        return Finding(
            .pins,
            .warn,
            route.text,
            "its upstream does not tell its tools: \(problem); those that were seen last count",
            advice: "gatehouse pins refresh \(route)"
        )
    }
}
