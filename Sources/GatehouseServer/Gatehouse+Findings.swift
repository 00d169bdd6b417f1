internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens
internal import Logging
internal import Synchronization

/// Looks for findings from the start on, whether or not requests come.
extension Gatehouse {
    /// Time between two rounds of checks.
    static let findingsInterval: Duration = .seconds(1)

    func facts(_ traffic: LoopMetrics.Snapshot) async -> InstanceFacts {
        let now = SystemClock().now()
        var facts = InstanceFacts(now: now, reload: reloadState.withLock { $0 })
        facts.uptime = ContinuousClock.now - launchedAt
        facts.isListening = isListening.withLock { $0 }
        facts.isDraining = isDraining.withLock { $0 }
        facts.keys = await keys.status
        facts.certsURL = configuration.access.certsURL.text
        facts.identities = await identities.state()
        // A reload changes all of it in one step: no cause is looked for in the store of another file than the routes are from.
        inForce.withLock { configuration in
            facts.clockSkew = configuration.access.clockSkew
            let source = tokens.source
            facts.store = source.refresher.state
            facts.storeName = source.name.text
            let served = live.tokens.tokens
            facts.served = served.mapValues(\.version)
            facts.personal = Set(live.tokens.personal.fallsBack.keys)
            let renewed = renewals.source
            facts.renewals = renewed.renewer?.states ?? [:]
            facts.seeded = Set(renewed.settings.filter { $0.value.renewal?.needsSeed == true }.keys)
            facts.renewalStore = renewed.renewer?.problem.map { (renewed.state?.name.text ?? "", $0) }
            facts.pins = pins.status
            facts.denials = denials.status
            facts.fleet = fleet.status
            facts.routes = live.routes.routes
            facts.short = Set(served.keys.filter { ShortSecrets.contains($0, served[$0]?.secret, of: facts.routes) })
        }
        let minute = LoopMetrics.minute
        facts.conditions = facts.routes.map { route in
            RouteCondition(
                route,
                missing: facts.missing(route),
                health: traffic.health[route.name] ?? RouteHealth(),
                hour: (traffic.hours[route.name] ?? LastHour()).ending(at: minute)
            )
        }
        facts.audit = audit.state(at: now)
        facts.telemetry = telemetry?.status
        facts.leads[.certs] = certsClock.lead(at: now)
        facts.leads[.audit] = facts.audit.clock?.lead(of: now)
        facts.leads[.store] = facts.store.clock?.lead(of: now)
        facts.files = fileFindings.withLock { $0 }
        return facts
    }

    /// Looks each second, and says in the log what begins, lasts and ends, until the task is cancelled.
    func watchFindings() async {
        var standing = StandingFindings()
        repeat {
            let inForce = inForce.withLock { $0 }
            // The check may block for as long as the file system does; readiness reports the last result.
            let files =
                [path.flatMap { Finding.replacedFile($0, .configuration) }]
                + inForce.secretFiles.map { Finding.replacedFile($0, .secrets) }
            fileFindings.withLock { $0 = files.compactMap { $0 } }
            let findings = await facts(await traffic().snapshot).findings
            for (word, finding) in standing.update(findings, at: ContinuousClock.now - launchedAt) {
                // The reload itself has logged every error of a file that it refused, and the changes that need a restart.
                if word == .began, finding.probe == .configuration, ["", Finding.restart].contains(finding.subject) {
                    continue
                }
                say(word, finding)
            }
        } while (try? await Task.sleep(for: Self.findingsInterval)) != nil
    }

    private func say(_ word: StandingFindings.Word, _ finding: Finding) {
        var metadata: Logger.Metadata = [
            "probe": "\(finding.probe.rawValue)", "problem": "\(finding.detail)", "runbook": "\(finding.probe.runbook)",
        ]
        if !finding.subject.isEmpty { metadata["subject"] = "\(finding.subject)" }
        if let advice = finding.advice, word != .ended { metadata["remedy"] = "\(advice)" }
        let level: Logger.Level = finding.verdict == .fail ? .error : .warning
        switch word {
        case .began: logger.log(level: level, "a problem began", metadata: metadata)
        case .lasts: logger.log(level: level, "a problem lasts", metadata: metadata)
        case .ended: logger.notice("a problem ended", metadata: metadata)
        }
    }
}
