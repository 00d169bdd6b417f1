internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens

/// The metrics of one moment. Labels are bounded: routes, reasons and statuses.
struct MetricsText {
    private(set) var families: [MetricFamily] = []

    var text: String { families.map(\.text).joined() }

    mutating func family(_ name: String, _ kind: MetricFamily.Kind, _ help: String) {
        families.append(MetricFamily(name: name, kind: kind, help: help))
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: some BinaryInteger) {
        add(name, labels, .integer(Int64(clamping: value)))
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Double) {
        add(name, labels, .number(value))
    }

    /// - Precondition: the family was begun.
    private mutating func add(_ name: String, _ labels: [(String, String)], _ value: MetricFamily.Value) {
        guard let family = families.lastIndex(where: { $0.name == name }) else {
            preconditionFailure("a sample belongs to a family")
        }
        families[family].points.append(MetricFamily.Point(labels: labels.map { ($0.0, $0.1) }, value: value))
    }

    /// Reasons that alerts look at.
    private static let alerted: [Reason] =
        Reason.allCases.filter { $0.followsAllow && $0 != .upstreamNotMCP && $0 != .secretReflected }
        + [.keysUnavailable, .identityUnavailable, .denialsUnavailable, .tokenUnavailable, .auditUnavailable]

    /// Statuses of an upstream's own failures that have a series from the start; others have one from their first on.
    private static let failureStatuses = [500, 502, 503, 504]

    /// A counter that is born at 1 has not increased, so the first failure of a route would be seen by no alert.
    private static func fromTheStart(_ route: Route) -> [LoopMetrics.Series] {
        func series(_ reason: Reason?, _ status: Int) -> LoopMetrics.Series {
            LoopMetrics.Series(route: route.name, reason: reason, status: status)
        }
        var all = [series(nil, 200)] + failureStatuses.map { series(.upstreamError, $0) }
        for reason in alerted {
            if reason != .upstreamError { all.append(series(reason, reason.status)) }
            if route.answersErrorsAs200 { all.append(series(reason, 200)) }
        }
        return all
    }

    /// - Parameter routes: those in force, whose counters are there from the start.
    mutating func addTraffic(
        _ traffic: LoopMetrics.Snapshot,
        routes: [Route] = [],
        openConnections: Int,
        openExchanges: Int
    ) {
        family("gatehouse_requests_total", .counter, "Finished requests by route, decision, reason and status.")
        var requests = traffic.requests
        for route in routes { for series in Self.fromTheStart(route) { requests[series, default: 0] += 0 } }
        for (series, count) in requests.sorted(by: { Self.order($0.key) < Self.order($1.key) }) {
            let decision = series.reason?.followsAllow ?? true ? "allow" : "deny"
            sample(
                "gatehouse_requests_total",
                [
                    ("route", series.route?.text ?? ""), ("decision", decision),
                    ("reason", series.reason?.rawValue ?? ""),
                    ("status", String(series.status)),
                ],
                count
            )
        }
        family("gatehouse_overloaded_connections_total", .counter, "Connections refused because too many were open.")
        sample("gatehouse_overloaded_connections_total", [], traffic.overloaded)
        family(
            "gatehouse_list_entries_unreadable_total",
            .counter,
            "Entries withheld from limited callers because nothing clear named them or they were over 1 MiB."
        )
        for (route, count) in traffic.unreadable.sorted(by: { $0.key < $1.key }) {
            sample("gatehouse_list_entries_unreadable_total", [("route", route.text)], count)
        }
        family(
            "gatehouse_secrets_reflected_total",
            .counter,
            "Requests whose answer held a secret that the route injects."
        )
        var reflected = traffic.reflected
        for route in routes where route.reflection != .off { reflected[route.name, default: 0] += 0 }
        for (route, count) in reflected.sorted(by: { $0.key < $1.key }) {
            sample("gatehouse_secrets_reflected_total", [("route", route.text)], count)
        }
        family("gatehouse_open_connections", .gauge, "Client connections open now.")
        sample("gatehouse_open_connections", [], openConnections)
        family("gatehouse_open_exchanges", .gauge, "Requests and streams under way now.")
        sample("gatehouse_open_exchanges", [], openExchanges)
        addHistograms(
            "gatehouse_added_seconds",
            "Time from the request's head to its being sent upstream.",
            traffic.added
        )
        addHistograms(
            "gatehouse_upstream_seconds",
            "Time from the request being sent upstream to the answer's head.",
            traffic.upstream
        )
    }

    private static func order(_ series: LoopMetrics.Series) -> String {
        "\(series.route?.text ?? "") \(series.reason?.rawValue ?? "") \(series.status)"
    }

    private mutating func addHistograms(_ name: String, _ help: String, _ histograms: [RouteName: LatencyHistogram]) {
        family(name, .histogram, help)
        for (route, histogram) in histograms.sorted(by: { $0.key < $1.key }) {
            add(name, [("route", route.text)], .times(histogram))
        }
    }

