package import GatehouseAudit
package import GatehouseConfig
internal import GatehouseCore
internal import Logging
internal import SocketLoop

/// Makes the audit that a configuration asks for.
package enum AuditAssembly {
    /// - Parameter certsClock: what time it is elsewhere: a retention by a clock that is wrong would delete what is to be kept.
    static func system(
        _ configuration: Configuration,
        keys: InstanceKeys,
        logger: Logger,
        certsClock: CertsClock
    ) throws -> AuditSystem {
        var settings = settings(configuration, keys: keys, logger: logger)
        settings.clockLead = { certsClock.lead(at: SystemClock().now()) }
        return try AuditSystem(settings, sink: sink(configuration.audit.sink))
    }

    /// Makes the part that delivers the events of ended instances of this machine to the sink.
    static func leftovers(_ configuration: Configuration, keys: InstanceKeys, logger: Logger) -> AuditLeftovers {
        let sink = configuration.audit.sink
        return AuditLeftovers(settings(configuration, keys: keys, logger: logger)) { Self.sink(sink) }
    }

    /// Hands changes to a loop that records them in their order, from any thread.
    static func changes(_ eventLoop: EpollLoop, _ lane: SpoolLane) -> @Sendable (AuditChange) -> Void {
        { change in eventLoop.execute { _ = lane.record(change, at: SystemClock().now()) } }
    }

    /// For a command, which deletes no old events, and whose heads are in no log.
    static func commandSettings(_ configuration: Configuration, keys: InstanceKeys) -> AuditSystem.Settings {
        var audit = AuditSystem.Settings(spool: configuration.audit.spool)
        audit.keys = Self.keys(keys)
        audit.laneSize = AuditSystem.Settings.leastLaneSize
        return audit
    }

    /// Standard output is the instance's: what a command records waits for it.
    static func commandSink(_ sink: AuditSettings.Sink) -> sending any AuditSink {
        if case .stdout = sink { WaitingSink() } else { Self.sink(sink) }
    }

    /// - Parameter logger: gets every head of the chain, and trouble.
    private static func settings(
        _ configuration: Configuration,
        keys: InstanceKeys,
        logger: Logger
    ) -> AuditSystem.Settings {
        let settings = configuration.audit
        var audit = AuditSystem.Settings(spool: settings.spool)
        audit.sharesSpool = configuration.reusesPort
        audit.durability = settings.durability
        audit.onFailure = settings.onFailure
        audit.arguments = settings.arguments
        audit.maxSpool = settings.maxSpool
        audit.keys = Self.keys(keys)
        audit.onHead = { head in logger.notice("audit chain head", metadata: ["audit.head": "\(head)"]) }
        audit.retention = retention(settings)
        audit.onRetention = { tell(of: $0, logger) }
        return audit
    }

    private static func tell(of outcome: RetentionState.Outcome, _ logger: Logger) {
        switch outcome {
        case .notDue, .elsewhere: break
        case .pruned(let count): logger.notice("old audit events were deleted", metadata: ["audit.deleted": "\(count)"])
        case .notAllowed: logger.info("this database user may not delete audit events: their owner prunes")
        case .refused(let objection):
            logger.error(
                "old audit events were not deleted",
                metadata: ["problem": "\(objection)", "hint": "gatehouse audit prune --dry-run"]
            )
        case .failed(let error):
            logger.warning("old audit events were not deleted", metadata: ["problem": "\(error)"])
        }
    }

    /// Brings a reloaded file into force: another sink, and how long its events are kept. The rest of the section waits for a restart.
    static func change(
        _ audit: AuditSystem,
        to settings: AuditSettings,
        from old: AuditSettings
    ) {
        if settings.sink != old.sink { audit.replaceSink { sink(settings.sink) } }
        audit.changeRetention(retention(settings))
    }

    private static func sink(_ sink: AuditSettings.Sink) -> sending any AuditSink {
        switch sink {
        case .sqlite(let path): EventDatabase.sqlite(path: path).sink()
        case .stdout: StreamSink()
        case .none: DiscardingSink()
        case .postgres(let url): EventDatabase.postgres(url: text(url)).sink()
        }
    }

    private static func retention(
        _ settings: AuditSettings
    ) -> (database: EventDatabase, keep: Duration)? {
        do throws(GatehouseError) { return (try database(settings, "prune"), settings.retention) } catch { return nil }
    }

    /// The keys that chain this instance's events, and seal and digest their arguments.
    package static func keys(_ keys: InstanceKeys) -> AuditKeys {
        AuditKeys(
            chain: keys.keys(for: .auditChain),
            digest: keys.keys(for: .argumentsDigest),
            sealing: keys.keys(for: .argumentsSealing),
            ring: keys.keys(for: .auditRing)
        )
    }

    /// Opens the archive of the events that the sink has taken.
    ///
    /// - Throws: ``GatehouseError`` for a sink that keeps nothing to read, `AuditError` when it cannot be opened.
    package static func archive(
        _ settings: AuditSettings,
        isUntouched: Bool = false
    ) throws -> any AuditArchive {
        try database(settings, "read").archive(isUntouched: isUntouched)
    }

    /// Opens the store from which old events are deleted.
    ///
    /// - Throws: as ``archive(_:)``.
    package static func pruning(_ settings: AuditSettings) throws -> any AuditPruning {
        try database(settings, "prune").pruning()
    }

    /// Makes the sink to which the events of another one may be copied.
    ///
    /// - Throws: ``GatehouseError`` for a sink that keeps nothing.
    package static func keeper(_ settings: AuditSettings) throws -> any AuditSink {
        try database(settings, "copy").sink()
    }

    private static func database(
        _ settings: AuditSettings,
        _ doing: String
    ) throws(GatehouseError) -> EventDatabase {
        switch settings.sink {
        case .sqlite(let path): .sqlite(path: path)
        case .stdout: throw unreadable("stdout", "\(doing) them where the output of `gatehouse serve` goes")
        case .none: throw unreadable("none", "set audit.sink to { kind: sqlite, path: /PATH }")
        case .postgres(let url): .postgres(url: text(url))
        }
    }

    private static func text(_ url: PostgresURL) -> String {
        url.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    private static func unreadable(_ kind: String, _ hint: String) -> GatehouseError {
        GatehouseError(
            .unsupported,
            "an audit sink of kind '\(kind)' keeps no events that could be read here",
            hint: hint
        )
    }

    /// The parts of an event loop that its audit lane needs.
    static func laneLoop(_ eventLoop: EpollLoop) -> LaneLoop {
        LaneLoop(
            execute: { body in eventLoop.execute { body() } },
            schedule: { delay, body in
                eventLoop.schedule(after: TimeSpan(delay)) { body() }
            },
            now: { .nanoseconds(MonotonicTime.now().nanoseconds) }
        )
    }
}
