internal import GatehouseCore
internal import GatehouseProxy

extension Gatehouse {
    /// Records in the audit that Gatehouse rolled a token back: a decision that no caller made, with an outcome of its own.
    ///
    /// Its columns: `rpc_method` is `gatehouse/auto_revert`, `target` and `token_name` the token, `token_version` the version that is current
    /// again, `route` the route whose upstream answered 401, `principal_kind` none.
    static func recordRevert(_ route: Route, _ token: TokenName, _ version: Int, in recorder: any AuditRecorder) {
        record("gatehouse/auto_revert", route, token, version, in: recorder)
    }

    /// Puts into the audit that this instance has renewed a token, in the same form; no route stands in it, because a token may serve several.
    static func recordRenewal(_ token: TokenName, _ version: Int, in recorder: any AuditRecorder) {
        record("gatehouse/renew", nil, token, version, in: recorder)
    }

    private static func record(
        _ method: String,
        _ route: Route?,
        _ token: TokenName,
        _ version: Int,
        in recorder: any AuditRecorder
    ) {
        var random = SystemRandomNumberGenerator()
        let id = RequestID(using: &random)
        let now = SystemClock().now()
        let method = Array(method.utf8)
        let target = Array(token.text.utf8)
        method.withUnsafeBytes { method in
            target.withUnsafeBytes { target in
                var facts = AuditFacts(.decision, of: id, at: now)
                facts.route = route
                facts.rpcMethod = method
                facts.target = target
                facts.token = (token, version)
                _ = recorder.record(facts)
            }
        }
        var outcome = AuditFacts(.outcome, of: id, at: now)
        outcome.ending = .complete
        _ = recorder.record(outcome)
    }
}
