internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseCore
internal import GatehouseTokens

/// Whether requests can be served, and what is missing when not.
struct Readiness: Sendable {
    struct Check: Sendable {
        let name: String
        let isReady: Bool
        /// One word, or a sentence without secrets.
        let detail: String
    }

    let checks: [Check]

    var isReady: Bool { checks.allSatisfy(\.isReady) }

    init(
        keys: SigningKeySource.Status,
        tokens: TokenRefreshState,
        audit: AuditState,
        reload: ReloadState,
        isDraining: Bool,
        now: Timestamp
    ) {
        var checks = [
            Check(
                name: "keys",
                isReady: keys.isReady(now: now.seconds),
                detail: keys.isReady(now: now.seconds)
                    ? "\(keys.keyIDs.count) keys" : keys.lastFailure?.message ?? "not fetched yet"
            ),
            Check(
                name: "store",
                isReady: tokens.isReady,
                detail: tokens.isReady ? "\(tokens.served) tokens" : tokens.error?.message ?? "not read yet"
            ),
            // A sink that is down does not stop requests: the spool keeps their events.
            Check(name: "audit", isReady: audit.isReady, detail: audit.word.rawValue),
            // A refused file stops nothing: the old configuration goes on.
            Check(name: "configuration", isReady: true, detail: reload.detail),
        ]
        if isDraining { checks.append(Check(name: "process", isReady: false, detail: "draining")) }
        self.checks = checks
    }

    var json: JSONText {
        var json = JSONText()
        json.object { answer in
            answer.bool("ready", isReady)
            answer.object("checks") { list in
                for check in checks {
                    list.object(check.name) { entry in
                        entry.bool("ready", check.isReady)
                        entry.string("detail", check.detail)
                    }
                }
            }
        }
        return json
    }
}
