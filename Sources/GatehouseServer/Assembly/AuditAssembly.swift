package import GatehouseAudit
package import GatehouseConfig
internal import GatehouseCore
internal import NIOCore

/// Makes the audit that a configuration asks for.
package enum AuditAssembly {
    static func system(_ settings: GatehouseConfig.AuditSettings) throws -> AuditSystem {
        var audit = GatehouseAudit.AuditSettings(spool: settings.spool)
        audit.durability = settings.durability == .disk ? .disk : .process
        audit.onFailure = settings.onFailure == .allow ? .allow : .deny
        audit.arguments =
            switch settings.arguments {
            case .omit: .omit
            case .digest: .digest
            case .record: .record
            }
        return try AuditSystem(audit, sink: sink(settings.sink))
    }

    private static func sink(_ sink: GatehouseConfig.AuditSettings.Sink) throws -> sending any AuditSink {
        switch sink {
        case .sqlite(let path): SQLiteSink(path: path)
        case .stdout: StreamSink()
        case .none: DiscardingSink()
        case .postgres:
            throw GatehouseError(
                .unsupported,
                "audit sinks of kind 'postgres' are not in this version",
                hint: "use kind: sqlite, stdout or none"
            )
        }
    }

    /// Where the events are read that the sink has taken.
    ///
    /// - Throws: ``GatehouseError`` for a sink that keeps nothing to read, `AuditError` when it cannot be opened.
    package static func archive(_ settings: GatehouseConfig.AuditSettings) throws -> any AuditArchive {
        switch settings.sink {
        case .sqlite(let path): try SQLiteArchive(path: path)
        case .stdout: throw unreadable("stdout", "read them where the output of `gatehouse serve` goes")
        case .none: throw unreadable("none", "set audit.sink to { kind: sqlite, path: /PATH }")
        case .postgres: throw unreadable("postgres", "use kind: sqlite")
        }
    }

    private static func unreadable(_ kind: String, _ hint: String) -> GatehouseError {
        GatehouseError(
            .unsupported,
            "an audit sink of kind '\(kind)' keeps no events that could be read here",
            hint: hint
        )
    }

    /// What the lane of an event loop needs of it.
    static func laneLoop(_ eventLoop: any EventLoop) -> LaneLoop {
        LaneLoop(
            execute: { body in eventLoop.execute { body() } },
            schedule: { delay, body in
                eventLoop.scheduleTask(in: .microseconds(delay.microseconds)) { body() }
            },
            now: { .nanoseconds(Int64(clamping: NIODeadline.now().uptimeNanoseconds)) }
        )
    }
}
