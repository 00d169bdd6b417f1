/// How an exchange ended: the `ended` column.
package enum Ending: String, Sendable, CaseIterable {
    case complete
    case clientClosed = "client_closed"
    case upstreamClosed = "upstream_closed"
    case timeout
    /// The caller's assertion ran out while a stream was open.
    case expired
    /// The process began to shut down while a stream was open.
    case drained
}

/// The content of one audit event, as the data plane hands it over. Byte pointers are valid during the call only; an empty buffer means that the
/// field has no value.
package struct AuditFacts {
    package enum Kind: String, Sendable {
        /// Recorded before anything is forwarded; a refusal is a decision too.
        case decision
        /// Recorded when the exchange ends.
        case outcome
    }

    package static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    package var kind: Kind
    package var requestID: RequestID
    package var at: Timestamp
    /// The span of the request, where spans are recorded; the audit itself does not keep it.
    package var trace: RequestTrace?

    // Fields of a decision only: an outcome is joined to its decision by request id.
    package var route: Route?
    package var caller: Caller?
    /// The caller's groups by which grants name it.
    package var groups: [String] = []
    /// Nil means allowed.
    package var refusal: Reason?
    package var httpMethod = AuditFacts.nothing
    /// The path without the query: queries carry secrets.
    package var path = AuditFacts.nothing
    package var rpcMethod = AuditFacts.nothing
    /// The JSON-RPC id as it was written.
    package var rpcID = AuditFacts.nothing
    package var target = AuditFacts.nothing
    /// The arguments of a call as they were written; the recorder keeps of them what the operator chose.
    package var arguments = AuditFacts.nothing
    package var session = AuditFacts.nothing
    package var protocolVersion = AuditFacts.nothing
    package var token: (name: TokenName, version: Int)?
    /// The owner of the token; nil for one that callers share.
    package var tokenOwner: TokenOwner?
    package var clientIP = AuditFacts.nothing
    package var cfRay = AuditFacts.nothing
    /// The message's place in a batch, from 1; 0 where the body is no batch.
    package var rpcPosition = 0
    /// How many requests the event stands for, where it is not one; 0 for one.
    package var requests: Int64 = 0

    // Fields of an outcome only.
    /// Whether no caller was established by the request's end. A decision says so by having no caller.
    package var isOfNobody = false
    /// The status that the client got; 0 when it got none.
    package var status = 0
    /// The status that the upstream gave; 0 when it gave none.
    package var upstreamStatus = 0
    package var rpcError = AuditFacts.nothing
    package var bytesIn: Int64 = 0
    package var bytesOut: Int64 = 0
    package var durationMicroseconds: Int64 = 0
    package var upstreamMicroseconds: Int64 = 0
    package var ending: Ending?

    package init(_ kind: Kind, of requestID: RequestID, at: Timestamp, route: Route? = nil) {
        self.kind = kind
        self.requestID = requestID
        self.at = at
        self.route = route
    }
}

/// Records audit events. One instance serves one event loop and is used on it only.
package protocol AuditRecorder: AnyObject {
    /// Records one event with the durability the operator chose. Costs no system call for `durability: process`.
    func record(_ facts: borrowing AuditFacts) -> AuditReceipt

    /// Asks once to be called back, on the same event loop, when the event of `ticket` is durable (`true`) or is known not to
    /// become so in time (`false`).
    func whenDurable(_ ticket: UInt64, _ callback: @escaping (Bool) -> Void)
}

package enum AuditReceipt: Equatable, Sendable {
    /// The event is as durable as asked: forward.
    case recorded
    /// The event is on its way to the disk: forward once `whenDurable` says so.
    case pending(ticket: UInt64)
    /// No caller was established, and there are many such requests: one event will state their number. No outcome follows.
    case counted
    /// The event could not be recorded and the operator chose to deny then.
    case unavailable
}
