internal import GatehouseCore

/// Tools as an upstream listed them.
struct PinObservation: Sendable {
    let tools: [ToolDefinition]
    /// Whether these are all that it lists.
    let isWhole: Bool

    var count: Int { tools.reduce(0) { $0 + $1.canonical.count } }
}

/// Observations that event loops hand over, until the control plane takes them. Beyond its bound none is kept, and the upstream is asked instead.
struct PinInbox: Sendable {
    /// Bytes of definitions.
    static let maximumBytes = 8 << 20

    private(set) var observations: [RouteName: [PinObservation]] = [:]
    /// Routes whose upstream is to be asked soon.
    private(set) var changed: Set<RouteName> = []
    private var count = 0

    mutating func put(_ route: RouteName, _ tools: [ToolDefinition], hasChanged: Bool) {
        if hasChanged { changed.insert(route) }
        guard !tools.isEmpty else { return }
        let observation = PinObservation(tools: tools, isWhole: false)
        guard count + observation.count <= Self.maximumBytes else {
            changed.insert(route)
            return
        }
        count += observation.count
        observations[route, default: []].append(observation)
    }

    mutating func take() -> PinInbox {
        defer { self = PinInbox() }
        return self
    }
}
