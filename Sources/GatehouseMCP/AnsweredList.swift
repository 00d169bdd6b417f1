internal import GatehouseCore

/// A list in the result of an answer, entries of which a caller may not see.
enum AnsweredList: Sendable {
    case tools, prompts, resources, resourceTemplates

    /// The list that stands under this member of a result.
    init?(_ member: JSONString) {
        if member == "tools" {
            self = .tools
        } else if member == "prompts" {
            self = .prompts
        } else if member == "resources" {
            self = .resources
        } else if member == "resourceTemplates" {
            self = .resourceTemplates
        } else {
            return nil
        }
    }

    var kind: Policy.TargetKind {
        switch self {
        case .tools: .tool
        case .prompts: .prompt
        case .resources, .resourceTemplates: .resource
        }
    }

    /// The member of an entry that names it.
    private var name: StaticString {
        switch self {
        case .tools, .prompts: "name"
        case .resources: "uri"
        case .resourceTemplates: "uriTemplate"
        }
    }

    enum Verdict {
        case shown, hidden
        /// Nothing says which one it is, so nothing says that the caller may see it.
        case unreadable
    }

    /// Whether the caller may see an entry.
    ///
    /// - Parameters:
    ///   - pins: the tools as they were approved, on a route that pins them.
    ///   - seen: takes the tools of such a route, whoever may see them.
    func verdict(
        on entry: UnsafeRawBufferPointer,
        for permits: Permits,
        _ pins: RoutePins?,
        _ seen: inout SeenTools
    ) -> Verdict {
        guard self == .tools, permits.pinsTools else { return verdict(on: entry, for: permits) }
        guard let pins, let tool = ToolDefinition(entry: entry), seen.note(tool, among: pins) else {
            return .unreadable
        }
        return pins.shows(tool) ? verdict(on: entry, for: permits) : .hidden
    }

    private func verdict(on entry: UnsafeRawBufferPointer, for permits: Permits) -> Verdict {
        guard case .one(let name) = EntryMembers.find(name, in: entry) else { return .unreadable }
        let isShown = name.withResolvedBytes {
            self == .resourceTemplates ? permits.allowsSome(kind, of: $0) : permits.allows(kind, $0)
        }
        return isShown ? .shown : .hidden
    }
}
