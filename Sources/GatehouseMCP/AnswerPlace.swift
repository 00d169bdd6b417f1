internal import GatehouseCore

/// A place in a JSON-RPC answer, or in a message of the server's own, where names mean something to the gate.
enum AnswerPlace: UInt8, Sendable {
    /// Outside of messages: before, between or behind them.
    case top
    case batch
    case message
    case result
    /// `result` of a task, in its own result or in the server's messages about it (the tasks extension): the result of the task's call.
    case taskResult
    case error
    case list
    /// `params` of a message of the server's own, and the filter in it that it acknowledges, with its tasks.
    case params, filter, taskIDs
    /// `_meta` of a result or of params, and the task that it names.
    case meta, relatedTask
    /// `task` of a result.
    case task
    /// Inside text that is no message.
    case foreign

    /// The meaning of the value under a name.
    enum Key: Equatable, Sendable {
        case other
        /// When it is an object, a place where names mean something.
        case object(AnswerPlace)
        case list(AnsweredList)
        case taskIDs
        case value(AnsweredValue)
        case isError, code
    }

    /// - Parameter looksForValues: whether what is handed out is looked for too.
    @inline(__always)
    func key(_ name: JSONString, looksForValues: Bool) -> Key {
        switch self {
        case .message:
            if name == "result" { return .object(.result) }
            if name == "error" { return .object(.error) }
        case .error:
            return name == "code" ? .code : .other
        case .result:
            if name == "isError" { return .isError }
            if name == "result" { return .object(.taskResult) }
            if let list = AnsweredList(name) { return .list(list) }
        case .taskResult:
            if let list = AnsweredList(name) { return .list(list) }
        case .top, .batch, .list, .taskIDs, .foreign, .params, .filter, .meta, .relatedTask, .task: break
        }
        return looksForValues ? valueKey(name) : .other
    }

    /// The places of what is handed out, and the way there.
    private func valueKey(_ name: JSONString) -> Key {
        switch self {
        case .message:
            if name == "params" { return .object(.params) }
            if name == "method" { return .value(.method) }
        case .result:
            if name == "taskId" { return .value(.task) }
            if name == "task" { return .object(.task) }
            if name == "_meta" { return .object(.meta) }
            if name == "requestState" { return .value(.requestState) }
            if name == "cacheScope" { return .value(.cacheScope) }
        case .taskResult:
            if name == "_meta" { return .object(.meta) }
            if name == "cacheScope" { return .value(.cacheScope) }
        case .params:
            if name == "_meta" { return .object(.meta) }
            if name == "taskId" { return .value(.toldTask) }
            if name == "result" { return .object(.taskResult) }
            if name == "notifications" { return .object(.filter) }
        case .filter:
            if name == "taskIds" { return .taskIDs }
        case .meta:
            if name == "io.modelcontextprotocol/related-task" { return .object(.relatedTask) }
        case .relatedTask, .task:
            if name == "taskId" { return .value(.task) }
        case .error, .top, .batch, .list, .taskIDs, .foreign: break
        }
        return .other
    }
}
