internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseCore
internal import GatehouseTokens

/// The state that a running instance depends on, at one moment, and the findings that follow from it. Holds no secret.
struct InstanceFacts: Sendable {
    /// How long the first reading of keys and tokens may take before its absence is something wrong.
    static let patience: Duration = .seconds(3)

    var now: Timestamp
    /// Since the process started.
    var uptime: Duration = .zero
    /// Whether the listener stands.
    var isListening = true
    var isDraining = false
    var keys = SigningKeySource.Status()
    var certsURL = ""
    /// Nil where nobody's identity is fetched.
    var identities: IdentityState?
    var store = TokenRefreshState()
    var storeName = ""
    /// The versions of the tokens that are served.
    var served: [TokenName: Int] = [:]
    /// Tokens that each person has. Who lacks one is asked to connect it: nothing is missing then.
    var personal: Set<TokenName> = []
    /// Those of them that answers are not searched for.
    var short: Set<TokenName> = []
    /// Tokens that renew themselves.
    var renewals: [TokenName: RenewalState] = [:]
    /// The renewed tokens that an operator begins, by setting a refresh token.
    var seeded: Set<TokenName> = []
    /// Why the store that keeps them could not be read, and its name.
    var renewalStore: (name: String, error: TokenError)?
    /// The pins of the routes that have some.
    var pins: [RouteName: PinStatus] = [:]
    /// Nil where no store keeps deny entries.
    var denials: DenyStatus?
    /// Nil where there is no fleet.
    var fleet: FleetStatus?
    var routes: [Route] = []
    /// The conditions in the order of ``routes``.
    var conditions: [RouteCondition] = []
    var audit = AuditState()
    /// Nil where no collector is configured.
    var telemetry: TelemetryStatus?
    /// How far this machine's clock is ahead of others.
    var leads: [OtherClock: Duration] = [:]
    /// The clock difference that the verification of assertions tolerates.
    var clockSkew: Duration = .zero
    var reload: ReloadState
    /// Findings about files, which are examined apart from everything else.
    var files: [Finding] = []

    /// Tokens that a route injects and that are not served.
    func missing(_ route: Route) -> [TokenName] { route.tokens.filter(isMissing).sorted() }

    private func isMissing(_ token: TokenName) -> Bool { served[token] == nil && !personal.contains(token) }

    /// Everything that is wrong or soon will be. Empty when all is well.
    var findings: [Finding] {
        var findings = files
        if let finding = keysFinding { findings.append(finding) }
        if let finding = identities?.finding(at: now.seconds) { findings.append(finding) }
        if let finding = storeFinding { findings.append(finding) }
        findings += tokenFindings
        findings += renewalFindings
        findings += pins.sorted { $0.key < $1.key }.compactMap { .pins($0, $1, uptime: uptime) }
        if let finding = denials?.finding(uptime: uptime, storeIsDown: store.error != nil) { findings.append(finding) }
        if let finding = fleet?.finding(storeIsDown: store.error != nil || denials?.problem != nil) {
            findings.append(finding)
        }
        findings += auditFindings
        if let finding = telemetry?.finding { findings.append(finding) }
        findings += clockFindings
        if !reload.succeeded {
            findings.append(
                Finding(
                    .configuration,
                    .warn,
                    reload.detail,
                    advice: "gatehouse check says all errors; gatehouse reload"
                )
            )
        }
        if !reload.waiting.isEmpty {
            let detail = "the file changes \(reload.waiting.joined(separator: ", ")), which waits for a restart"
            let advice = "restart Gatehouse when it suits: until then the old value is in force"
            findings.append(Finding(.configuration, .warn, Finding.restart, detail, advice: advice))
        }
        for (route, condition) in zip(routes, conditions) {
            if let finding = condition.finding(route) { findings.append(finding) }
        }
        return findings.filter { $0.verdict != .ok }
    }

    var clockFindings: [Finding] {
        OtherClock.allCases.compactMap { other in
            leads[other].map { .clock(other, lead: $0, tolerance: clockSkew) }
        }
    }

    var keysFinding: Finding? {
        let isReady = keys.isReady(now: now.seconds)
        guard let failure = keys.lastFailure, failure.at >= keys.fetchedAt ?? failure.at else {
            return isReady || uptime < Self.patience ? nil : .certs(certsURL, "the signing keys were not fetched yet")
        }
        // A source that serves the keys of its file has had no successful fetch since the start.
        guard isReady else { return .certs(certsURL, failure.message) }
        let end = keys.servesUntil.map { Timestamp(seconds: $0).rfc3339 } ?? ""
        return .certs(certsURL, "\(failure.message); the last good keys serve until \(end)", .warn)
    }

    var storeFinding: Finding? {
        if let error = store.error {
            return .store(storeName, error.message, hint: error.hint, store.isReady ? .warn : .fail)
        }
        if store.lastSuccess == nil, uptime >= Self.patience {
            return .store(storeName, "the store was not read yet", hint: nil)
        }
        if let at = store.replacedAt, ContinuousClock.now - at < AuditState.noticeLifetime {
            return .store(
                storeName,
                "its file was replaced while it was in use, and the new one was opened",
                hint: "if nobody restored a backup, find out who did it",
                .warn
            )
        }
        return nil
    }

    private var tokenFindings: [Finding] {
        // A store that was never read says nothing of its tokens.
        guard store.lastSuccess != nil else { return [] }
        let stored = routes.tokenUsers.filter {
            renewals[$0.key] == nil && (served[$0.key] != nil || isMissing($0.key))
        }
        let problems = store.errors
        return stored.sorted { $0.key < $1.key }.map { name, routes in
            .token(
                name,
                problem: problems[name],
                version: served[name],
                expiresAt: store.dates[name]?.expiresAt,
                isShort: short.contains(name),
                routes: routes,
                now: now
            )
        }
    }

    private var renewalFindings: [Finding] {
        guard !renewals.isEmpty else { return [] }
        let users = routes.tokenUsers
        var findings = renewals.sorted { $0.key < $1.key }.compactMap { name, state -> Finding? in
            // Of one that no route uses `check` has told.
            guard let routes = users[name], uptime >= Self.patience || state.problem != nil else { return nil }
            return .renewal(name, state, isSeeded: seeded.contains(name), routes: routes)
        }
        if let renewalStore, store.error == nil {
            let error = renewalStore.error
            findings.append(.store(renewalStore.name, error.message, hint: error.hint, .warn))
        }
        return findings
    }

    private var auditFindings: [Finding] {
        let word = audit.word
        let remedy = Finding.remedy(of: word)
        if let trouble = audit.writerTrouble {
            return [Finding(.spool, .fail, "\(word.rawValue): \(trouble)", advice: remedy)]
        }
        if let trouble = audit.sinkTrouble {
            return [Finding(.auditSink, .fail, "\(word.rawValue): \(trouble)", advice: remedy)]
        }
        if let notice = audit.notice, notice.code == .spoolTruncated {
            return [Finding(.spool, .warn, "\(word.rawValue): \(notice)", advice: remedy)]
        }
        guard word != .ready else { return [] }
        let notice = audit.notice.map { ": \($0)" } ?? ""
        return [Finding(.auditSink, .warn, word.rawValue + notice, advice: remedy)]
    }
}
