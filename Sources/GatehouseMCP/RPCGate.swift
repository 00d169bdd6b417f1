internal import GatehouseCore

/// Reads a request body as JSON-RPC 2.0: strictly, in one pass, without a tree. What two readers could understand differently
/// is refused, because the upstream is the second reader.
package enum RPCGate {
    /// Messages in a batch; one more and the batch is refused.
    package static let maximumBatch = 64
    /// Bytes of an id and of a method as they are written, as many as the audit keeps; a longer one is refused.
    package static let maximumID = 256
    package static let maximumMethod = 128
    /// Bytes of a call's target as it is written; a longer one is not asked of the grants.
    package static let maximumTarget = 8 << 10
    /// Objects and arrays open at once; a caller who may not make every call may make none that is nested deeper.
    package static let maximumDepth = 512
    /// Tasks that the filter of one `subscriptions/listen` may name; one more and none of them is known.
    package static let maximumListenedTasks = 64
    /// Resources that one `subscriptions/listen` may name; with more of them, no caller with grants on resources may listen to any. Each is asked of
    /// the grants, and the event loop has others to serve.
    package static let maximumListenedResources = 256
    /// Integers beyond it lose digits in a reader that holds numbers as doubles.
    static let maximumInteger: Int64 = 1 << 53 - 1

    /// Whether a text can be asked of the grants as the target of a call.
    package static func isTarget(_ text: String) -> Bool { !text.isEmpty && text.utf8.count <= maximumTarget }

    /// - Parameter allowsBatch: whether the era has batches.
    package static func scan(_ body: UnsafeRawBufferPointer, allowsBatch: Bool) throws(RPCFault) -> RPCBody {
        var scanner = try RPCScanner(body)
        guard scanner.next == .array else {
            let message = try message(&scanner)
            try scanner.finish()
            return .single(message)
        }
        guard allowsBatch else { throw RPCFault(.batch, at: scanner.offset) }
        let messages = try batch(&scanner)
        try scanner.finish()
        return .batch(messages)
    }

    private static func batch(_ scanner: inout RPCScanner) throws(RPCFault) -> [RPCMessage] {
        var messages: [RPCMessage] = []
        try scanner.beginArray()
        while try scanner.nextElement() {
            let start = scanner.offset
            guard messages.count < maximumBatch, scanner.next == .object else { throw RPCFault(.batch, at: start) }
            let message = try message(&scanner)
            // Responses go with responses only, and a session does not begin in the midst of other calls (2025-03-26,
            // base protocol and lifecycle).
            guard message.known != .initialize,
                messages.first.map({ ($0.kind == .response) == (message.kind == .response) }) ?? true
            else { throw RPCFault(.batch, at: start) }
            // Two answers with one id could not be distinguished.
            if let id = message.id {
                for other in messages {
                    guard let same = other.id, scanner.equal(id, same) else { continue }
                    throw RPCFault(.id, at: id.lowerBound)
                }
            }
            messages.append(message)
        }
        guard !messages.isEmpty else { throw RPCFault(.batch, at: 0) }
        return messages
    }

    private static func message(_ scanner: inout RPCScanner) throws(RPCFault) -> RPCMessage {
        let start = scanner.offset
        guard scanner.next == .object else { throw RPCFault(.shape, at: start) }
        try scanner.beginObject()
        scanner.deepest = 0
        var message = RPCMessage()
        // Stands before params that came before the method, without which nothing in them means anything.
        var early: RPCScanner?
        var isVersioned = false
        var results = 0
        var isNullID = false
        var members = RPCMembers(.message)
        while let member = try members.next(&scanner) {
            switch member {
            case .jsonrpc:
                let place = scanner.offset
                guard scanner.next == .string,
                    try scanner.string() == "2.0"
                else { throw RPCFault(.version, at: place) }
                isVersioned = true
            case .id: (message.id, isNullID) = try id(&scanner)
            case .method: try method(&scanner, of: &message)
            case .params where message.method != nil: try message.readParameters(&scanner)
            case .params:
                early = scanner
                try scanner.skip()
            case .result:
                results += 1
                if let task = try OwnedValue.inMeta(.answeredTask, &scanner) { message.owned = [task] }
            case .error:
                results += 1
                try scanner.skip()
            case _:
                message.hasOtherMembers = true
                try scanner.skip()
            }
        }
        guard isVersioned else { throw RPCFault(.version, at: start) }
        guard message.method != nil else {
            // An error that answers what could not be read has the id null.
            guard results == 1, message.id != nil else { throw RPCFault(.shape, at: start) }
            message.kind = .response
            return message
        }
        guard results == 0, !isNullID else { throw RPCFault(.shape, at: start) }
        message.kind = message.id == nil ? .notification : .request
        if var early { try message.readParameters(&early) }
        message.judge(isTooDeep: scanner.deepest > maximumDepth)
        return message
    }

    private static func id(_ scanner: inout RPCScanner) throws(RPCFault) -> (Range<Int>, isNull: Bool) {
        let start = scanner.offset
        switch scanner.next {
        case .string:
            let text = try scanner.string()
            guard text.range.count + 2 <= maximumID else { throw RPCFault(.id, at: start) }
            return (text.range.lowerBound - 1..<text.range.upperBound + 1, false)
        case .number:
            let number = try scanner.number()
            guard let value = number.integer, value.magnitude <= maximumInteger.magnitude,
                value != 0 || number.raw.count == 1
            else { throw RPCFault(.id, at: start) }
            return (number.range, false)
        case .null:
            try scanner.null()
            return (start..<start + 4, true)
        case .object, .array, .bool, nil: throw RPCFault(.id, at: start)
        }
    }

    private static func method(_ scanner: inout RPCScanner, of message: inout RPCMessage) throws(RPCFault) {
        let start = scanner.offset
        guard scanner.next == .string else { throw RPCFault(.method, at: start) }
        let text = try scanner.string()
        guard !text.isEmpty, text.range.count <= maximumMethod else { throw RPCFault(.method, at: start) }
        message.method = RPCMessage.Text(text)
        message.known = RPCMethod(text)
        message.isRated = message.known != .discover && message.known != .other
        // Until what it refers to is found.
        message.isMalformed = message.known == .complete
        guard message.known == .other else { return }
        switch RPCMethod.likeness(text) {
        case .none: break
        case .unclear: message.isUnclear = true
        case .governed: throw RPCFault(.method, at: start)
        }
    }
}

