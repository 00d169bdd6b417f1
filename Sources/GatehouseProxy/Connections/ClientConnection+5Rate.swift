internal import GatehouseCore
internal import SocketLoop

/// Step 5, a part of it: whether this caller has sent more than the route's rate allows. The gate asks once it knows the methods.
extension ClientConnection {
    /// Bytes of a body that is read for its calls' ids even when the caller has nothing left: what a connection may keep anyway costs nothing more.
    static let ratedBody = 16 << 10

    func rated() -> ExchangeMachine.Gating {
        rateRefusal(of: 1).map { .refused($0) } ?? .passed
    }

    /// Counts messages against their caller's rate, all or none of them.
    ///
    /// - Parameter count: those that may be refused for the rate. `server/discover` and methods that Gatehouse does not know are not among
    ///   them: clients read a refusal of those as the answer to another question.
    /// - Returns: why the request is refused, nil when it is within the rate.
    func rateRefusal(of count: Int) -> Reason? {
        guard count > 0, let (principal, route, rate, now) = rateInForce() else { return nil }
        return refuse(after: loop.rates.limit(principal, on: route, to: rate, count: count, now: now))
    }

    /// Asks before a body is held whether its caller has anything left.
    ///
    /// A short body is waited for all the same, so that its calls are refused by their ids: to one client a plain 429 is the end of its session.
    /// - Returns: why the request is refused, nil when the body is worth waiting for.
    func rateRefusalBeforeBody() -> Reason? {
        if case .length(let length) = parser.head.framing, length <= Self.ratedBody { return nil }
        guard let (principal, route, rate, now) = rateInForce() else { return nil }
        return refuse(after: loop.rates.wait(principal, on: route, under: rate, now: now))
    }

    private func rateInForce() -> (Principal, RouteName, RouteLimits.Rate, UInt64)? {
        guard let exchange, let route = exchange.route?.route, let rate = route.limits.rate,
            let caller = exchange.caller
        else { return nil }
        return (caller.principal, route.name, rate, UInt64(exchange.started.nanoseconds))
    }

    private func refuse(after seconds: Int?) -> Reason? {
        guard let seconds else { return nil }
        exchange?.retryAfter = seconds
        return .rateLimited
    }
}
