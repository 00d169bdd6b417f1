package import GatehouseAudit
package import GatehouseCore

extension AuditChange {
    /// The event of a tool of which another definition counts, as a list has said; nil for one that only waits: it was never of use to anybody.
    package init?(_ change: PinBook.Change, on route: RouteName) {
        switch change.state {
        case .new: return nil
        case .approved where change.isFirst: self.init(.toolApprove, by: .gatehouse)
        case .approved, .changed, .rejected: self.init(.toolChange, by: .gatehouse)
        }
        self.route = route
        target = Self.target(change)
    }

    /// The event of an operator's judgement.
    package init(_ change: PinBook.Change, on route: RouteName, by author: Author) {
        self.init(change.state == .rejected ? .toolReject : .toolApprove, by: author)
        self.route = route
        target = Self.target(change)
    }

    private static func target(_ change: PinBook.Change) -> String {
        "\(change.tool) \(change.state == .approved ? "as" : change.state.rawValue) \(change.digest)"
    }
}
