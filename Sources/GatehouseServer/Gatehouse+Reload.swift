internal import GatehouseConfig
internal import GatehouseCore
internal import Logging
internal import Synchronization

extension Gatehouse {
    /// Reads the file again and puts its routes, limits and store in force, dropping no connection. A bad file, or a store that cannot take over,
    /// keeps the old ones serving; what cannot change while running is named and waits for a restart; and what widens access may be held.
    ///
    /// - Parameters:
    ///   - isConfirmed: an operator says that the file which is there now is meant.
    ///   - ifDifferent: somebody saw it change, and may not have been the first: what is in force already is not read into force again.
    @discardableResult
    package func reload(
        path: String,
        isConfirmed: Bool = false,
        ifDifferent: Bool = false
    ) async -> ReloadOutcome {
        let task = reloading.withLock { reloading in
            let task = Task { [before = reloading] in
                _ = await before?.value
                return await reloadAlone(path: path, isConfirmed: isConfirmed, ifDifferent: ifDifferent)
            }
            reloading = task
            return task
        }
        return await task.value
    }

    /// Whether a file waits to be taken.
    package var isHoldingReload: Bool { reloadGate.withLock { $0.isHolding } }

    private func reloadAlone(path: String, isConfirmed: Bool, ifDifferent: Bool) async -> ReloadOutcome {
        do {
            let new = try Configuration.read(path: path)
            // The same twice, or somebody writes to it while it is read.
            guard try Configuration.bytes(of: path) == new.text else {
                return refuse(.refused, ["the file changed while it was read"])
            }
            let old = inForce.withLock { $0 }
            if ifDifferent, new.text == old.text, reloadState.withLock({ $0.succeeded }) {
                return ReloadOutcome(.taken)
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
                said(outcome, new)
                return outcome
            case .hold(let why, let remaining):
                outcome.result = .held
                outcome.problems = [why]
                // Up, so that who waits for so long finds it taken.
                outcome.secondsLeft = remaining.map { Int(($0.microseconds + 999_999) / 1_000_000) }
                hold(outcome)
                return outcome
            }
        } catch let error as ConfigurationError {
            return refuse(.invalid, error.diagnostics.filter { $0.severity == .error }.map(\.description))
        } catch let error as GatehouseError {
            return refuse(.refused, [error.message + (error.hint.map { " (\($0))" } ?? "")])
        } catch {
            return refuse(.refused, ["\(error)"])
        }
    }

    /// All that decides changes in one step on each loop: no request is judged by parts of two files.
    private func take(_ new: Configuration) async throws {
        let policy = AccessAssembly.policy(new.access, issuer: configuration.access.issuer)
        let old = inForce.withLock { $0 }
        let keys = new.hasKeys(of: old) ? nil : try await InstanceKeys.made(for: new)
        if let store = try await tokens.stage(new) {
            tokens.commit(store) { live.publish(new.routes, new.limits, policy, $0) }
        } else {
            live.publish(new.routes, new.limits, policy)
        }
        if let keys {
            instanceKeys.replace(keys)
            live.publish(instanceKeys.sessions)
        }
        inForce.withLock { $0 = new }
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
                metadata: ["sections": "\(outcome.waiting.joined(separator: " "))"]
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

    private func refuse(_ result: ReloadOutcome.Result, _ problems: [String]) -> ReloadOutcome {
        reloadGate.withLock { $0.forget() }
        reloadState.withLock { $0.refused(at: SystemClock().now(), problems) }
        for problem in problems {
            logger.error("not reloaded, the old configuration goes on", metadata: ["problem": "\(problem)"])
        }
        return ReloadOutcome(result, problems: problems)
    }

    /// Sections of the new configuration that differ and are read only at the start.
    private func settingsThatWait(_ new: Configuration) -> [String] {
        var sections: [String] = []
        func compare(_ name: String, _ isSame: Bool) { if !isSame { sections.append(name) } }
        compare("listen", new.listen == configuration.listen)
        compare("admin", new.admin == configuration.admin)
        compare("admin_hosts", new.adminHosts == configuration.adminHosts)
        compare("threads", new.threads == configuration.threads)
        compare("access.issuer", new.access.issuer == configuration.access.issuer)
        compare("access.certs_url", new.access.certsURL == configuration.access.certsURL)
        compare("access.keys_refresh", new.access.keysRefresh == configuration.access.keysRefresh)
        compare("access.keys_max_stale", new.access.keysMaxStale == configuration.access.keysMaxStale)
        if live.takesBearers { compare("bearers", BearerAssembly.path(new) == BearerAssembly.path(configuration)) }
        // All but the audit's chain, which was begun under the old ones, follows the new ones at once.
        if new.store.name == configuration.store.name {
            let isSame = new.store.settings.masterKeys == configuration.store.settings.masterKeys
            compare("stores.\(new.store.name).master_keys", isSame)
        }
        compare("audit", new.audit == configuration.audit)
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
