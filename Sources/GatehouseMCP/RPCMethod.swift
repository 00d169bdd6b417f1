package import GatehouseCore

/// The methods of MCP that mean something here. What is not among them passes: a gateway that refuses what it does not know
/// breaks the next version of the protocol.
package enum RPCMethod: UInt8, Sendable, CaseIterable {
    case toolsCall, promptsGet, resourcesRead, resourcesSubscribe, resourcesUnsubscribe
    case toolsList, promptsList, resourcesList, templatesList
    /// Completes an argument of what it refers to: a prompt or a resource.
    case complete
    /// Asks to hear of resources as they change: what `resources/subscribe` was before 2026-07-28.
    case listen
    /// Methods on one task, named by `taskId` (2025-11-25 and the tasks extension).
    case tasksGet, tasksResult, tasksCancel, tasksUpdate
    case tasksList
    /// Any other method that begins with `tasks/`: whatever a later version does with a task, the task belongs to a caller.
    case tasksOther
    case initialize, initialized, discover, ping
    case other

    package var name: StaticString {
        switch self {
        case .toolsCall: "tools/call"
        case .promptsGet: "prompts/get"
        case .resourcesRead: "resources/read"
        case .resourcesSubscribe: "resources/subscribe"
        case .resourcesUnsubscribe: "resources/unsubscribe"
        case .toolsList: "tools/list"
        case .promptsList: "prompts/list"
        case .resourcesList: "resources/list"
        case .templatesList: "resources/templates/list"
        case .complete: "completion/complete"
        case .listen: "subscriptions/listen"
        case .tasksGet: "tasks/get"
        case .tasksResult: "tasks/result"
        case .tasksCancel: "tasks/cancel"
        case .tasksUpdate: "tasks/update"
        case .tasksList: "tasks/list"
        case .tasksOther: "tasks/"
        case .initialize: "initialize"
        case .initialized: "notifications/initialized"
        case .discover: "server/discover"
        case .ping: "ping"
        case .other: ""
        }
    }

    /// The kind of target of a call of this method; nil for a method that grants do not cover, or whose params name the kind.
    var calls: Policy.TargetKind? {
        switch self {
        case .toolsCall: .tool
        case .promptsGet: .prompt
        case .resourcesRead, .resourcesSubscribe, .resourcesUnsubscribe: .resource
        case _: nil
        }
    }

    /// The kind of list in the method's answer.
    package var lists: Policy.TargetKind? {
        switch self {
        case .toolsList: .tool
        case .promptsList: .prompt
        case .resourcesList, .templatesList: .resource
        case _: nil
        }
    }

    /// Whether the answer may hold a list of targets that grants cover. The answer to a call holds the result of the target that was called, that of
    /// a task may hold any result, and the answer to an unknown method may hold anything.
    package var mayList: Bool { calls == nil && self != .complete }

    /// The place of the target in the method's params; nil for a method whose params mean nothing here.
    var parameters: RPCMember.Level? {
        switch self {
        case .toolsCall, .promptsGet: .call
        case .resourcesRead, .resourcesSubscribe, .resourcesUnsubscribe: .resource
        case .complete: .completion
        case .listen: .listening
        case .tasksGet, .tasksResult, .tasksCancel, .tasksUpdate, .tasksOther: .task
        case _: nil
        }
    }

    /// Whether it is of one task.
    package var isOfTask: Bool {
        switch self {
        case .tasksGet, .tasksResult, .tasksCancel, .tasksUpdate, .tasksOther: true
        case _: false
        }
    }

    /// Whether its result may be `input_required`, and a call of it the rest of another (2026-07-28).
    package var mayGoOn: Bool { mirrorsTarget }

    /// Whether grants speak of it, or it is of what belongs to a caller. All that begin with `tasks/` are, too.
    private var isGoverned: Bool { parameters != nil || lists != nil }

    /// Whether `Mcp-Name` mirrors the call's target (2026-07-28, transports).
    var mirrorsTarget: Bool {
        switch self {
        case .toolsCall, .promptsGet, .resourcesRead: true
        case _: false
        }
    }

    /// The method that the text names, escapes resolved.
    init(_ text: JSONString) {
        if text.hasEscapes {
            self = Self.allCases.first { text == $0.name } ?? .other
        } else {
            self = Self.exact(text)
        }
        if self == .other, text.resolved.starts(with: Self.tasks) { self = .tasksOther }
    }

    private static let tasks = Array("tasks/".utf8)

    /// The length selects the candidates, so that no text is compared with more than four names.
    private static func exact(_ text: JSONString) -> RPCMethod {
        switch text.range.count {
        case 4 where text == "ping": .ping
        case 10 where text == "tools/call": .toolsCall
        case 10 where text == "tools/list": .toolsList
        case 10 where text == "initialize": .initialize
        case 10 where text == "tasks/list": .tasksList
        case 9 where text == "tasks/get": .tasksGet
        case 12 where text == "tasks/result": .tasksResult
        case 12 where text == "tasks/cancel": .tasksCancel
        case 12 where text == "tasks/update": .tasksUpdate
        case 11 where text == "prompts/get": .promptsGet
        case 12 where text == "prompts/list": .promptsList
        case 14 where text == "resources/read": .resourcesRead
        case 14 where text == "resources/list": .resourcesList
        case 15 where text == "server/discover": .discover
        case 19 where text == "resources/subscribe": .resourcesSubscribe
        case 19 where text == "completion/complete": .complete
        case 20 where text == "subscriptions/listen": .listen
        case 21 where text == "resources/unsubscribe": .resourcesUnsubscribe
        case 24 where text == "resources/templates/list": .templatesList
        case 25 where text == "notifications/initialized": .initialized
        case _: .other
        }
    }

    /// How a lenient server could take a text that names no method known here.
    enum Likeness {
        /// No reader can take the text for a method that is known here.
        case none
        /// The text holds characters other than visible ASCII, which readers trim, fold or leave out in different ways.
        case unclear
        /// Readers may take the text for a method that grants cover.
        case governed
    }

    static func likeness(_ text: JSONString) -> Likeness {
        if text.hasControlCharacters { return .governed }
        let folded = FoldedName(text)
        if allCases.contains(where: { $0.isGoverned && folded == $0.name })
            || folded.begins(with: RPCMethod.tasksOther.name)
        {
            return .governed
        }
        return folded.isHidden ? .unclear : .none
    }
}
