internal import GatehouseCore

/// The resources that `subscriptions/listen` asks to hear of, `params.notifications.resourceSubscriptions` (2026-07-28).
struct RPCSubscriptions {
    /// One URI, or the whole array of several; nil for none.
    private(set) var targets: RPCMessage.Text?
    /// The tasks of which it asks to hear (the tasks extension).
    private(set) var tasks: [OwnedValue] = []
    /// Whether it is something else than an array of URIs, or one of more than ``RPCGate/maximumListenedResources``.
    private(set) var isMalformed = false

    /// - Parameter scanner: stands before the value of `notifications`, and behind it after.
    init(_ scanner: inout RPCScanner) throws(RPCFault) {
        guard scanner.next == .object else {
            try scanner.skip()
            return
        }
        try scanner.beginObject()
        var members = RPCMembers(.notifications)
        while let member = try members.next(&scanner) {
            if member == .resourceSubscriptions {
                try read(&scanner)
            } else if member == .taskIDs {
                tasks = try OwnedValue.listedTasks(&scanner)
            } else {
                try scanner.skip()
            }
        }
    }

    private mutating func read(_ scanner: inout RPCScanner) throws(RPCFault) {
        let kind = scanner.next
        guard kind == .array else {
            isMalformed = kind != .null
            try scanner.skip()
            return
        }
        let start = scanner.offset
        var count = 0
        try scanner.beginArray()
        while try scanner.nextElement() {
            count += 1
            guard scanner.next == .string else {
                isMalformed = true
                try scanner.skip()
                continue
            }
            let uri = try scanner.string()
            if uri.isEmpty || uri.range.count > RPCGate.maximumTarget { isMalformed = true }
            targets = RPCMessage.Text(uri)
        }
        if count > RPCGate.maximumListenedResources { isMalformed = true }
        if count > 1 { targets = RPCMessage.Text(array: start..<scanner.tokenEnd) }
        if count == 1, isMalformed { targets = nil }
    }
}
