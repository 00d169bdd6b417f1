internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens
internal import Logging
internal import Synchronization

extension Gatehouse {
    /// Reads the file again and puts its routes, limits and store in force, dropping no connection. A bad file, or a store that cannot take over,
    /// keeps the old ones serving; changes that need a restart are named; and a file that widens access may be held.
    ///
    /// - Parameters:
    ///   - isConfirmed: an operator says that the file which is there now is meant.
    ///   - cause: the cause of the reload; one change is one reload, whichever cause comes first.
    @discardableResult
    package func reload(
        path: String,
        isConfirmed: Bool = false,
        cause: ReloadCause = .command
    ) async -> ReloadOutcome {
        let task = reloading.withLock { reloading in
            let task = Task { [before = reloading] in
                _ = await before?.value
                return await reloadAlone(path: path, isConfirmed: isConfirmed, cause: cause)
            }
            reloading = task
            return task
        }
        return await task.value
    }

    /// Whether a file is held.
    package var isHoldingReload: Bool { reloadGate.withLock { $0.isHolding } }

    private func reloadAlone(path: String, isConfirmed: Bool, cause: ReloadCause) async -> ReloadOutcome {
        var text: [UInt8]?
        do {
            let read = try Configuration.bytes(of: path)
            text = read
            let old = inForce.withLock { $0 }
            let isInForce = read == old.text && reloadState.withLock { $0.succeeded }
            if let known = reloadGate.withLock({ $0.known(read, isInForce: isInForce, to: cause) }) {
                if cause == .signal { logger.info("nothing to reload: the file is in force already") }
                return known
            }
            let new = try Configuration(parsing: read, file: path, environment: .process, after: old)
            // Two equal readings are needed, because the file may be written while it is read.
            guard try Configuration.bytes(of: path) == new.text else {
                return refuse(.refused, ["the file changed while it was read"], nil)
            }
            let comparison = AccessComparison(from: old, to: new)
            var outcome = ReloadOutcome(.taken)
            outcome.changes = ConfigurationChanges.between(old, new)
            outcome.gains = comparison.gains.map(\.description)
            outcome.losses = comparison.losses.map(\.asLoss)
            outcome.warnings = new.warnings.map(\.description)
            outcome.waiting = settingsThatWait(new)
            let verdict = reloadGate.withLock { gate in
                gate.judge(
                    new,
                    over: old,
                    gains: comparison.gains,
                    isConfirmed: isConfirmed,
                    at: ContinuousClock.now - launchedAt
                )
            }
            switch verdict {
            case .take:
                try await take(new)
                if !outcome.changes.isEmpty {
                    for event in ReloadEvents.events(comparison, outcome.changes) { record(event) }
                }
                outcome.warnings += lackingTokens(new)
                said(outcome, new)
                return outcome
            case .hold(let why, let remaining):
                outcome.result = .held
                outcome.problems = [why]
                // Rounded up, so that a client that waits this long finds the file taken.
                outcome.secondsLeft = remaining.map { Int(($0.microseconds + 999_999) / 1_000_000) }
                hold(outcome)
                return outcome
            }
        } catch let error as ConfigurationError {
            return refuse(.invalid, error.diagnostics.filter { $0.severity == .error }.map(\.description), text)
        } catch let error as GatehouseError {
            return refuse(.refused, [error.message + (error.hint.map { " (\($0))" } ?? "")], text)
        } catch {
            return refuse(.refused, ["\(error)"], text)
        }
    }

    /// All that decides changes in one step on each loop: no request is judged by parts of two files.
    private func take(_ new: Configuration) async throws {
        let authorities = try Self.authorities(new, keeping: live.authorities)
        let old = inForce.withLock { $0 }
        let keys = new.hasKeys(of: old) ? nil : try await InstanceKeys.made(for: new)
        let renewed = try await renewals.stage(new)
        let store = try await tokens.stage(new)
        let page = try connectPage.stage(new)
        let pins = try await pins.stage(new)
        let denied = try await denials.stage(new)
        let joined = try fleet.stage(new)
        let rules = identities.rules(new, issuer: configuration.access.issuer)
        inForce.withLock { inForce in
            self.pins.commit(pins)
            func publish(_ stored: TokenSnapshot?) {
                let made = denied?.book
                guard let renewed else { return live.publish(new, authorities, rules, stored, denials: made) }
                renewals.commit(renewed) {
                    live.publish(new, authorities, rules, stored, renewed: ($0, $1), denials: made)
                }
            }
            func publish() {
                if let store { tokens.commit(store) { publish($0) } } else { publish(nil) }
            }
            if let denied { denials.commit(denied.source, publish) } else { publish() }
            if let keys {
                instanceKeys.replace(keys)
                live.publish(instanceKeys.sessions)
            }
            connectPage.commit(page)
            if let joined { fleet.commit(joined) }
            logLevel?.follow(new.log.level.ofLogger)
            inForce = new
        }
        AuditAssembly.change(audit, to: new.audit, from: old.audit)
    }

