/// The tools of one list as it is read.
package struct SeenTools: Sendable {
    /// Bytes of the definitions that are kept; tools beyond them are not read.
    package static let maximumBytes = PinBook.maximumBytes

    private var tools: [ToolName: ToolDefinition] = [:]
    private var count = 0

    package init() {}

    package var isEmpty: Bool { tools.isEmpty }
    package var all: [ToolDefinition] { Array(tools.values) }

    /// Notes a tool. Of two by one name that differ, the one that is not shown counts: which of them a client takes is not known.
    ///
    /// - Returns: false when there is no room for it.
    package mutating func note(_ tool: ToolDefinition, among pins: RoutePins) -> Bool {
        if let other = tools[tool.name] {
            if other.digest != tool.digest, pins.shows(other) { tools[tool.name] = tool }
            return true
        }
        guard tools.count < PinBook.maximumTools, count + tool.canonical.count <= Self.maximumBytes else {
            return false
        }
        count += tool.canonical.count
        tools[tool.name] = tool
        return true
    }

    /// The tools that are defined in another way than was seen last.
    package func news(to pins: RoutePins) -> [ToolDefinition] { tools.values.filter { pins.isNews($0) } }
}
