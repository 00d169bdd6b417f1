internal import GatehouseCore
internal import SocketLoop

/// Step 5, a part of it: whether this caller has sent more than the route's rate allows. The gate asks once it knows the method.
extension ClientConnection {
    func rated(isExempt: Bool) -> ExchangeMachine.Gating {
        rateRefusal(isExempt: isExempt).map { .refused($0) } ?? .passed
    }

    /// Counts the request against its caller's rate.
    ///
    /// - Parameter isExempt: the request calls what must never be refused for its rate: `server/discover`, and methods that Gatehouse does not
    ///   know. Clients read a refusal of those as the answer to another question.
    /// - Returns: why the request is refused, nil when it is within the rate.
    func rateRefusal(isExempt: Bool) -> Reason? {
        guard let exchange, let route = exchange.route?.route, let rate = route.limits.rate, !isExempt,
            let caller = exchange.caller
        else { return nil }
        let now = UInt64(exchange.started.nanoseconds)
        guard let seconds = loop.rates.limit(caller.principal, on: route.name, to: rate, now: now) else { return nil }
        exchange.retryAfter = seconds
        return .rateLimited
    }
}
