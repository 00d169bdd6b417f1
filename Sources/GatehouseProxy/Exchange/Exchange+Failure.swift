internal import GatehouseCore

extension Exchange {
    /// The upstream's failure, or the reason why it was not reached, for operators: without anything that a caller or the upstream wrote. Empty for
    /// an exchange that did not fail behind Gatehouse.
    var failureDetail: String {
        switch answer.refusal {
        case .upstreamUnreachable: upstream.connectFailure.isEmpty ? "no connection" : upstream.connectFailure
        case .upstreamError: "it answered \(upstream.status)"
        case .upstreamCredentialRejected:
            route?.token.map { "it answered 401 to version \($0.version) of the token \($0.name)" } ?? "it answered 401"
        case .upstreamReset: "it closed the connection before the head of its answer was whole"
        case .upstreamMalformed: "its answer may not be passed on"
        case .secretReflected: "its answer held a secret that the route injects"
        case .upstreamEncoded: "its answer is compressed, although none was asked for"
        case .upstreamTimeout: "nothing came in time"
        case _: ""
        }
    }
}
