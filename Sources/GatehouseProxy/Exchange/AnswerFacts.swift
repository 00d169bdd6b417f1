internal import GatehouseCore
internal import SocketLoop

/// The facts of an exchange's answer for log, metrics and audit.
struct AnswerFacts {
    /// Status sent to the client, 0 while none is.
    var status = 0
    var refusal: Reason?
    /// The path of the argument for which a call was denied.
    var argument: String?
    /// Seconds after which the caller may try again, sent with a refusal.
    var retryAfter: Int?
    /// The JSON-RPC outcome as the audit records it.
    var rpcError = ""
    var stream = LegacyStream()
    /// Whether a secret stood in it.
    var isReflecting = false
}

/// The facts of an upstream's part in an exchange.
struct UpstreamFacts {
    var started: MonotonicTime?
    var answered: MonotonicTime?
    var status = 0
    /// Why no connection to the upstream could be had.
    var connectFailure = ""
}
