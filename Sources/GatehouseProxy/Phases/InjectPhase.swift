internal import GatehouseCore

/// The upstream's own credential, rendered into the header fields that the route injects.
enum InjectPhase {
    /// - Parameter token: the caller's own, where the route's is personal.
    /// - Returns: nil when a token that the route needs is not there.
    static func lines(
        _ inbound: borrowing InboundBytes,
        for caller: Caller,
        on route: PreparedRoute,
        token: Secret? = nil
    ) -> Secret? {
        var assertion: ByteRange?
        if case .one(let range) = inbound.head.assertion { assertion = range }
        return inbound.withBytes(assertion) { route.injected.lines(for: caller, $0, token: token) }
    }
}
