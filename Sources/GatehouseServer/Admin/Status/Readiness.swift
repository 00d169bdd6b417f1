internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseCore
internal import GatehouseTokens

/// Whether requests can be served, and what is missing when not.
struct Readiness: Sendable {
    enum State: Sendable {
        /// Requests can be served.
        case ready
        /// Some requests can be served: a route lacks its token or fails for every request, or something fails that does not stop requests yet.
        case degraded
        /// No request can be served.
        case missing
    }

    typealias Check = ReadinessCheck

    let checks: [Check]
    let findings: [Finding]
    let state: State

    /// Whether to send requests here: some route serves.
    var isReady: Bool { state != .missing }

    init(_ facts: InstanceFacts) {
        let now = facts.now.seconds
        findings = facts.findings
        let areKeysReady = facts.keys.isReady(now: now)
        let lacking = facts.routes.filter { !facts.missing($0).isEmpty }
        // When the store was never read, the store is reported as missing, and not the routes.
        let isAnyServed = facts.routes.isEmpty || lacking.count < facts.routes.count
        var checks = [
            Check(
                name: "keys",
                isReady: areKeysReady,
                detail: areKeysReady
                    ? StatusWords.count(facts.keys.keyIDs.count, "key") : facts.keysFinding?.detail ?? "not fetched yet"
            ),
            Check(
                name: "store",
                isReady: facts.store.isReady,
                detail: facts.store.isReady
                    ? StatusWords.count(facts.store.served, "token") : facts.storeFinding?.detail ?? "not read yet"
            ),
            Check(
                name: "routes",
                isReady: isAnyServed,
                detail: lacking.isEmpty
                    ? StatusWords.count(facts.routes.count, "route")
                    : "\(lacking.count) of \(facts.routes.count) routes lack a token: "
                        + lacking.map { "\($0.name) needs \(facts.missing($0).map(\.text).joined(separator: ", "))" }
                        .joined(separator: "; ")
            ),
            // A sink that is down does not stop requests: the spool keeps their events.
            Check(name: "audit", isReady: facts.audit.isReady, detail: facts.audit.word.rawValue),
            // A refused file stops nothing: the old configuration goes on.
            Check(name: "configuration", isReady: true, detail: facts.reload.detail),
        ]
        // Whose groups are not asked for is served, and so is whose identity is kept.
        if let identities = facts.identities {
            let kept = StatusWords.count(identities.status.kept, "sign-in")
            let detail = identities.finding(at: now)?.detail ?? "of \(kept)"
            checks.append(Check(name: "identities", isReady: true, detail: detail))
        }
        // Nothing waits for a collector.
        if let telemetry = facts.telemetry {
            let detail = telemetry.finding?.detail ?? StatusWords.telemetry(telemetry)
            checks.append(Check(name: "telemetry", isReady: true, detail: detail))
        }
        // Nobody is let in by an assertion until it is known who is denied.
        if let denials = facts.denials, denials.entries == nil {
            checks.append(Check(name: "denials", isReady: false, detail: denials.problem ?? "not read yet"))
        }
        // A clock that is wrong refuses some requests and takes others: a load balancer cannot know which.
        let clocks = facts.clockFindings
        if !clocks.isEmpty {
            checks.append(Check(name: "clock", isReady: true, detail: clocks.map(\.detail).joined(separator: "; ")))
        }
        if !facts.isListening { checks.append(Check(name: "process", isReady: false, detail: "starting")) }
        if facts.isDraining { checks.append(Check(name: "process", isReady: false, detail: "draining")) }
        self.checks = checks
        let isWhole = !findings.contains { $0.verdict == .fail }
        state = !checks.allSatisfy(\.isReady) ? .missing : isWhole ? .ready : .degraded
    }

    /// Whether a check passes although findings concern its part: it serves, but not fully.
    func isUneven(_ check: Check) -> Bool { findings.contains { Self.check(of: $0.probe) == check.name } }

    private static func check(of probe: Finding.Probe) -> String {
        switch probe {
        case .certs: "keys"
        case .identity: "identities"
        case .store, .masterKey: "store"
        case .token, .renewal, .upstream: "routes"
        case .denials: "denials"
        case .auditSink, .spool: "audit"
        case .telemetry: "telemetry"
        case .configuration: "configuration"
        case _: ""
        }
    }

    /// `ready` is `true`, `"degraded"` or `false`: who asks only whether it is true-like reads it rightly.
    var json: JSONText {
        var json = JSONText()
        json.object { answer in
            switch state {
            case .ready: answer.bool("ready", true)
            case .degraded: answer.string("ready", "degraded")
            case .missing: answer.bool("ready", false)
            }
            answer.object("checks") { list in
                for check in checks {
                    list.object(check.name) { entry in
                        entry.bool("ready", check.isReady)
                        entry.string("detail", check.detail)
                    }
                }
            }
            answer.array("findings") { list in
                for finding in findings { list.object { finding.write(to: &$0) } }
            }
        }
        return json
    }
}
