internal import GatehouseCore

/// A string in an answer, at a place where it means something to the gate.
enum AnsweredValue: Sendable {
    /// `taskId` of a task that the server keeps.
    case task
    /// `taskId` in a message's own parameters, where it may be a task that the client keeps, unless the message is about a task of the server.
    case toldTask
    case requestState
    /// `cacheScope`: the callers that may be given the answer out of a cache (2026-07-28).
    case cacheScope
    /// The method of a message that the server itself sends.
    case method
}

/// A value that an upstream hands out to a caller, by the way in which it is bound to that caller.
package enum HandedOut: Sendable {
    case task, event, requestState
}

/// Follows the values in an answer, and gives the bytes to insert where they end.
struct AnsweredValues: Sendable {
    /// Bytes of a value as it is written; a longer one is handed on as it is, and cannot be presented again.
    static let maximumValue = 64 << 10

    private var text = SplitText(limit: maximumValue)
    private var value = AnsweredValue.method
    /// The message is `notifications/tasks` or below it.
    private var tellsOfTask = false
    private var toolsChanged = false

    /// Whether the bytes at hand are of a value that is put in anew.
    func isReplacing(_ edits: AnswerReader.Edits) -> Bool {
        text.isOpen && value == .cacheScope && edits.contains(.privateScope)
    }

    /// Begins anew with another document.
    mutating func reset() {
        text.abandon()
        tellsOfTask = false
    }

    mutating func resume(at offset: Int) { text.resume(at: offset) }
    mutating func pause(_ bytes: UnsafeRawBufferPointer, at end: Int) { text.pause(bytes, at: end) }

    mutating func begin(_ value: AnsweredValue, at offset: Int) {
        self.value = value
        text.begin(at: offset)
    }

    /// The value ends.
    ///
    /// - Returns: the bytes to put in there.
    mutating func end(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int,
        _ edits: AnswerReader.Edits,
        _ tag: (HandedOut, UnsafeRawBufferPointer) -> [UInt8]?
    ) -> [UInt8]? {
        let what: HandedOut
        switch value {
        case .cacheScope:
            text.abandon()
            return edits.contains(.privateScope) ? Array("private".utf8) : nil
        case .method:
            tellsOfTask =
                text.finish(bytes, at: offset) { method in
                    if Self.isChangeOfTools(method) { toolsChanged = true }
                    return Self.isOfTask(method)
                } ?? false
            return nil
        case .toldTask:
            guard tellsOfTask else {
                text.abandon()
                return nil
            }
            what = .task
        case .task: what = .task
        case .requestState: what = .requestState
        }
        return text.finish(bytes, at: offset) { raw in
            let string = JSONString(bytes: raw, range: 0..<raw.count, hasEscapes: raw.contains(0x5C))
            return string.withResolvedBytes { tag(what, $0) }
        }
    }

    mutating func takeChangeOfTools() -> Bool {
        defer { toolsChanged = false }
        return toolsChanged
    }

    private static func isChangeOfTools(_ method: UnsafeRawBufferPointer) -> Bool {
        let name: StaticString = "notifications/tools/list_changed"
        // With escapes it is longer; most methods are shorter.
        return method.count >= name.utf8CodeUnitCount
            && JSONString(bytes: method, range: 0..<method.count, hasEscapes: method.contains(0x5C)) == name
    }

    private static func isOfTask(_ method: UnsafeRawBufferPointer) -> Bool {
        method.starts(with: "notifications/tasks".utf8)
    }
}
