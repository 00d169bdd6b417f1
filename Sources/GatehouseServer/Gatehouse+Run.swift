internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens
internal import Logging
internal import SocketLoop
internal import Synchronization
internal import Threads

/// From the first reading to the end of the drain.
extension Gatehouse {
    /// How long a stop may wait for the audit's sink within `limits.drain`; what it did not take stays in the spool.
    private static let auditFlush: Duration = .seconds(5)
    /// The same when connections have used up all of that time.
    private static let auditFlushAtLeast: Duration = .seconds(1)

    /// Serves until ``stop()`` is called or the task is cancelled, and then drains.
    package func run() async throws {
        try audit.start()
        let keyTask = Task { [keys] in await keys.run() }
        let requestsTask = Task { [self] in await watchRequests() }
        let findingsTask = Task { [self] in await watchFindings() }
        // The admin listener starts before the slow steps, so that a client can learn what the start waits for.
        let isShared = configuration.reusesPort
        let admin = try await listening(on: configuration.admin, key: "admin") {
            try await AdminServer.start(
                on: configuration.admin,
                loop: adminLoop,
                connections: DescriptorLimit.current.adminConnections,
                isShared: isShared
            ) { [self] in await page($0) }
        }
        let readings = Task { [self] in
            async let keysRead = keys.refresh()
            async let denialsRead: Void = denials.start()
            await tokens.start()
            await renewals.start()
            await pins.start()
            await bearers.tick()
            _ = await keysRead
            await denialsRead
        }
        await first(readings)
        let bearerTask = Task { [bearers] in await bearers.run() }
        fleet.start()
        let leftoverTask = Task { [self] in
            await tellOfUnmigrated()
            await bringLeftovers()
        }
        telemetry?.start { [self] in await metrics().families }
        defer {
            leftoverTask.cancel()
            readings.cancel()
            keyTask.cancel()
            findingsTask.cancel()
            requestsTask.cancel()
            tokens.stop()
            pins.stop()
            denials.stop()
            bearerTask.cancel()
        }
        let port: Int?
        do {
            port = try await listenToCallers(isShared: isShared)
        } catch {
            // The path of a shared socket goes back to the instance that runs.
            await proxy.drain(within: .zero, handsOver: isShared)
            await admin.close()
            throw error
        }
        isListening.withLock { $0 = true }
        logger.info(
            "serving",
            metadata: [
                "listen": "\(configuration.listen)", "admin": "\(configuration.admin)",
                "routes": "\(configuration.routes.routes.count)", "threads": "\(configuration.threads)",
                "store": "\(configuration.store.name)", "connections": "\(proxy.maximumConnections)",
                "descriptors": "\(DescriptorLimit.current.count)",
            ]
        )
        writeRunFile(adminPort: admin.port)
        defer { runFile.remove() }
        onReady(port, admin.port)
        StartupPages.release()

        for await _ in stopped {}
        logger.info("draining")
        isDraining.withLock { $0 = true }
        let limit = configuration.limits.drain
        let deadline = ContinuousClock.now + limit
        let handsOver = isShared || fleet.hasOthers
        async let renewed: Void = renewals.stop()
        async let left: Void = fleet.stop()
        await proxy.drain(within: limit, handsOver: handsOver)
        await logRequests()
        await connectServer.close()
        // Before the audit ends: what an operator asks for is recorded.
        await admin.close()
        await renewed
        await left
        let flush = min(max(deadline - .now, Self.auditFlushAtLeast), Self.auditFlush)
        async let told: Void? = telemetry?.stop(within: flush)
        _ = try? await OwnedThread.run(named: "audit-stop") { [audit] in audit.shutdown(within: flush) }
        await told
        for eventLoop in eventLoops + [adminLoop] { await eventLoop.stop() }
        logger.info("stopped")
    }

    /// Says which break-glass credentials of this machine an upgrade to a fleet's has left behind.
    private func tellOfUnmigrated() async {
        guard live.takesBearers, let names = try? await BearerAssembly.unmigrated(configuration), !names.isEmpty else {
            return
        }
        logger.warning(
            "bearers in this machine's file open nothing: the store that keeps state has those of all instances",
            metadata: ["bearers": "\(names.joined(separator: " "))", "remedy": "gatehouse bearer migrate"]
        )
    }

    /// Looks after the folders of instances that ended beside this one, until the drain.
    private func bringLeftovers() async {
        repeat {
            let count = try? await OwnedThread.run(named: "audit-rest") { [leftovers, self] in
                leftovers.bringOnce { isDraining.withLock { $0 } }
            }
            if let count, count > 0 {
                logger.notice(
                    "brought what another instance had recorded to the sink",
                    metadata: ["events": "\(count)"]
                )
            }
            if !isDraining.withLock({ $0 }) { runFile.keep() }
        } while (try? await Task.sleep(for: AuditLeftovers.defaultInterval)) != nil
    }

    /// The commands of this machine find the instance by it. Without one it serves all the same.
    private func writeRunFile(adminPort: Int?) {
        guard let path else { return }
        let file = RunFile.ofThisProcess(
            admin: configuration.admin.bound(to: adminPort),
            configuration: path,
            version: version,
            startedAt: startedAt
        )
        do throws(GatehouseError) {
            try runFile.write(file)
        } catch {
            logger.warning("commands will not find this instance", metadata: ["problem": "\(error.message)"])
        }
    }

    private func listenToCallers(isShared: Bool) async throws -> Int? {
        let port = try await listening(on: configuration.listen, key: "listen") {
            try await proxy.listen(on: configuration.listen, isShared: isShared)
        }
        if let address = configuration.forwardAuth {
            _ = try await listening(on: address, key: "forward_auth") {
                try await proxy.listen(on: address, isShared: isShared, takesQuestions: true)
            }
        }
        return port
    }
}
