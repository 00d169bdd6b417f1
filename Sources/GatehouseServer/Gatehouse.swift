internal import AccessIdentity
internal import CurlClient
internal import GatehouseAudit
package import GatehouseConfig
internal import GatehouseCore
internal import GatehouseMCP
internal import GatehouseProxy
internal import GatehouseTokens
package import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import SocketLoop
internal import Synchronization

/// The composition root: makes every part from the configuration, joins them, and runs them until told to stop.
package final class Gatehouse: Sendable {
    let configuration: Configuration
    let logger: Logger
    let live: LiveState
    let startedAt = SystemClock().now()
    /// As `--version` says it.
    let version: String
    let reloadState = Mutex(ReloadState(startedAt: SystemClock().now()))
    private let eventLoops: [EpollLoop]
    /// Of the admin listener, which has a thread of its own: what is asked there never delays a request.
    private let adminGroup: MultiThreadedEventLoopGroup
    let audit: AuditSystem
    let keys: SigningKeySource
    let tokens: LiveTokens
    /// Reloads run one after the other, in the order they were asked for.
    let reloading = Mutex<Task<Void, Never>?>(nil)
    /// Break-glass credentials; its `state` may be read at any time.
    let bearers: BearerWatch
    let proxy: ProxyServer
    private let authenticators: [LoopBound<LoopAuthenticator>]
    private let adminHost: AdminHost
    private let isDraining = Mutex(false)
    /// Ends when ``stop()`` was called.
    private let (stopped, stopping) = AsyncStream.makeStream(of: Never.self)
    private let onReady: @Sendable (_ listen: Int?, _ admin: Int?) -> Void

    /// Opens the spool and the store and makes the event loops; nothing listens yet.
    ///
    /// - Parameters:
    ///   - version: what the status page calls this build.
    ///   - onReady: called once both listeners stand, with their ports; nil for a unix socket.
    /// - Throws: ``GatehouseError``, `AuditError`, `TokenError` for what the configuration names and cannot be used.
    package init(
        _ configuration: Configuration,
        logger: Logger,
        version: String = "",
        onReady: @escaping @Sendable (_ listen: Int?, _ admin: Int?) -> Void = { _, _ in }
    ) async throws {
        self.configuration = configuration
        self.logger = logger
        self.version = version
        self.onReady = onReady
        adminHost = AdminHost(configuration.admin)
        let instanceKeys = try InstanceKeys.made(for: configuration)
        audit = try AuditAssembly.system(configuration, keys: instanceKeys, logger: logger)
        if audit.report.recovered > 0 || audit.report.cut > 0 || !audit.report.damagedFiles.isEmpty {
            logger.warning(
                "the audit spool was recovered",
                metadata: [
                    "audit.recovered": "\(audit.report.recovered)", "audit.cut_bytes": "\(audit.report.cut)",
                    "audit.damaged_files": "\(audit.report.damagedFiles)",
                ]
            )
        }
        adminGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let eventLoops = try (0..<configuration.threads).map { try EpollLoop.start(named: "loop-\($0)") }
        self.eventLoops = eventLoops
        let limits = configuration.limits
        let connector = UpstreamConnector()
        if configuration.routes.routes.contains(where: \.upstream.isSecure) { try connector.prepareTLS() }
        let rates = RateTable()
        let legacy = LegacySessions()
        let lanes = try (0..<configuration.threads).map { [audit, eventLoops] index in
            let eventLoop = eventLoops[index]
            return try audit.lane(for: index, loop: AuditAssembly.laneLoop(eventLoop))
        }
        let live = LiveState(routes: configuration.routes, limits: limits)
        self.live = live
        keys = try AccessAssembly.source(configuration, onChange: { live.publish($0) })
        let tokens = try LiveTokens(
            configuration,
            logger: logger,
            publish: { live.publish($0) },
            onRevert: { route, token, version in
                eventLoops[0].execute { Self.recordRevert(route, token, version, in: lanes[0]) }
            }
        )
        self.tokens = tokens
        bearers = BearerWatch(
            store: BearerAssembly.store(configuration, keys: instanceKeys),
            isWanted: { live.takesBearers },
            onChange: { live.publish($0) },
            onProblem: { error in
                logger.warning("bearers cannot be read", metadata: ["problem": "\(error.message)"])
            }
        )
        let policy = AccessAssembly.policy(configuration.access)
        var authenticators: [LoopBound<LoopAuthenticator>] = []
        for eventLoop in eventLoops {
            authenticators.append(
                try await eventLoop.submit { [keys] in
                    LoopBound(LoopAuthenticator(policy: policy, source: keys, eventLoop: eventLoop), on: eventLoop)
                }
            )
        }
        self.authenticators = authenticators
        let empty = live.snapshot
        let sessions = SessionTags(instanceKeys.keys(for: .session))
        proxy = try await ProxyServer(eventLoops, limits: limits) { [authenticators] eventLoop, index in
            ProxyLoop(
                eventLoop: eventLoop,
                snapshot: empty,
                authenticator: authenticators[index].value,
                recorder: lanes[index],
                clock: SystemClock(),
                connector: connector,
                rates: rates,
                sessions: sessions,
                legacy: legacy,
                // Weak: it would close a ring that keeps the store open after the end.
                onTokenAnswer: { [weak tokens] in tokens?.upstreamAnswered($0, $1, version: $2, isRejection: $3) },
                logger: logger
            )
        }
        live.bind(proxy: proxy, authenticators: authenticators)
    }

    /// Serves until ``stop()`` is called or the task is cancelled, and then drains.
    package func run() async throws {
        try audit.start()
        let keyTask = Task { [keys] in await keys.run() }
        // The first readings are waited for, so that nobody is refused for a key or a token that is there.
        async let keysRead = keys.refresh()
        await tokens.start()
        await bearers.tick()
        _ = await keysRead
        let bearerTask = Task { [bearers] in await bearers.run() }
        defer {
            keyTask.cancel()
            tokens.stop()
            bearerTask.cancel()
        }
        let admin = try await AdminServer.start(on: configuration.admin, group: adminGroup) { [self] in await page($0) }
        let port: Int?
        do {
            port = try await proxy.listen(on: configuration.listen)
        } catch {
            throw GatehouseError(.listener, "cannot listen on \(configuration.listen)", underlying: error)
        }
        logger.info(
            "serving",
            metadata: [
                "listen": "\(configuration.listen)", "admin": "\(configuration.admin)",
                "routes": "\(configuration.routes.routes.count)", "threads": "\(configuration.threads)",
                "store": "\(configuration.store.name)",
            ]
        )
        onReady(port, admin.port)
        StartupPages.release()

        for await _ in stopped {}
        logger.info("draining")
        isDraining.withLock { $0 = true }
        await proxy.drain(within: configuration.limits.drain)
        await admin.close()
        await withCheckedContinuation { continuation in
            // Joins threads, so it has one of its own.
            let stop = NIOThreadPool(numberOfThreads: 1)
            stop.start()
            stop.submit { [audit] _ in
                audit.shutdown(within: Self.auditFlush)
                continuation.resume()
            }
        }
        for eventLoop in eventLoops { await eventLoop.stop() }
        try? await adminGroup.shutdownGracefully()
        logger.info("stopped")
    }

    /// Has ``run()`` drain and return.
    package func stop() { stopping.finish() }

    /// How long a stop may wait for the audit's sink; what it did not take stays in the spool.
    private static let auditFlush: Duration = .seconds(5)

    // MARK: - Admin pages

    private func page(_ request: AdminServer.Request) async -> AdminServer.Page? {
        switch request.path {
        case "/":
            guard adminHost.admits(request.host) else {
                return AdminServer.Page(
                    status: .misdirectedRequest,
                    body: "the status page is shown under an address or localhost, not under this name\n"
                )
            }
            return await statusPage()
        case "/healthz": return AdminServer.Page(body: "ok\n")
        case "/readyz":
            let readiness = await readiness()
            return AdminServer.Page(
                status: readiness.isReady ? .ok : .serviceUnavailable,
                type: "application/json",
                body: readiness.json.text + "\n"
            )
        case "/metrics":
            return AdminServer.Page(type: "text/plain; version=0.0.4; charset=utf-8", body: await metrics())
        case _: return nil
        }
    }

    func readiness() async -> Readiness {
        let now = SystemClock().now()
        return Readiness(
            keys: await keys.status,
            tokens: tokens.refreshState,
            audit: audit.state(at: now),
            reload: reloadState.withLock { $0 },
            isDraining: isDraining.withLock { $0 },
            now: now
        )
    }

    /// What all loops have counted, together.
    func traffic() async -> (snapshot: LoopMetrics.Snapshot, openExchanges: Int) {
        var traffic = LoopMetrics.Snapshot()
        var exchanges = 0
        let loops = (try? await proxy.onEachLoop { ($0.metrics.current, $0.openExchanges) }) ?? []
        for (snapshot, open) in loops {
            traffic.add(snapshot)
            exchanges += open
        }
        return (traffic, exchanges)
    }

    private func metrics() async -> String {
        let now = SystemClock().now()
        let traffic = await traffic()
        var text = MetricsText()
        text.addBuild(version: version, startedAt: startedAt)
        text.addTraffic(
            traffic.snapshot,
            openConnections: proxy.openConnections,
            openExchanges: traffic.openExchanges
        )
        text.addKeys(await keys.status, now: now)
        text.addTokens(tokens.refreshState, reverts: tokens.reverts, now: now)
        text.addBearers(bearers.state)
        text.addAudit(audit.state(at: now))
        text.addReload(reloadState.withLock { $0 })
        return text.text
    }
}
