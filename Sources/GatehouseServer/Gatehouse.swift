internal import AccessIdentity
internal import CurlClient
internal import GatehouseAudit
package import GatehouseConfig
internal import GatehouseCore
internal import GatehouseMCP
internal import GatehouseProxy
internal import GatehouseTokens
package import Logging
internal import SocketLoop
internal import Synchronization
internal import Threads

/// The composition root: makes every part from the configuration, joins them, and runs them until it is stopped.
package final class Gatehouse: Sendable {
    let configuration: Configuration
    let logger: Logger
    let live: LiveState
    let startedAt = SystemClock().now()
    /// The version, as `--version` prints it.
    let version: String
    /// The start on the monotonic clock.
    let launchedAt = ContinuousClock.now
    /// The file that is read again, nil for an instance without one.
    let path: String?
    /// The last configuration that was taken; ``configuration`` is the one that the start read. Its lock is held while all parts change to a new one.
    let inForce: Mutex<Configuration>
    /// Puts an event of kind `change` into the audit.
    let record: @Sendable (AuditChange) -> Void
    let reloadState = Mutex(ReloadState(startedAt: SystemClock().now()))
    let reloadGate = Mutex(ReloadGate())
    let runFile: OwnRunFile
    let eventLoops: [EpollLoop]
    /// The admin listener's loop: its requests never delay those of the proxy.
    let adminLoop: EpollLoop
    /// The queue of log lines, asked for the number of lines that it could not write.
    let logQueue: LogQueue?
    let logLevel: LogLevel?
    let audit: AuditSystem
    let leftovers: AuditLeftovers
    /// Nil where no collector is configured.
    let telemetry: Telemetry?
    let keys: SigningKeySource
    let identities: LiveIdentities
    let certsClock = CertsClock()
    let tokens: LiveTokens
    let renewals: LiveRenewals
    let pins: LivePins
    let denials: LiveDenials
    let fleet: LiveFleet
    let connectPage: LiveConnectPage
    let connectServer: LocalServer
    let instanceKeys: LiveKeys
    /// Reloads run one after the other, in the order they were asked for.
    let reloading = Mutex<Task<ReloadOutcome, Never>?>(nil)
    /// Break-glass credentials; its `state` may be read at any time.
    let bearers: BearerWatch
    let proxy: ProxyServer
    private let authenticators: [LoopBound<LoopAuthenticator>]
    let adminHost: AdminHost
    let isListening = Mutex(false)
    let isDraining = Mutex(false)
    /// The findings about files, as of the last check.
    let fileFindings = Mutex<[Finding]>([])
    /// Ends when ``stop()`` was called.
    let (stopped, stopping) = AsyncStream.makeStream(of: Never.self)
    let onReady: @Sendable (_ listen: Int?, _ admin: Int?) -> Void

    /// Opens the spool and the store and makes the event loops; nothing listens yet.
    ///
    /// - Parameters:
    ///   - path: the file that the configuration was read from, for reloads.
    ///   - logQueue: the queue whose lost lines the metrics count; nil when the logger writes elsewhere.
    ///   - logLevel: follows the configuration; nil when the logger has a level of its own.
    ///   - version: what the status page calls this build.
    ///   - onReady: called once both listeners stand, with their ports; nil for a unix socket.
    /// - Throws: ``GatehouseError``, `AuditError`, `TokenError` for what the configuration names and cannot be used.
    package init(
        _ configuration: Configuration,
        logger: Logger,
        path: String? = nil,
        logQueue: LogQueue? = nil,
        logLevel: LogLevel? = nil,
        version: String = "",
        onReady: @escaping @Sendable (_ listen: Int?, _ admin: Int?) -> Void = { _, _ in }
    ) async throws {
        self.configuration = configuration
        self.logger = logger
        self.path = path
        self.logQueue = logQueue
        self.logLevel = logLevel
        self.version = version
        inForce = Mutex(configuration)
        runFile = OwnRunFile(spool: configuration.audit.spool)
        self.onReady = onReady
        adminHost = AdminHost(configuration.admin, named: configuration.adminHosts)
        let instanceKeys = try await InstanceKeys.made(for: configuration)
        Self.tell(of: instanceKeys, logger)
        audit = try AuditAssembly.system(
            configuration,
            keys: instanceKeys,
            logger: logger,
            certsClock: certsClock
        )
        leftovers = AuditAssembly.leftovers(configuration, keys: instanceKeys, logger: logger)
        if audit.report.recovered > 0 || audit.report.cut > 0 || !audit.report.damagedFiles.isEmpty {
            logger.warning(
                "the audit spool was recovered",
                metadata: [
                    "audit.recovered": "\(audit.report.recovered)", "audit.cut_bytes": "\(audit.report.cut)",
                    "audit.damaged_files": "\(audit.report.damagedFiles)",
                ]
            )
        }
        adminLoop = try EpollLoop.start(named: "admin")
        let eventLoops = try (0..<configuration.threads).map { try EpollLoop.start(named: "loop-\($0)") }
        self.eventLoops = eventLoops
        let limits = configuration.limits
        let descriptors = DescriptorLimit.current
        if limits.connections > descriptors.connections {
            logger.warning(
                "fewer connections fit than limits.connections allows: each takes two descriptors",
                metadata: [
                    "limits.connections": "\(limits.connections)", "fit": "\(descriptors.connections)",
                    "descriptors": "\(descriptors.count)", "reserved": "\(descriptors.count - descriptors.ceiling)",
                ]
            )
        }
        let fleetDatabase = try FleetAssembly.database(configuration)
        let rates = RateTable(fleetKey: fleetDatabase?.ratesKey)
        let legacy = LegacySessions()
        let lanes = try (0..<configuration.threads).map { [audit, eventLoops] index in
            let eventLoop = eventLoops[index]
            return try audit.lane(for: index, loop: AuditAssembly.laneLoop(eventLoop))
        }
        let record = AuditAssembly.changes(eventLoops[0], lanes[0])
        self.record = record
        identities = LiveIdentities(logger: logger)
        let live = LiveState(
            configuration,
            authorities: try Self.authorities(configuration),
            rules: identities.rules(configuration),
            denials: configuration.state == nil ? DenyBook() : nil
        )
        self.live = live
        keys = try AccessAssembly.source(configuration, clock: certsClock, onChange: { live.publish($0) })
        denials = try LiveDenials(configuration, publish: { live.publish($0) })
        let liveKeys = LiveKeys(instanceKeys)
        self.instanceKeys = liveKeys
        let tokens = try LiveTokens(
            configuration,
            logger: logger,
            publish: { live.publish($0) },
            served: { live.tokens.tokens },
            onRevert: { route, token, version in
                var change = AuditChange(.tokenRollback, by: .gatehouse)
                (change.token, change.version, change.route) = (token, version, route.name)
                record(change)
            },
            onKeyEnds: { ends in
                liveKeys.ended(ends)
                live.publish(liveKeys.sessions)
            }
        )
        self.tokens = tokens
        let renewals = try LiveRenewals(
            configuration,
            logger: logger,
            seeds: { [weak tokens] in tokens?.source.refresher.snapshot.tokens ?? [:] },
            publish: { live.publish(renewed: $0, $1) },
            publishPersonal: { live.publish($0) },
            onRenewed: { key, version in
                var change = AuditChange(.tokenRenew, by: .gatehouse)
                (change.token, change.owner, change.version) = (key.token, key.owner, version)
                record(change)
            }
        )
        self.renewals = renewals
        let pins = try LivePins(
            configuration,
            version: version,
            logger: logger,
            tokens: { live.tokens.tokens },
            publish: { live.publish($0) },
            record: { route, change in if let event = AuditChange(change, on: route) { record(event) } }
        )
        self.pins = pins
        let connectPage = try LiveConnectPage(
            configuration,
            keys: liveKeys,
            logger: logger,
            others: { live.tokens.tokens },
            onChange: { [weak renewals] change in
                renewals?.wake()
                record(AuditChange(change))
            }
        )
        self.connectPage = connectPage
        let connectServer = try await LocalServer.start(within: adminLoop, bounds: .ofConnectPage) { request in
            await connectPage.answer(request)
        }
        self.connectServer = connectServer
        let page: UpstreamConnector.ConnectPage = { loop throws(SocketError) in try connectServer.connect(on: loop) }
        let connector = UpstreamConnector(connectPage: page)
        if configuration.routes.routes.contains(where: \.upstream.isSecure) { try connector.prepareTLS() }
        bearers = BearerWatch(
            store: BearerAssembly.store(configuration, state: denials.source.store, keys: liveKeys),
            isWanted: { live.takesBearers },
            onChange: { live.publish($0) },
            onProblem: { error in
                logger.warning("bearers cannot be read", metadata: ["problem": "\(error.message)"])
            }
        )
        let telemetry = configuration.telemetry.map { [audit, startedAt] settings in
            Telemetry(
                settings,
                loops: configuration.threads,
                version: version,
                instance: audit.state(at: startedAt).writer,
                since: startedAt,
                key: { liveKeys.keys(for: .telemetry).current },
                logger: logger
            )
        }
        self.telemetry = telemetry
        let rules = live.rules
        var authenticators: [LoopBound<LoopAuthenticator>] = []
        for eventLoop in eventLoops {
            authenticators.append(
                try await eventLoop.submit { [keys] in
                    LoopBound(LoopAuthenticator(rules: rules, source: keys, eventLoop: eventLoop), on: eventLoop)
                }
            )
        }
        self.authenticators = authenticators
        let empty = live.snapshot
        let sessions = liveKeys.sessions
        proxy = try await ProxyServer(eventLoops, limits: limits, descriptors: descriptors) {
            [authenticators] eventLoop, index in
            ProxyLoop(
                eventLoop: eventLoop,
                snapshot: empty,
                authenticator: authenticators[index].value,
                recorder: telemetry?.recorder(index, before: lanes[index]) ?? lanes[index],
                accessLog: { recorder in
                    AccessRecorder(before: recorder) { line in
                        logQueue?.put(line.bytes + [0x0A])
                    }
                },
                clock: SystemClock(),
                connector: connector,
                descriptors: descriptors,
                rates: rates,
                sessions: sessions,
                legacy: legacy,
                // Weak: it would close a ring that keeps the store open after the end.
                onTokenRejected: { [weak tokens] in tokens?.upstreamRejected($0, $1, version: $2) },
                renewal: { [weak renewals] token, owner, version, stays in
                    guard let renewals else { return stays() }
                    renewals.rejected(GrantKey(token, owner: owner), version: version, stays)
                },
                onTools: { [weak pins] route, tools, hasChanged in pins?.saw(route, tools, hasChanged: hasChanged) },
                traces: telemetry != nil,
                logger: logger
            )
        }
        live.bind(proxy: proxy, authenticators: authenticators)
        let (id, since, began) = (InstanceCard.drawID(), startedAt, launchedAt)
        fleet = LiveFleet(
            configuration,
            fleetDatabase,
            FleetReporter.Surroundings(
                uptime: { ContinuousClock.now - began },
                card: { [live] in
                    InstanceCard(
                        id: id,
                        name: FleetAssembly.machine,
                        version: version,
                        since: since,
                        configuration: StatusFile.digest(live.configurationText)
                    )
                },
                exchangesRates: { [live] in live.hasFleetRates },
                spending: { [proxy] in
                    let taken = (try? await proxy.onEachLoop { $0.takeSpending() }) ?? []
                    return taken.reduce(into: [:]) { $0.merge($1) { $0 &+ $1 } }
                },
                debit: { growths in
                    let now = UInt64(MonotonicTime.now().nanoseconds)
                    for (owner, nanoseconds) in growths { rates.debit(owner, nanoseconds, now: now) }
                }
            )
        )
    }

    private static func tell(of keys: InstanceKeys, _ logger: Logger) {
        logger.info("keys of the instance", metadata: ["key.id": "\(keys.current)"])
        if let strange = keys.strangeKey {
            logger.warning(
                "a key in the spool counts for nothing, because nobody has adopted it",
                metadata: ["key.id": "\(strange)", "hint": "gatehouse key adopt, or remove it"]
            )
        }
        if let problem = keys.problem {
            logger.warning(
                "the store does not say which master keys are retired: sessions and bearers under older ones are refused",
                metadata: ["problem": "\(problem)"]
            )
        }
    }

    /// Makes ``run()`` drain and return.
    package func stop() { stopping.finish() }

    func readiness() async -> Readiness { Readiness(await facts(await traffic().snapshot)) }
}
