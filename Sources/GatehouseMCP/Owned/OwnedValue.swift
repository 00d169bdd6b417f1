internal import GatehouseCore

/// A value in a request that only the caller to whom it was handed may present.
package struct OwnedValue: Sendable {
    package enum Kind: Sendable {
        /// `params.taskId` of `tasks/*`.
        case task
        /// `taskId` under `_meta["io.modelcontextprotocol/related-task"]`.
        case relatedTask
        /// The same in the answer to a request of the server's: there it may be the id of a task that the client keeps itself.
        case answeredTask
        /// One of `taskIds`: of `params.notifications` of `subscriptions/listen`, and of what `tasks/` has beside `taskId`.
        case listedTask
        /// `params.requestState` of a call that goes on.
        case requestState
    }

    package let kind: Kind
    /// Nil for a value that is no string, which belongs to no caller.
    package let text: RPCMessage.Text?

    init(_ kind: Kind, _ text: RPCMessage.Text?) {
        self.kind = kind
        self.text = text
    }

    /// Reads the value that is next; a `null` is none.
    init?(_ kind: Kind, _ scanner: inout RPCScanner) throws(RPCFault) {
        switch scanner.next {
        case .string:
            self.init(kind, RPCMessage.Text(try scanner.string()))
        case .null where kind == .requestState:
            try scanner.null()
            return nil
        case .object, .array, .number, .bool, .null, nil:
            try scanner.skip()
            self.init(kind, nil)
        }
    }
}

extension OwnedValue {
    /// The task that a message names under `_meta`, which is next.
    static func relatedTask(_ kind: Kind, _ scanner: inout RPCScanner) throws(RPCFault) -> OwnedValue? {
        var found: OwnedValue?
        var isThere = false
        try members(&scanner) { (name, scanner) throws(RPCFault) in
            guard name == "io.modelcontextprotocol/related-task" else { return false }
            guard !isThere else { throw RPCFault(duplicate, at: scanner.offset) }
            isThere = true
            found = try taskID(kind, &scanner)
            return true
        }
        return found
    }

    /// The same in an object with a member `_meta`, which is next: a result, or params that mean nothing else here.
    static func inMeta(_ kind: Kind, _ scanner: inout RPCScanner) throws(RPCFault) -> OwnedValue? {
        var found: OwnedValue?
        var isThere = false
        try members(&scanner) { (name, scanner) throws(RPCFault) in
            // A null is none under any name but the first.
            let isFirst = name == "_meta"
            if !isFirst, scanner.next == .null { return false }
            guard isFirst || name == "meta" else {
                if RPCMember.isMeta(FoldedName(name)) { throw RPCFault(.lookalike, at: scanner.offset) }
                return false
            }
            guard !isThere else { throw RPCFault(duplicate, at: scanner.offset) }
            isThere = true
            found = try relatedTask(kind, &scanner)
            return true
        }
        return found
    }

    private static func taskID(_ kind: Kind, _ scanner: inout RPCScanner) throws(RPCFault) -> OwnedValue? {
        var found: OwnedValue?
        try members(&scanner) { (name, scanner) throws(RPCFault) in
            guard name == "taskId" else {
                // A reader of names without case would take it for the task.
                if FoldedName(name) == "taskId" { throw RPCFault(.lookalike, at: scanner.offset) }
                return false
            }
            guard found == nil else { throw RPCFault(duplicate, at: scanner.offset) }
            found = try OwnedValue(kind, &scanner)
            return true
        }
        return found
    }

    /// The tasks of `taskIds`, which are next.
    static func listedTasks(_ scanner: inout RPCScanner) throws(RPCFault) -> [OwnedValue] {
        guard scanner.next == .array else { return try OwnedValue(.listedTask, &scanner).map { [$0] } ?? [] }
        var found: [OwnedValue] = []
        try scanner.beginArray()
        while try scanner.nextElement() {
            guard found.count < RPCGate.maximumListenedTasks else {
                try scanner.skip()
                found[0] = OwnedValue(.listedTask, nil)
                continue
            }
            if let value = try OwnedValue(.listedTask, &scanner) { found.append(value) }
        }
        return found
    }

    private static var duplicate: RPCFault.Code { .json(JSONFault.Code.duplicateMember.rawValue) }

    /// Visits the members of the next value, and skips those that `take` leaves; a value that is no object is skipped whole.
    @inline(__always)
    private static func members(
        _ scanner: inout RPCScanner,
        _ take: (JSONString, inout RPCScanner) throws(RPCFault) -> Bool
    ) throws(RPCFault) {
        guard scanner.next == .object else {
            try scanner.skip()
            return
        }
        try scanner.beginObject()
        while let name = try scanner.nextMember() {
            if try take(name, &scanner) { continue }
            try scanner.skip()
        }
    }
}
