internal import GatehouseCore
internal import SocketLoop

/// Whether this caller has sent more than the route's rate allows. The gate asks once it knows the methods.
extension GatePhase {
    /// Bytes of a body that is read for its calls' ids even when the caller has nothing left: what a connection may keep anyway costs nothing more.
    static let ratedBody = 16 << 10

    /// Counts messages against their caller's rate, all or none of them.
    ///
    /// - Parameter count: those that may be refused for the rate. `server/discover` and methods that Gatehouse does not know are not among
    ///   them: clients read a refusal of those as the answer to another question.
    /// - Returns: why the request is refused, nil when it is within the rate.
    static func rateRefusal(of count: Int, _ exchange: Exchange, _ tables: borrowing GateTables) -> Reason? {
        guard count > 0, let (principal, route, rate, now) = rateInForce(exchange) else { return nil }
        return refuse(
            exchange,
            after: tables.rates.limit(principal, on: route, to: rate, count: count, now: now, tables.spending)
        )
    }

    /// Asks before a body is held whether its caller has anything left.
    ///
    /// A short body is waited for all the same, so that its calls are refused by their ids: to one client a plain 429 is the end of its session.
    /// - Returns: why the request is refused, nil when the body is worth waiting for.
    static func rateRefusalBeforeBody(
        _ framing: BodyFraming,
        _ exchange: Exchange,
        _ tables: borrowing GateTables
    ) -> Reason? {
        if case .length(let length) = framing, length <= ratedBody { return nil }
        guard let (principal, route, rate, now) = rateInForce(exchange) else { return nil }
        return refuse(exchange, after: tables.rates.wait(principal, on: route, under: rate, now: now))
    }

    private static func rateInForce(_ exchange: Exchange) -> (Principal, RouteName, RouteLimits.Rate, UInt64)? {
        guard let route = exchange.route?.route, let rate = route.limits.rate, let caller = exchange.caller
        else { return nil }
        return (caller.principal, route.name, rate, UInt64(exchange.started.nanoseconds))
    }

    private static func refuse(_ exchange: Exchange, after seconds: Int?) -> Reason? {
        guard let seconds else { return nil }
        exchange.answer.retryAfter = seconds
        return .rateLimited
    }
}
