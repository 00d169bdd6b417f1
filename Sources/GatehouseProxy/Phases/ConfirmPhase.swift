internal import GatehouseCore

/// The answer to another proxy's question about a request that it may forward.
enum ConfirmPhase {
    /// The caller's identity, for the proxy to hand on. Each field always has a value: some proxies leave a field of the client's in place where theirs is
    /// empty. No token is among them.
    static func answer(to caller: Caller, on route: Route) -> LocalResponse {
        let principal = caller.principal
        let subject = principal.subject.isEmpty ? "-" : principal.subject
        // A principal holds no control characters: the verifier refuses any other.
        let lines = """
            X-Gatehouse-Principal: \(principal.name)\r
            X-Gatehouse-Kind: \(principal.kind.rawValue)\r
            X-Gatehouse-Subject: \(subject)\r
            X-Gatehouse-Route: \(route.name)\r

            """
        return LocalResponse(status: 204, content: .none, lines: Array(lines.utf8))
    }
}