// MARK: - Params

extension RPCMessage {
    /// Reads of the params what the method has.
    ///
    /// - Parameter scanner: stands before the params, and behind them after.
    fileprivate mutating func readParameters(_ scanner: inout RPCScanner) throws(RPCFault) {
        guard let level = known.parameters, scanner.next == .object else {
            if let task = try OwnedValue.inMeta(.relatedTask, &scanner) { owned.append(task) }
            return
        }
        try scanner.beginObject()
        var members = RPCMembers(level)
        while let member = try members.next(&scanner) {
            switch member {
            case .name where scanner.next == .string, .uri where scanner.next == .string:
                aim(at: try scanner.string())
            case .arguments: arguments = try scanner.skip()
            case .ref:
                let reference = try RPCReference(&scanner)
                targetKind = reference.kind
                isMalformed = !reference.hasType
                if let text = reference.target { aim(at: text) }
            case .notifications:
                let subscriptions = try RPCSubscriptions(&scanner)
                (target, isMalformed) = (subscriptions.targets, subscriptions.isMalformed)
                owned += subscriptions.tasks
            case .meta: if let task = try OwnedValue.relatedTask(.relatedTask, &scanner) { owned.append(task) }
            case .taskIDs: owned += try OwnedValue.listedTasks(&scanner)
            case .taskID: if let task = try OwnedValue(.task, &scanner) { own(task, scanner) }
            case .requestState where known.mayGoOn:
                if let state = try OwnedValue(.requestState, &scanner) { owned.append(state) }
            case .task:
                asksForTask = scanner.next == .object
                try scanner.skip()
            case _: try scanner.skip()
            }
        }
    }

    private mutating func own(_ task: OwnedValue, _ scanner: RPCScanner) {
        owned.append(task)
        // The audit keeps the task under the upstream's name for it.
        target = task.text.map { $0.untagged(scanner.scanned($0.range)) }
    }

    private mutating func aim(at text: JSONString) {
        guard !text.isEmpty else { return }
        target = Text(text)
        if text.range.count > RPCGate.maximumTarget { isMalformed = true }
    }

    /// Settles what the call is aimed at, once all of it was read.
    fileprivate mutating func judge(isTooDeep: Bool) {
        // One that names no task names none of the caller's.
        if known.isOfTask, !owned.contains(where: { $0.kind == .task }) { owned.append(OwnedValue(.task, nil)) }
        switch known {
        case .complete: break
        case .listen: if target != nil || isMalformed || isTooDeep { targetKind = .resource }
        case _: targetKind = known.calls
        }
        if isTooDeep { isMalformed = true }
    }
}

extension RPCScanner {
    /// Whether the bytes at two places are the same.
    fileprivate func equal(_ one: Range<Int>, _ other: Range<Int>) -> Bool {
        scanned(one).elementsEqual(scanned(other))
    }
}
