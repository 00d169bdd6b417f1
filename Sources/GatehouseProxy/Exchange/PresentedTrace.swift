internal import GatehouseCore

/// The span of a request, and the place where its sender's was found.
struct PresentedTrace {
    let own: RequestTrace
    /// Whether the parent stands in `traceparent`, so that `tracestate` beside it is about the same trace.
    let isOfHeader: Bool
}
