/// The state of one route's tools: which definition of each was approved, and which was seen last. A pure value, kept in the store and shared by all
/// instances.
package struct PinBook: Sendable, Equatable {
    /// Tools of a route; further ones are not kept, and so not approved.
    package static let maximumTools = 1000
    /// Bytes of the definitions that are kept. Of one that goes beyond them the digest alone is kept: it counts all the same, and cannot be shown.
    package static let maximumBytes = 4 << 20

    package struct Approval: Sendable, Equatable {
        package let digest: ToolDigest
        package let canonical: [UInt8]
        package let by: String
        package let at: Timestamp
    }

    package struct Waiting: Sendable, Equatable {
        package let digest: ToolDigest
        package let canonical: [UInt8]
        /// When it was first seen.
        package let since: Timestamp
    }

    package struct Rejection: Sendable, Equatable {
        package let digest: ToolDigest
        package let by: String
        package let at: Timestamp
    }

    package struct Pin: Sendable, Equatable {
        package var approved: Approval?
        /// The definition that was seen last, where it is not the approved one.
        package var waiting: Waiting?
        /// The last definition that an operator refused.
        package var rejected: Rejection?

        package var seen: ToolDigest? { waiting?.digest ?? approved?.digest }

        package var state: State {
            guard let waiting else { return .approved }
            if waiting.digest == rejected?.digest { return .rejected }
            return approved == nil ? .new : .changed
        }
    }

    package enum State: String, Sendable, CaseIterable {
        case approved
        /// Never approved, and waits.
        case new
        /// Another definition than the approved one was seen, and waits.
        case changed
        case rejected

        package var waits: Bool { self == .new || self == .changed }
    }

    package internal(set) var pins: [ToolName: Pin] = [:]

    package init() {}

    package var isFull: Bool { pins.count >= Self.maximumTools }

    /// The tools that wait for an operator, by name.
    package var waiting: [ToolName] { pins.filter { $0.value.state.waits }.keys.sorted() }

    package struct Change: Sendable, Equatable {
        package let tool: ToolName
        package let state: State
        package let digest: ToolDigest
        /// Whether the tool was never seen before.
        package var isFirst = false
    }

    // MARK: - Seeing

    /// A list was seen.
    ///
    /// - Parameters:
    ///   - isWhole: whether it is all that the upstream lists; then what nobody has judged and is not in it is forgotten.
    /// - Returns: the tools of which another definition counts now.
    @discardableResult
    package mutating func saw(
        _ tools: [ToolDefinition],
        isWhole: Bool,
        _ mode: ToolPinning.Mode,
        at now: Timestamp
    ) -> [Change] {
        if isWhole {
            let listed = Set(tools.lazy.map(\.name))
            for (name, pin) in pins where pin.approved == nil && pin.rejected == nil && !listed.contains(name) {
                pins[name] = nil
            }
        }
        return tools.sorted { $0.name < $1.name }.compactMap { saw($0, mode, at: now) }
    }

    private mutating func saw(_ tool: ToolDefinition, _ mode: ToolPinning.Mode, at now: Timestamp) -> Change? {
        guard var pin = pins[tool.name] else {
            guard !isFull else { return nil }
            var pin = Pin()
            let canonical = kept(tool)
            if mode == .firstUse {
                pin.approved = Approval(digest: tool.digest, canonical: canonical, by: Self.firstUse, at: now)
            } else {
                pin.waiting = Waiting(digest: tool.digest, canonical: canonical, since: now)
            }
            pins[tool.name] = pin
            return Change(tool: tool.name, state: pin.state, digest: tool.digest, isFirst: true)
        }
        guard pin.seen != tool.digest else { return nil }
        pins[tool.name]?.waiting = nil
        pin.waiting =
            pin.approved?.digest == tool.digest
            ? nil : Waiting(digest: tool.digest, canonical: kept(tool), since: now)
        pins[tool.name] = pin
        return Change(tool: tool.name, state: pin.state, digest: tool.digest)
    }

    private func kept(_ tool: ToolDefinition) -> [UInt8] {
        let count = pins.values.reduce(0) {
            $0 + ($1.approved?.canonical.count ?? 0) + ($1.waiting?.canonical.count ?? 0)
        }
        return count + tool.canonical.count <= Self.maximumBytes ? tool.canonical : []
    }

    /// The author of what nobody approved but the first list.
    package static let firstUse = "first_use"

    // MARK: - Judging

    /// Approves the definition of a tool that waits or was rejected.
    ///
    /// - Returns: nil, and nothing changes, where there is none.
    package mutating func approve(_ tool: ToolName, by actor: String, at now: Timestamp) -> Change? {
        guard var pin = pins[tool], let waiting = pin.waiting else { return nil }
        pin.approved = Approval(digest: waiting.digest, canonical: waiting.canonical, by: actor, at: now)
        pin.waiting = nil
        if pin.rejected?.digest == waiting.digest { pin.rejected = nil }
        pins[tool] = pin
        return Change(tool: tool, state: .approved, digest: waiting.digest)
    }

    /// Refuses the definition of a tool that waits. Of a tool that is approved the approval is taken back.
    ///
    /// - Returns: nil, and nothing changes, where nothing is known of the tool or it was refused already.
    package mutating func reject(_ tool: ToolName, by actor: String, at now: Timestamp) -> Change? {
        guard var pin = pins[tool], pin.state != .rejected, let seen = pin.seen else { return nil }
        if pin.waiting == nil, let approved = pin.approved {
            pin.waiting = Waiting(digest: approved.digest, canonical: approved.canonical, since: approved.at)
            pin.approved = nil
        }
        pin.rejected = Rejection(digest: seen, by: actor, at: now)
        pins[tool] = pin
        return Change(tool: tool, state: .rejected, digest: seen)
    }
}