    /// The number of findings for each probe: the same findings as on `/readyz`.
    mutating func addProblems(_ facts: InstanceFacts) {
        let readiness = Readiness(facts)
        family("gatehouse_ready", .gauge, "1 when requests can be served, on some route at least.")
        sample("gatehouse_ready", [], readiness.isReady ? 1 : 0)
        family("gatehouse_problems", .gauge, "What /readyz finds wrong now, by probe and verdict.")
        for probe in Finding.Probe.allCases {
            for verdict in [Finding.Verdict.warn, .fail] {
                sample(
                    "gatehouse_problems",
                    [("probe", probe.rawValue), ("verdict", verdict.rawValue.lowercased())],
                    readiness.findings.count { $0.probe == probe && $0.verdict == verdict }
                )
            }
        }
    }

    mutating func addClocks(_ leads: [OtherClock: Duration]) {
        family(
            "gatehouse_clock_skew_seconds",
            .gauge,
            "How far this machine's clock is ahead of another one; negative when it is behind."
        )
        for other in OtherClock.allCases {
            guard let lead = leads[other] else { continue }
            sample(
                "gatehouse_clock_skew_seconds",
                [("source", other.rawValue)],
                Double(lead.microseconds) / 1_000_000
            )
        }
    }

    mutating func addKeys(_ keys: SigningKeySource.Status, now: Timestamp) {
        family("gatehouse_signing_keys", .gauge, "Signing keys in use.")
        sample("gatehouse_signing_keys", [], keys.keyIDs.count)
        guard let age = keys.age(now: now.seconds) else { return }
        family("gatehouse_signing_keys_age_seconds", .gauge, "Time since the signing keys were fetched.")
        sample("gatehouse_signing_keys_age_seconds", [], age)
    }

    /// Nothing where no identity is fetched.
    mutating func addIdentities(_ identities: IdentitySource.Status?) {
        guard let identities else { return }
        family("gatehouse_identities", .gauge, "Sign-ins whose identity is kept.")
        sample("gatehouse_identities", [], identities.kept)
        family("gatehouse_identity_fetches_total", .counter, "Identities asked for, by result.")
        let results = [
            ("ok", identities.fetched), ("failed", identities.failed), ("refused", identities.refused),
            ("overloaded", identities.overloaded),
        ]
        for (result, count) in results { sample("gatehouse_identity_fetches_total", [("result", result)], count) }
    }

    mutating func addTokens(_ tokens: TokenRefreshState, reverts: [TokenName: Int] = [:], now: Timestamp) {
        family("gatehouse_tokens", .gauge, "Upstream tokens served.")
        sample("gatehouse_tokens", [], tokens.served)
        family("gatehouse_tokens_stale", .gauge, "Tokens served although the store no longer gives them.")
        sample("gatehouse_tokens_stale", [], tokens.stale)
        family(
            "gatehouse_token_reverts_total",
            .counter,
            "Times that auto_revert went back to a token's version before."
        )
        for (name, count) in reverts.sorted(by: { $0.key < $1.key }) {
            sample("gatehouse_token_reverts_total", [("token", name.text)], count)
        }
        addDates(tokens.dates.sorted { $0.key < $1.key }, now: now)
        guard let age = tokens.age(at: now) else { return }
        family("gatehouse_store_age_seconds", .gauge, "Time since the token store was last read in full.")
        sample("gatehouse_store_age_seconds", [], Double(age.microseconds) / 1_000_000)
    }

    /// Nothing where no token renews itself.
    mutating func addRenewals(_ renewals: [TokenName: RenewalState]) {
        guard !renewals.isEmpty else { return }
        let sorted = renewals.sorted { $0.key < $1.key }
        family("gatehouse_token_renewals_total", .counter, "Renewals of tokens by this instance, by result.")
        for (name, state) in sorted {
            sample("gatehouse_token_renewals_total", [("token", name.text), ("result", "ok")], state.renewals)
            sample("gatehouse_token_renewals_total", [("token", name.text), ("result", "failed")], state.failures)
        }
        family(
            "gatehouse_token_renewal_state",
            .gauge,
            "1 for the state of a token that renews itself, 0 for the others."
        )
        for (name, state) in sorted {
            for word in RenewalSchedule.State.allCases {
                sample(
                    "gatehouse_token_renewal_state",
                    [("token", name.text), ("state", word.rawValue)],
                    state.word == word ? 1 : 0
                )
            }
        }
    }

    /// - Parameter names: of the tokens of which each caller has an own one.
    mutating func addPersonal(_ names: Set<TokenName>, _ tokens: PersonalTokens) {
        guard !names.isEmpty else { return }
        family(
            "gatehouse_personal_tokens",
            .gauge,
            "Owners of a token that each caller has an own one of, by its state."
        )
        for name in names.sorted() {
            let owners = tokens.owners(of: name)
            for state in PersonalTokens.State.allCases {
                sample(
                    "gatehouse_personal_tokens",
                    [("token", name.text), ("state", state.rawValue)],
                    owners[state] ?? 0
                )
            }
        }
    }

