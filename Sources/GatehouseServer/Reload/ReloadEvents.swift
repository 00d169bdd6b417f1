internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore

/// A reload as the audit records it: one event for the file, and one for each access and route that it changes.
enum ReloadEvents {
    /// Events of one reload beside the first. What is beyond is counted in a last one.
    static let maximum = 200

    /// - Parameter changes: the parts of the file that differ.
    static func events(_ comparison: AccessComparison, _ changes: [String]) -> [AuditChange] {
        let all =
            comparison.gains.map { event(.accessGained, $0.route, $0.description) }
            + comparison.losses.map { event(.accessLost, $0.route, $0.asLoss) }
            + comparison.changes.map { event(.routeChanged, $0.route, $0.description) }
        let beyond = all.count - maximum
        return [event(.configReload, nil, changes.joined(separator: "; "))] + all.prefix(maximum)
            + (beyond > 0 ? [event(.configReload, nil, "and \(beyond) more changes, which no event names")] : [])
    }

    private static func event(_ action: AuditChange.Action, _ route: String?, _ words: String) -> AuditChange {
        var change = AuditChange(action, by: .gatehouse)
        change.route = route.flatMap { try? RouteName(parsing: $0) }
        change.target = words
        return change
    }
}
