internal import GatehouseCore

/// The facts of one request that a collector is told: never arguments, headers, addresses or tokens; of the caller a digest.
struct Span: Sendable {
    /// Bytes of a method or a target; the rest is cut off. The audit has the whole.
    static let longestText = 256

    let trace: RequestTrace
    let requestID: RequestID
    let startedAt: Timestamp
    let route: RouteName?
    /// Nil where none was established.
    let caller: Caller?
    let httpMethod: String
    /// The JSON-RPC method and the target of the first message that says something; empty where none does.
    private(set) var method = ""
    private(set) var target = ""
    /// Messages of the body, or of the batch that it is.
    private(set) var messages = 0
    private(set) var refusal: Reason?
    private(set) var duration: Duration = .zero
    private(set) var status = 0
    private(set) var upstreamStatus = 0
    private(set) var upstreamMicroseconds: Int64 = 0
    private(set) var rpcError = ""
    private(set) var ending: Ending?

    /// - Parameter facts: of the first decision on the request.
    init(_ facts: borrowing AuditFacts, _ trace: RequestTrace) {
        self.trace = trace
        requestID = facts.requestID
        startedAt = facts.at
        route = facts.route?.name
        caller = facts.caller
        httpMethod = Self.method(facts.httpMethod)
        add(facts)
    }

    /// The decision on one more message of the same request.
    mutating func add(_ facts: borrowing AuditFacts) {
        messages += max(1, Int(clamping: facts.requests))
        if let refusal = facts.refusal, self.refusal == nil { self.refusal = refusal }
        guard method.isEmpty else { return }
        method = Self.text(facts.rpcMethod)
        // The query of a resource's address is the likeliest place for what should not be told.
        target = Self.text(facts.target, upTo: method.hasPrefix("resources/") ? [0x3F, 0x23] : [])
    }

    mutating func end(_ facts: borrowing AuditFacts) {
        refusal = facts.refusal ?? refusal
        duration = .microseconds(facts.durationMicroseconds)
        status = facts.status
        upstreamStatus = facts.upstreamStatus
        upstreamMicroseconds = facts.upstreamMicroseconds
        rpcError = Self.text(facts.rpcError)
        ending = facts.ending
    }

    /// Ends a request of which no more will be said than its decision.
    mutating func endCounted() { status = refusal?.status ?? 200 }

    /// The methods of RFC 9110 and PATCH; any other is one word (semantic conventions of HTTP, `http.request.method`).
    private static func method(_ text: UnsafeRawBufferPointer) -> String {
        let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]
        return known.first { $0.utf8.elementsEqual(text) } ?? "_OTHER"
    }

    private static func text(_ bytes: UnsafeRawBufferPointer, upTo ends: [UInt8] = []) -> String {
        var bytes = bytes.prefix(while: { !ends.contains($0) })
        guard bytes.count > longestText else { return String(decoding: bytes, as: UTF8.self) }
        bytes = bytes.prefix(longestText)
        // No character is cut in two.
        while let last = bytes.last, last & 0xC0 == 0x80 { bytes.removeLast() }
        if let last = bytes.last, last >= 0xC0 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self) + "…"
    }
}
