internal import GatehouseCore

/// Reads a request body as JSON-RPC 2.0: strictly, in one pass, without a tree. What two readers could understand differently
/// is refused, because the upstream is the second reader.
package enum RPCGate {
    /// Messages in a batch; one more and the batch is refused.
    package static let maximumBatch = 64
    /// Bytes of an id as it is written, and of a method; a longer one is refused.
    package static let maximumID = 256
    package static let maximumMethod = 256
    /// Bytes of a call's target as it is written; a longer one is refused.
    package static let maximumTarget = 8 << 10
    /// Integers beyond it lose digits in a reader that holds numbers as doubles.
    static let maximumInteger: Int64 = 1 << 53 - 1

    /// - Parameter allowsBatch: whether the era has batches.
    package static func scan(_ body: UnsafeRawBufferPointer, allowsBatch: Bool) throws(RPCFault) -> RPCBody {
        var scanner = try json { () throws(JSONFault) in try JSONScanner(body) }
        guard scanner.next == .array else {
            let message = try message(&scanner)
            try json { () throws(JSONFault) in try scanner.finish() }
            return .single(message)
        }
        guard allowsBatch else { throw RPCFault(.batch, at: scanner.offset) }
        let messages = try batch(&scanner)
        try json { () throws(JSONFault) in try scanner.finish() }
        return .batch(messages)
    }

    private static func batch(_ scanner: inout JSONScanner) throws(RPCFault) -> [RPCMessage] {
        var messages: [RPCMessage] = []
        try json { () throws(JSONFault) in try scanner.beginArray() }
        while try json({ () throws(JSONFault) in try scanner.nextElement() }) {
            let start = scanner.offset
            guard messages.count < maximumBatch, scanner.next == .object else { throw RPCFault(.batch, at: start) }
            let message = try message(&scanner)
            // Responses go with responses only, and a session does not begin in the midst of other calls (2025-03-26,
            // base protocol and lifecycle).
            guard message.known != .initialize,
                messages.first.map({ ($0.kind == .response) == (message.kind == .response) }) ?? true
            else { throw RPCFault(.batch, at: start) }
            // Two answers with one id could not be told apart.
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

    private static func message(_ scanner: inout JSONScanner) throws(RPCFault) -> RPCMessage {
        let start = scanner.offset
        guard scanner.next == .object else { throw RPCFault(.shape, at: start) }
        try json { () throws(JSONFault) in try scanner.beginObject() }
        var message = RPCMessage()
        var parameters = RPCParameters()
        var isVersioned = false
        var results = 0
        var isNullID = false
        var members = RPCMembers(.message)
        while let member = try members.next(&scanner) {
            switch member {
            case .jsonrpc:
                let place = scanner.offset
                guard scanner.next == .string,
                    try json({ () throws(JSONFault) in try scanner.string() }) == "2.0"
                else { throw RPCFault(.version, at: place) }
                isVersioned = true
            case .id: (message.id, isNullID) = try id(&scanner)
            case .method: (message.method, message.known) = try method(&scanner)
            case .params: parameters = try RPCParameters(&scanner)
            case .result, .error:
                results += 1
                try json { () throws(JSONFault) in _ = try scanner.skip() }
            case .name, .uri, .arguments, .ref, .type, .other:
                try json { () throws(JSONFault) in _ = try scanner.skip() }
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
        try parameters.complete(&message, at: start)
        return message
    }

    private static func id(_ scanner: inout JSONScanner) throws(RPCFault) -> (Range<Int>, isNull: Bool) {
        let start = scanner.offset
        switch scanner.next {
        case .string:
            let text = try json { () throws(JSONFault) in try scanner.string() }
            guard text.range.count + 2 <= maximumID else { throw RPCFault(.id, at: start) }
            return (text.range.lowerBound - 1..<text.range.upperBound + 1, false)
        case .number:
            let number = try json { () throws(JSONFault) in try scanner.number() }
            guard let value = number.integer, value.magnitude <= maximumInteger.magnitude,
                value != 0 || number.raw.count == 1
            else { throw RPCFault(.id, at: start) }
            return (number.range, false)
        case .null:
            try json { () throws(JSONFault) in try scanner.null() }
            return (start..<start + 4, true)
        case .object, .array, .bool, nil: throw RPCFault(.id, at: start)
        }
    }

    private static func method(_ scanner: inout JSONScanner) throws(RPCFault) -> (RPCMessage.Text, RPCMethod) {
        let start = scanner.offset
        guard scanner.next == .string else { throw RPCFault(.method, at: start) }
        let text = try json { () throws(JSONFault) in try scanner.string() }
        let known = RPCMethod(text)
        guard !text.isEmpty, text.range.count <= maximumMethod, known != .other || !RPCMethod.isLookalike(text) else {
            throw RPCFault(.method, at: start)
        }
        return (RPCMessage.Text(text), known)
    }
}

/// What `params` say, whatever the method, which may stand behind them.
private struct RPCParameters {
    private var isObject = false
    private var isThere = false
    /// Of the members `name` and `uri` when they are strings.
    private var name: JSONString?
    private var uri: JSONString?
    private var arguments: Range<Int>?
    /// Stands before `ref`, which is read only when the method turns out to be the one that has it.
    private var reference: JSONScanner?

    init() {}

    init(_ scanner: inout JSONScanner) throws(RPCFault) {
        isThere = true
        switch scanner.next {
        case .object: isObject = true
        case .array:
            try json { () throws(JSONFault) in _ = try scanner.skip() }
            return
        case .null:
            // Some serializers write what is not there so.
            isThere = false
            try json { () throws(JSONFault) in try scanner.null() }
            return
        case .string, .number, .bool, nil: throw RPCFault(.parameters, at: scanner.offset)
        }
        try json { () throws(JSONFault) in try scanner.beginObject() }
        var members = RPCMembers(.parameters)
        while let member = try members.next(&scanner) {
            switch member {
            case .name where scanner.next == .string:
                name = try json { () throws(JSONFault) in try scanner.string() }
            case .uri where scanner.next == .string:
                uri = try json { () throws(JSONFault) in try scanner.string() }
            case .arguments: arguments = try json { () throws(JSONFault) in try scanner.skip() }
            case .ref:
                reference = scanner
                try json { () throws(JSONFault) in _ = try scanner.skip() }
            case .jsonrpc, .id, .method, .params, .result, .error, .name, .uri, .type, .other:
                try json { () throws(JSONFault) in _ = try scanner.skip() }
            }
        }
    }

    /// Gives the message what its method calls for.
    func complete(_ message: inout RPCMessage, at start: Int) throws(RPCFault) {
        if message.known == .complete {
            guard isObject, let reference else { throw RPCFault(.parameters, at: start) }
            guard let found = try RPCReference(reference) else { return }
            message.targetKind = found.kind
            message.target = try Self.plain(found.target, at: start)
            return
        }
        guard let kind = message.known.calls else {
            guard isObject || !isThere || message.known == .other else { throw RPCFault(.parameters, at: start) }
            return
        }
        guard isObject else { throw RPCFault(.parameters, at: start) }
        message.targetKind = kind
        message.target = try Self.plain(kind == .resource ? uri : name, at: start)
        if kind != .resource { message.arguments = arguments }
    }

    /// A target that is there and that nobody can read as another one.
    private static func plain(_ target: JSONString?, at start: Int) throws(RPCFault) -> RPCMessage.Text {
        guard let target, !target.isEmpty, target.range.count <= RPCGate.maximumTarget, !target.hasControlCharacters
        else { throw RPCFault(.parameters, at: start) }
        return RPCMessage.Text(target)
    }
}

extension JSONScanner {
    /// Whether the bytes at two places are the same.
    fileprivate func equal(_ one: Range<Int>, _ other: Range<Int>) -> Bool {
        scanned(one).elementsEqual(scanned(other))
    }
}