    private mutating func addDates(_ dates: [(key: TokenName, value: TokenDates)], now: Timestamp) {
        family("gatehouse_token_age_seconds", .gauge, "Time since the token's current version was set.")
        for (name, date) in dates {
            guard let created = date.createdAt else { continue }
            sample(
                "gatehouse_token_age_seconds",
                [("token", name.text)],
                Double((now - created).microseconds) / 1_000_000
            )
        }
        family(
            "gatehouse_token_expiry_timestamp_seconds",
            .gauge,
            "When the upstream ends the token, as its expires_at says."
        )
        for (name, date) in dates {
            guard let expires = date.expiresAt else { continue }
            sample("gatehouse_token_expiry_timestamp_seconds", [("token", name.text)], expires.seconds)
        }
    }

    mutating func addBearers(_ bearers: BearerWatch.State) {
        family("gatehouse_bearers_live", .gauge, "Break-glass credentials that open something now.")
        sample("gatehouse_bearers_live", [], bearers.live.count)
    }

    mutating func addBuild(version: String, startedAt: Timestamp) {
        family("gatehouse_build_info", .gauge, "Always 1; the labels say what runs.")
        sample("gatehouse_build_info", [("version", version)], 1)
        family("gatehouse_start_time_seconds", .gauge, "When the process started, since 1970.")
        sample("gatehouse_start_time_seconds", [], startedAt.seconds)
    }

    mutating func addLog(lost: Int) {
        family("gatehouse_log_lines_lost_total", .counter, "Log lines that nobody read in time.")
        sample("gatehouse_log_lines_lost_total", [], lost)
    }

    mutating func addAudit(_ audit: AuditState) {
        family("gatehouse_audit_events_total", .counter, "Audit events recorded.")
        sample("gatehouse_audit_events_total", [], audit.recorded)
        family("gatehouse_audit_lost_total", .counter, "Audit events that could not be recorded.")
        sample("gatehouse_audit_lost_total", [("kind", "decision")], audit.lostDecisions)
        sample("gatehouse_audit_lost_total", [("kind", "outcome")], audit.lostOutcomes)
        family(
            "gatehouse_audit_counted_total",
            .counter,
            "Requests of nobody established that the audit tells by number and not one by one."
        )
        sample("gatehouse_audit_counted_total", [], audit.counted)
        family("gatehouse_audit_late_total", .counter, "Decisions that were not on the disk in time.")
        sample("gatehouse_audit_late_total", [], audit.late)
        family("gatehouse_audit_damaged_total", .counter, "Places in the spool that could not be read back.")
        sample("gatehouse_audit_damaged_total", [], audit.damaged)
        family("gatehouse_audit_sink_replaced_total", .counter, "Times that the sink lacked events it had taken.")
        sample("gatehouse_audit_sink_replaced_total", [], audit.replacements)
        family(
            "gatehouse_audit_unrecoverable_total",
            .counter,
            "Events that the sink lacked then and that the spool had no more."
        )
        sample("gatehouse_audit_unrecoverable_total", [], audit.unrecoverable)
        family("gatehouse_audit_pruned_total", .counter, "Events deleted because they were older than they are kept.")
        sample("gatehouse_audit_pruned_total", [], audit.retention.deleted)
        family(
            "gatehouse_audit_retention_failing",
            .gauge,
            "1 while old events are not deleted although they should be."
        )
        sample("gatehouse_audit_retention_failing", [], audit.retention.problem == nil ? 0 : 1)
        family("gatehouse_audit_state", .gauge, "1 for the word that readiness says of the audit, 0 for the others.")
        for word in AuditState.Word.allCases {
            sample("gatehouse_audit_state", [("state", word.rawValue)], audit.word == word ? 1 : 0)
        }
        family("gatehouse_audit_spool_events", .gauge, "Events that the sink has not taken yet.")
        sample("gatehouse_audit_spool_events", [], audit.depthEvents)
        family("gatehouse_audit_spool_bytes", .gauge, "Bytes of the spool's segments.")
        sample("gatehouse_audit_spool_bytes", [], audit.spoolBytes)
        family("gatehouse_audit_sink_lag_seconds", .gauge, "Age of the oldest event that the sink has not taken.")
        sample("gatehouse_audit_sink_lag_seconds", [], Double(audit.lag.microseconds) / 1_000_000)
    }

    mutating func addReload(_ reload: ReloadState) {
        family(
            "gatehouse_config_last_reload_successful",
            .gauge,
            "1 when the last reload took the file, 0 when it kept the old one."
        )
        sample("gatehouse_config_last_reload_successful", [], reload.succeeded ? 1 : 0)
        family("gatehouse_config_loaded_timestamp_seconds", .gauge, "When the configuration in force was taken.")
        sample("gatehouse_config_loaded_timestamp_seconds", [], reload.loadedAt.seconds)
        family("gatehouse_config_reloads_total", .counter, "Reloads by result.")
        sample("gatehouse_config_reloads_total", [("result", "taken")], reload.taken)
        sample("gatehouse_config_reloads_total", [("result", "refused")], reload.refused)
        family("gatehouse_config_waiting_sections", .gauge, "Changed sections of the file that wait for a restart.")
        sample("gatehouse_config_waiting_sections", [], reload.waiting.count)
    }
}
