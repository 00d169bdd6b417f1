internal import GatehouseCore

/// The member names that decide what a message means, at the levels where they do.
enum RPCMember: UInt8, CaseIterable {
    case jsonrpc, id, method, params, result, error
    case name, uri, arguments, ref, type
    case notifications, resourceSubscriptions, taskIDs
    case meta, task, taskID, requestState
    case other

    /// An object and the names that mean something in it. Other members of a method are not judged.
    enum Level {
        case message
        /// The params of `tools/call` and `prompts/get`; of `resources/read`, `subscribe` and `unsubscribe`; of `completion/complete`; of
        /// `subscriptions/listen`; of `tasks/get` and its like.
        case call, resource, completion, listening, task
        /// `ref` of `completion/complete`; `notifications` of `subscriptions/listen`.
        case reference, notifications
    }

    /// The known name that a text without escapes is.
    @inline(__always)
    init(_ name: JSONString, _ level: Level) {
        self =
            switch (level, name.range.count) {
            case (.message, 2) where name == "id": .id
            case (.message, 5) where name == "error": .error
            case (.message, 6) where name == "method": .method
            case (.message, 6) where name == "params": .params
            case (.message, 6) where name == "result": .result
            case (.message, 7) where name == "jsonrpc": .jsonrpc
            case (.call, 4) where name == "name": .name
            case (.call, 4) where name == "task": .task
            case (.call, 5) where name == "_meta", (.call, 4) where name == "meta": .meta
            case (.call, 9) where name == "arguments": .arguments
            case (.call, 12) where name == "requestState": .requestState
            case (.resource, 3) where name == "uri": .uri
            case (.resource, 5) where name == "_meta", (.resource, 4) where name == "meta": .meta
            case (.resource, 12) where name == "requestState": .requestState
            case (.completion, 3) where name == "ref": .ref
            case (.completion, 5) where name == "_meta", (.completion, 4) where name == "meta": .meta
            case (.task, 5) where name == "_meta", (.task, 4) where name == "meta": .meta
            case (.task, 6) where name == "taskId": .taskID
            case (.task, 7) where name == "taskIds": .taskIDs
            case (.listening, 5) where name == "_meta", (.listening, 4) where name == "meta": .meta
            case (.listening, 13) where name == "notifications": .notifications
            case (.reference, 3) where name == "uri": .uri
            case (.reference, 4) where name == "name": .name
            case (.reference, 4) where name == "type": .type
            case (.notifications, 7) where name == "taskIds": .taskIDs
            case (.notifications, 21) where name == "resourceSubscriptions": .resourceSubscriptions
            case _: .other
            }
    }

    /// Whether a known name has this length.
    private static func hasLength(_ level: Level, _ count: Int) -> Bool {
        switch (level, count) {
        case (.message, 2), (.message, 5...7), (.call, 4), (.call, 9), (.resource, 3), (.completion, 3),
            (.listening, 13), (.reference, 3), (.reference, 4), (.notifications, 21), (.notifications, 7), (.task, 6),
            (.task, 7),
            (.call, 12), (.resource, 12), (.call, 5), (.resource, 5), (.completion, 5), (.listening, 5), (.task, 5),
            (.resource, 4),
            (.completion, 4), (.listening, 4), (.task, 4):
            true
        case _: false
        }
    }

    /// `_meta`, or the name of the attribute that holds it in models that may be filled by these names, too (pydantic).
    static func isMeta(_ folded: FoldedName) -> Bool { folded == "_meta" || folded == "meta" }

    /// Whether a name is another spelling of a member that may be missing. SDKs write such members as `null` under the names of their
    /// attributes; to every reader that is none, so it can stand for nothing else than what was read.
    static func mayBeNull(_ name: JSONString, _ level: Level) -> Bool {
        guard !name.hasControlCharacters else { return false }
        let folded = FoldedName(name)
        return switch level {
        case .message, .reference: false
        case .call, .resource: folded == "requestState" || isMeta(folded)
        case .completion, .listening: isMeta(folded)
        case .task: folded == "taskIds" || isMeta(folded)
        case .notifications: folded == "resourceSubscriptions" || folded == "taskIds"
        }
    }

    static func isLookalike(_ name: JSONString, _ level: Level) -> Bool {
        // Folding keeps the length of what is plain, so a name of another length than any known one is none of them.
        if !name.hasEscapes, !hasLength(level, name.range.count), name.isPlainName { return false }
        if name.hasControlCharacters { return true }
        let folded = FoldedName(name)
        return switch level {
        case .message:
            folded == "id" || folded == "error" || folded == "method" || folded == "params" || folded == "result"
                || folded == "jsonrpc"
        case .call: folded == "name" || folded == "arguments" || folded == "requestState" || isMeta(folded)
        case .resource: folded == "uri" || folded == "requestState" || isMeta(folded)
        case .completion: folded == "ref" || isMeta(folded)
        case .listening: folded == "notifications" || isMeta(folded)
        case .task: folded == "taskId" || folded == "taskIds" || isMeta(folded)
        case .reference: folded == "uri" || folded == "name" || folded == "type"
        case .notifications: folded == "resourcesubscriptions" || folded == "taskIds"
        }
    }
}

/// Visits the members of one object: names a known one exactly, refuses one that stands twice or that a lenient reader could take for a known one.
struct RPCMembers {
    private let level: RPCMember.Level
    private var seen: UInt32 = 0
    /// The first name that is not known, and all of them once there is another.
    private var other: JSONString?
    private var others: JSONNames?

    init(_ level: RPCMember.Level) { self.level = level }

    mutating func next(_ scanner: inout RPCScanner) throws(RPCFault) -> RPCMember? {
        let start = scanner.offset
        guard let name = try scanner.nextMember() else { return nil }
        var known = name.hasEscapes ? .other : RPCMember(name, level)
        // The second name of `_meta` beside the first.
        if known == .meta, name == "meta", scanner.next == .null { known = .other }
        guard known != .other else { return try unknown(name, isNull: scanner.next == .null, at: start) }
        let bit: UInt32 = 1 &<< UInt32(known.rawValue)
        guard seen & bit == 0 else { throw RPCFault(.json(JSONFault.Code.duplicateMember.rawValue), at: start) }
        seen |= bit
        return known
    }

    private mutating func unknown(_ name: JSONString, isNull: Bool, at start: Int) throws(RPCFault) -> RPCMember {
        guard !RPCMember.isLookalike(name, level) || isNull && RPCMember.mayBeNull(name, level) else {
            throw RPCFault(.lookalike, at: start)
        }
        guard let first = other else {
            other = name
            return .other
        }
        if others == nil {
            var names = JSONNames()
            _ = names.insert(first)
            others = names
        }
        switch others?.insert(name) {
        case .new, nil: return .other
        case .duplicate: throw RPCFault(.json(JSONFault.Code.duplicateMember.rawValue), at: start)
        case .full: throw RPCFault(.json(JSONFault.Code.tooManyMembers.rawValue), at: start)
        }
    }
}
