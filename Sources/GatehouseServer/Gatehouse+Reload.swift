internal import GatehouseConfig
internal import GatehouseCore
internal import Logging
internal import Synchronization

extension Gatehouse {
    /// Reads the file again and puts its routes and limits in force, dropping no connection. A bad file keeps the old one serving;
    /// what cannot change while running is named and waits for a restart.
    package func reload(path: String) {
        do {
            let new = try Configuration.read(path: path)
            try Enforceable.check(new)
            live.publish(new.routes, new.limits)
            reloadSucceeded.withLock { $0 = true }
            logger.info("reloaded", metadata: ["routes": "\(new.routes.routes.count)"])
            let waiting = settingsThatWait(new)
            if !waiting.isEmpty {
                logger.warning(
                    "some changes wait for a restart",
                    metadata: ["sections": "\(waiting.joined(separator: " "))"]
                )
            }
        } catch let error as ConfigurationError {
            refuse(error.diagnostics.map(\.description))
        } catch {
            refuse(["\(error)"])
        }
    }

    private func refuse(_ problems: [String]) {
        reloadSucceeded.withLock { $0 = false }
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
        compare("access", new.access == configuration.access)
        compare("stores", new.stores == configuration.stores)
        compare("store", new.store == configuration.store)
        compare("store_refresh", new.storeRefresh == configuration.storeRefresh)
        compare("store_max_stale", new.storeMaxStale == configuration.storeMaxStale)
        compare("audit", new.audit == configuration.audit)
        compare("limits.connections", new.limits.connections == configuration.limits.connections)
        // The environment cannot be listed: its store knows the tokens that it was started with.
        if case .environment = configuration.store.settings {
            compare("tokens", new.tokenNames.isSubset(of: configuration.tokenNames))
        }
        return sections
    }
}
