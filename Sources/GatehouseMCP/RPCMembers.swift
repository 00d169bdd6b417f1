internal import GatehouseCore

/// The member names that decide what a message means, at the two levels where they do.
enum RPCMember: UInt8, CaseIterable {
    case jsonrpc, id, method, params, result, error
    case name, uri, arguments
    case other

    enum Level {
        case message, parameters
    }

    var text: StaticString {
        switch self {
        case .jsonrpc: "jsonrpc"
        case .id: "id"
        case .method: "method"
        case .params: "params"
        case .result: "result"
        case .error: "error"
        case .name: "name"
        case .uri: "uri"
        case .arguments: "arguments"
        case .other: ""
        }
    }

    /// The known names that a text of this length could be.
    @inline(__always)
    static func candidate(_ level: Level, _ raw: UnsafeRawBufferPointer) -> RPCMember {
        switch (level, raw.count) {
        case (.message, 2): .id
        case (.message, 5): .error
        case (.message, 6): raw[0] == 0x6D ? .method : raw[0] == 0x70 ? .params : .result
        case (.message, 7): .jsonrpc
        case (.parameters, 3): .uri
        case (.parameters, 4): .name
        case (.parameters, 9): .arguments
        case _: .other
        }
    }

    static func isLookalike(_ name: JSONString, _ level: Level) -> Bool {
        if name.hasControlCharacters { return true }
        let folded = FoldedName(name)
        return level == .message
            ? folded == "id" || folded == "error" || folded == "method" || folded == "params" || folded == "result"
                || folded == "jsonrpc"
            : folded == "uri" || folded == "name" || folded == "arguments"
    }
}

/// Walks the members of one object: names a known one exactly, refuses one that stands twice or that a lenient reader could
/// take for a known one.
struct RPCMembers {
    private let level: RPCMember.Level
    private var seen: UInt16 = 0
    /// The names that are not known. Made only when there is one.
    private var others: JSONNames?

    init(_ level: RPCMember.Level) { self.level = level }

    mutating func next(_ scanner: inout JSONScanner) throws(RPCFault) -> RPCMember? {
        let start = scanner.offset
        guard let name = try json({ () throws(JSONFault) in try scanner.nextMember() }) else { return nil }
        let candidate = RPCMember.candidate(level, name.raw)
        if candidate != .other, !name.hasEscapes, name == candidate.text {
            let bit: UInt16 = 1 << UInt16(candidate.rawValue)
            guard seen & bit == 0 else { throw RPCFault(.json(JSONFault.Code.duplicateMember.rawValue), at: start) }
            seen |= bit
            return candidate
        }
        guard !RPCMember.isLookalike(name, level) else { throw RPCFault(.lookalike, at: start) }
        switch others?.insert(name) {
        case .new: return .other
        case .duplicate: throw RPCFault(.json(JSONFault.Code.duplicateMember.rawValue), at: start)
        case .full: throw RPCFault(.json(JSONFault.Code.tooManyMembers.rawValue), at: start)
        case nil:
            var names = JSONNames()
            _ = names.insert(name)
            others = names
            return .other
        }
    }
}

/// Carries a fault of the scanner over into one of the gate.
@inline(__always)
func json<Value>(_ body: () throws(JSONFault) -> Value) throws(RPCFault) -> Value {
    do throws(JSONFault) { return try body() } catch { throw RPCFault(error) }
}
