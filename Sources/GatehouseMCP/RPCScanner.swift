internal import GatehouseCore

/// A ``JSONScanner`` whose faults are those of the gate, and which skips values that are not used without judging them.
struct RPCScanner {
    private var json: JSONScanner

    init(_ bytes: UnsafeRawBufferPointer) throws(RPCFault) {
        do throws(JSONFault) { json = try JSONScanner(bytes) } catch { throw RPCFault(error) }
    }

    var next: JSONKind? { json.next }
    var offset: Int { json.offset }
    /// See ``JSONScanner/tokenEnd``.
    var tokenEnd: Int { json.tokenEnd }
    /// See ``JSONScanner/deepest``.
    var deepest: Int {
        get { json.deepest }
        set { json.deepest = newValue }
    }

    func scanned(_ range: Range<Int>) -> UnsafeRawBufferPointer { json.scanned(range) }

    mutating func beginObject() throws(RPCFault) {
        try read { json throws(JSONFault) in try json.beginObject() }
    }

    mutating func beginArray() throws(RPCFault) {
        try read { json throws(JSONFault) in try json.beginArray() }
    }

    mutating func nextMember() throws(RPCFault) -> JSONString? {
        try read { json throws(JSONFault) in try json.nextMember() }
    }

    mutating func nextElement() throws(RPCFault) -> Bool {
        try read { json throws(JSONFault) in try json.nextElement() }
    }

    mutating func string() throws(RPCFault) -> JSONString {
        try read { json throws(JSONFault) in try json.string() }
    }

    mutating func number() throws(RPCFault) -> JSONNumber {
        try read { json throws(JSONFault) in try json.number() }
    }

    mutating func null() throws(RPCFault) {
        try read { json throws(JSONFault) in try json.null() }
    }

    /// See ``JSONScanner/skipUnread()``.
    @discardableResult
    mutating func skip() throws(RPCFault) -> Range<Int> {
        try read { json throws(JSONFault) in try json.skipUnread() }
    }

    mutating func finish() throws(RPCFault) {
        try read { json throws(JSONFault) in try json.finish() }
    }

    @inline(__always)
    private mutating func read<Value>(
        _ body: (inout JSONScanner) throws(JSONFault) -> Value
    ) throws(RPCFault) -> Value {
        do throws(JSONFault) { return try body(&json) } catch { throw RPCFault(error) }
    }
}
