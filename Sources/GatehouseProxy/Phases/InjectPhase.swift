internal import GatehouseCore

/// The upstream's own credential, rendered into the header fields that the route injects.
enum InjectPhase {
    /// - Returns: nil when a token that the route needs is not there.
    static func lines(_ inbound: borrowing InboundBytes, for caller: Caller, on route: PreparedRoute) -> Secret? {
        var assertion: ByteRange?
        if case .one(let range) = inbound.head.assertion { assertion = range }
        return inbound.withBytes(assertion) { route.injected.lines(for: caller.principal, $0) }
    }
}
