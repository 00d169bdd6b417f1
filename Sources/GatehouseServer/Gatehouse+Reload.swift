internal import GatehouseConfig
internal import GatehouseCore
internal import Logging
internal import Synchronization

extension Gatehouse {
    /// Reads the file again and puts its routes, limits and store in force, dropping no connection. A bad file, or a store that cannot take over,
    /// keeps the old ones serving; what cannot change while running is named and waits for a restart.
    package func reload(path: String) async {
        let task = reloading.withLock { reloading in
            let task = Task { [before = reloading] in
                await before?.value
                await reloadAlone(path: path)
            }
            reloading = task
            return task
        }
        await task.value
    }

    private func reloadAlone(path: String) async {
        do {
            let new = try Configuration.read(path: path)
            if let store = try await tokens.stage(new) {
                tokens.commit(store) { live.publish(new.routes, new.limits, $0) }
            } else {
                live.publish(new.routes, new.limits)
            }
            live.publish(AccessAssembly.policy(new.access, issuer: configuration.access.issuer))
            let waiting = settingsThatWait(new)
            reloadState.withLock { $0.took(at: SystemClock().now(), waiting: waiting) }
            logger.info("reloaded", metadata: ["routes": "\(new.routes.routes.count)"])
            for warning in new.warnings {
                logger.warning("the configuration has a warning", metadata: ["problem": "\(warning)"])
            }
            if !waiting.isEmpty {
                logger.warning(
                    "some changes wait for a restart",
                    metadata: ["sections": "\(waiting.joined(separator: " "))"]
                )
            }
        } catch let error as ConfigurationError {
            refuse(error.diagnostics.filter { $0.severity == .error }.map(\.description))
        } catch let error as GatehouseError {
            refuse([error.message + (error.hint.map { " (\($0))" } ?? "")])
        } catch {
            refuse(["\(error)"])
        }
    }

    private func refuse(_ problems: [String]) {
        reloadState.withLock { $0.refused(at: SystemClock().now(), problems) }
        for problem in problems {
            logger.error("not reloaded, the old configuration goes on", metadata: ["problem": "\(problem)"])
        }
    }

    /// Sections of the new configuration that differ and are read only at the start.
    private func settingsThatWait(_ new: Configuration) -> [String] {
        var sections: [String] = []
        func compare(_ name: String, _ isSame: Bool) { if !isSame { sections.append(name) } }
        compare("listen", new.listen == configuration.listen)
        compare("admin", new.admin == configuration.admin)
        compare("threads", new.threads == configuration.threads)
        compare("access.issuer", new.access.issuer == configuration.access.issuer)
        compare("access.certs_url", new.access.certsURL == configuration.access.certsURL)
        compare("access.keys_refresh", new.access.keysRefresh == configuration.access.keysRefresh)
        compare("access.keys_max_stale", new.access.keysMaxStale == configuration.access.keysMaxStale)
        if live.takesBearers { compare("bearers", BearerAssembly.path(new) == BearerAssembly.path(configuration)) }
        compare("audit", new.audit == configuration.audit)
        compare("limits.connections", new.limits.connections == configuration.limits.connections)
        return sections
    }
}
