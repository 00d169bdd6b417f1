internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore

/// Step 5, its last part: whether this caller has sent more than the route's rate allows.
extension ClientConnection {
    /// Counts a request that is well in all other ways against its caller's rate.
    ///
    /// Never refused, and so not counted, are `server/discover` and methods that Gatehouse does not know: clients read a refusal of those
    /// as the answer to another question. Of a batch, one message that counts is enough.
    ///
    /// - Parameter body: what the gate has read; nil where it reads none.
    func rated(_ body: RPCBody? = nil) -> ExchangeMachine.Gating {
        guard let exchange, let route = exchange.route?.route, let rate = route.limits.rate,
            let caller = exchange.caller
        else { return .passed }
        if let body, !body.contains(where: { $0.known != .other && $0.known != .discover }) { return .passed }
        let now = exchange.started.uptimeNanoseconds
        guard let seconds = loop.rates.limit(caller.principal, on: route.name, to: rate, now: now) else {
            return .passed
        }
        exchange.retryAfter = seconds
        return .refused(.rateLimited)
    }
}
