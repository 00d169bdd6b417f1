internal import GatehouseCore

/// The fields `traceparent` and `tracestate` of a request as its upstream gets them.
struct TraceFields {
    /// The span of the request, in place of its sender's.
    let own: RequestTrace
    /// Whether the sender's `tracestate` passes: it is about the trace of the `traceparent` beside it and no other.
    let keepsState: Bool
}
