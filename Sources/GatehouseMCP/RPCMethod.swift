package import GatehouseCore

/// The methods of MCP that mean something here. What is not among them passes: a gateway that refuses what it does not know
/// breaks the next version of the protocol.
package enum RPCMethod: UInt8, Sendable, CaseIterable {
    case toolsCall, promptsGet, resourcesRead, resourcesSubscribe
    case toolsList, promptsList, resourcesList
    case initialize, initialized, discover, ping
    case other

    package var name: StaticString {
        switch self {
        case .toolsCall: "tools/call"
        case .promptsGet: "prompts/get"
        case .resourcesRead: "resources/read"
        case .resourcesSubscribe: "resources/subscribe"
        case .toolsList: "tools/list"
        case .promptsList: "prompts/list"
        case .resourcesList: "resources/list"
        case .initialize: "initialize"
        case .initialized: "notifications/initialized"
        case .discover: "server/discover"
        case .ping: "ping"
        case .other: ""
        }
    }

    /// What kind of thing a call of this method is aimed at, nil for a method that no grant speaks of.
    package var calls: Policy.TargetKind? {
        switch self {
        case .toolsCall: .tool
        case .promptsGet: .prompt
        case .resourcesRead, .resourcesSubscribe: .resource
        case .toolsList, .promptsList, .resourcesList, .initialize, .initialized, .discover, .ping, .other: nil
        }
    }

    /// What the answer lists.
    package var lists: Policy.TargetKind? {
        switch self {
        case .toolsList: .tool
        case .promptsList: .prompt
        case .resourcesList: .resource
        case .toolsCall, .promptsGet, .resourcesRead, .resourcesSubscribe, .initialize, .initialized, .discover, .ping,
            .other:
            nil
        }
    }

    /// Whether `Mcp-Name` mirrors the call's target (2026-07-28, transports).
    var mirrorsTarget: Bool {
        switch self {
        case .toolsCall, .promptsGet, .resourcesRead: true
        case .resourcesSubscribe, .toolsList, .promptsList, .resourcesList, .initialize, .initialized, .discover, .ping,
            .other:
            false
        }
    }

    init(_ text: JSONString) {
        self = text.hasEscapes ? text.withResolvedBytes { Self.exact($0) } : Self.exact(text.raw)
    }

    private static func exact(_ bytes: UnsafeRawBufferPointer) -> RPCMethod {
        switch bytes.count {
        case 4: match(.ping, bytes)
        case 10:
            bytes[0] == 0x74
                ? (bytes[6] == 0x63 ? match(.toolsCall, bytes) : match(.toolsList, bytes)) : match(.initialize, bytes)
        case 11: match(.promptsGet, bytes)
        case 12: match(.promptsList, bytes)
        case 14: bytes[10] == 0x72 ? match(.resourcesRead, bytes) : match(.resourcesList, bytes)
        case 15: match(.discover, bytes)
        case 19: match(.resourcesSubscribe, bytes)
        case 25: match(.initialized, bytes)
        case _: .other
        }
    }

    private static func match(_ method: RPCMethod, _ bytes: UnsafeRawBufferPointer) -> RPCMethod {
        let name = method.name
        guard name.utf8CodeUnitCount == bytes.count else { return .other }
        for index in 0..<bytes.count where bytes[index] != name.utf8Start[index] { return .other }
        return method
    }

    /// Whether a lenient server could take the text, which names no method known here, for one that grants speak of: by
    /// reading letters without case, or leaving out white space or what follows a NUL.
    static func isLookalike(_ text: JSONString) -> Bool {
        if text.hasControlCharacters { return true }
        var folded = FoldedName(text)
        folded.trim()
        return allCases.contains { ($0.calls != nil || $0.lists != nil) && folded == $0.name }
    }
}
