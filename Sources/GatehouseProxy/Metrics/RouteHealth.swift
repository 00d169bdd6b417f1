package import GatehouseCore

/// The last success and failure of a route's upstream, as its requests met them.
package struct RouteHealth: Sendable {
    /// When the last request came that the upstream answered.
    package private(set) var lastAnswer: Timestamp?
    /// The last request that was allowed and that the upstream failed, with what the upstream did or why it was not reached.
    package private(set) var lastFailure: (at: Timestamp, reason: Reason, detail: String)?

    package init() {}

    package init(lastAnswer: Timestamp?, lastFailure: (at: Timestamp, reason: Reason, detail: String)?) {
        (self.lastAnswer, self.lastFailure) = (lastAnswer, lastFailure)
    }

    /// Nil while no request has succeeded or failed.
    package var isGood: Bool? {
        guard let failure = lastFailure else { return lastAnswer == nil ? nil : true }
        return lastAnswer.map { $0 > failure.at } ?? false
    }

    mutating func finished(_ exchange: Exchange) {
        if exchange.answer.refusal == .upstreamNotMCP || exchange.answer.refusal == .secretReflected {
            // The upstream answered, but not in a form that this caller may have: no caller's request makes a route look ill to others.
            lastAnswer = exchange.startedAt
        } else if let reason = exchange.answer.refusal {
            if reason.followsAllow { lastFailure = (exchange.startedAt, reason, exchange.failureDetail) }
        } else if exchange.upstream.answered != nil {
            lastAnswer = exchange.startedAt
        }
    }

    package func merged(with other: RouteHealth) -> RouteHealth {
        var merged = self
        if let theirs = other.lastAnswer { merged.lastAnswer = max(lastAnswer ?? theirs, theirs) }
        if let theirs = other.lastFailure, theirs.at >= lastFailure?.at ?? theirs.at { merged.lastFailure = theirs }
        return merged
    }
}
