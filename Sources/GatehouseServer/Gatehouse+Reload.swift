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
            try Enforceable.check(new)
            if let store = try await tokens.stage(new) {
                tokens.commit(store) { live.publish(new.routes, new.limits, $0) }
            } else {
                live.publish(new.routes, new.limits)
            }
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
        } catch let error as GatehouseError {
            refuse([error.message + (error.hint.map { " (\($0))" } ?? "")])
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
        compare("audit", new.audit == configuration.audit)
        compare("limits.connections", new.limits.connections == configuration.limits.connections)
        return sections
    }
}
