/// The definitions of a route's tools that reach its callers (`pin`).
package struct ToolPinning: Hashable, Sendable {
    package enum Mode: String, Sendable, CaseIterable {
        /// Those that an operator has approved.
        case approved
        /// The definition of a tool that was seen first; one that differs from it waits for an operator.
        case firstUse = "first_use"
    }

    package static let defaultRefresh: Duration = .seconds(300)

    package let mode: Mode
    /// How often Gatehouse itself asks the upstream for its tools.
    package let refresh: Duration

    package init(_ mode: Mode, refresh: Duration = defaultRefresh) {
        self.mode = mode
        self.refresh = refresh
    }
}
