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

    /// Whether the caller may see an entry. One that cannot be read cannot be allowed.
    func shows(_ entry: UnsafeRawBufferPointer, to permits: Permits) -> Bool {
        guard let name = try? target(of: entry) else { return false }
        return name.withResolvedBytes {
            self == .resourceTemplates ? permits.allowsSome(kind, of: $0) : permits.allows(kind, $0)
        }
    }

    private func target(of entry: UnsafeRawBufferPointer) throws(JSONFault) -> JSONString? {
        var scanner = try JSONScanner(entry)
        guard scanner.next == .object else { return nil }
        try scanner.beginObject()
        var names = JSONNames()
        var found: JSONString?
        while let member = try scanner.nextMember(unique: &names) {
            if member == name, scanner.next == .string { found = try scanner.string() } else { try scanner.skip() }
        }
        try scanner.finish()
        return found
    }
}