    /// Tokens that the new file needs and the store does not have, in the words of the findings.
    private func lackingTokens(_ new: Configuration) -> [String] {
        let served = live.tokens
        let problems = tokens.refreshState.errors
        let lacking = new.tokenNames.subtracting(new.personalTokens.keys).filter {
            served.tokens[$0] == nil && !served.renewed.contains($0)
        }
        guard !lacking.isEmpty else { return [] }
        let users = new.routes.routes.tokenUsers
        return lacking.sorted().map { name in
            let finding = Finding.token(
                name,
                problem: problems[name],
                version: nil,
                routes: users[name] ?? [],
                now: SystemClock().now()
            )
            return "the token \(name): \(finding.detail)" + (finding.advice.map { " (\($0))" } ?? "")
        }
    }

    /// The files with authorities that routes name, read now.
    static func authorities(
        _ configuration: Configuration,
        keeping old: UpstreamAuthorities = .none
    ) throws(GatehouseError) -> UpstreamAuthorities {
        do throws(InvalidValue) {
            return try UpstreamAuthorities(of: configuration.routes.routes, keeping: old)
        } catch {
            throw GatehouseError(
                .unusable,
                error.message,
                hint: "upstream_tls.ca names a PEM file that this process can read"
            )
        }
    }

    private func said(_ outcome: ReloadOutcome, _ new: Configuration) {
        reloadState.withLock { $0.took(at: SystemClock().now(), waiting: outcome.waiting) }
        logger.info("reloaded", metadata: ["routes": "\(new.routes.routes.count)"])
        for gain in outcome.gains {
            logger.warning("the new configuration widens access", metadata: ["gain": "\(gain)"])
        }
        for warning in outcome.warnings {
            logger.warning("the configuration has a warning", metadata: ["problem": "\(warning)"])
        }
        if !outcome.waiting.isEmpty {
            logger.warning(
                "some changes wait for a restart",
                metadata: [
                    "sections": "\(outcome.waiting.joined(separator: " "))",
                    "remedy": "restart Gatehouse when it suits: until then the old value is in force",
                ]
            )
        }
    }

    private func hold(_ outcome: ReloadOutcome) {
        let why = outcome.problems.joined(separator: "; ")
        let until = outcome.secondsLeft.map { "; taken when it has been the same for \($0) s more" } ?? ""
        reloadState.withLock { $0.held(at: SystemClock().now(), why + until) }
        for gain in outcome.gains {
            logger.warning(
                "the new configuration would widen access and is held",
                metadata: ["gain": "\(gain)", "why": "\(why)\(until)"]
            )
        }
    }

    private func refuse(
        _ result: ReloadOutcome.Result,
        _ problems: [String],
        _ text: [UInt8]?
    ) -> ReloadOutcome {
        reloadGate.withLock { $0.refused(text, result) }
        reloadState.withLock { $0.refused(at: SystemClock().now(), problems) }
        for problem in problems {
            logger.error(
                "not reloaded, the old configuration goes on",
                metadata: ["problem": "\(problem)", "remedy": "gatehouse check says all errors; gatehouse reload"]
            )
        }
        return ReloadOutcome(result, problems: problems)
    }

    /// Sections of the new configuration that differ and are read only at the start.
    private func settingsThatWait(_ new: Configuration) -> [String] {
        var sections: [String] = []
        func compare(_ name: String, _ isSame: Bool) { if !isSame { sections.append(name) } }
        compare("listen", new.listen == configuration.listen)
        compare("admin", new.admin == configuration.admin)
        compare("reuse_port", new.reusesPort == configuration.reusesPort)
        compare("admin_hosts", new.adminHosts == configuration.adminHosts)
        compare("forward_auth", new.forwardAuth == configuration.forwardAuth)
        compare("threads", new.threads == configuration.threads)
        compare("access.issuer", new.access.issuer == configuration.access.issuer)
        compare("access.certs_url", new.access.certsURL == configuration.access.certsURL)
        compare("access.keys_refresh", new.access.keysRefresh == configuration.access.keysRefresh)
        compare("access.keys_max_stale", new.access.keysMaxStale == configuration.access.keysMaxStale)
        if live.takesBearers { compare("bearers", BearerAssembly.place(new) == BearerAssembly.place(configuration)) }
        // All but the audit's chain, which was begun under the old ones, follows the new ones at once.
        if new.store.name == configuration.store.name {
            let isSame = new.store.settings.masterKeys == configuration.store.settings.masterKeys
            compare("stores.\(new.store.name).master_keys", isSame)
        }
        compare("audit", new.audit.hasSameSpool(as: configuration.audit))
        compare("telemetry", new.telemetry == configuration.telemetry)
        if live.hasFleetRates { compare("limits.rate_scope", new.state == configuration.state) }
        compare("limits.connections", new.limits.connections == configuration.limits.connections)
        return sections
    }
}

extension Configuration {
    /// Whether the instance's own keys come from the same places.
    fileprivate func hasKeys(of other: Configuration) -> Bool {
        store.name == other.store.name && stores.map(\.name) == other.stores.map(\.name)
            && stores.map(\.settings.masterKeys) == other.stores.map(\.settings.masterKeys)
    }
}
