internal import GatehouseCore
internal import YAMLReader

/// The keys of `audit`.
enum AuditFields {
    static let spool = Field(
        "spool",
        Shape<String>.absolutePath,
        .fallback(AuditSettings.defaultSpool),
        "The directory where events wait for the sink."
    )
    static let sink = Field("sink", sinkShape, .fallback(AuditSettings.defaultSink), "Where events end up.")
    static let durability = Field(
        "durability",
        Shape<AuditDurability>.choice(),
        .fallback(AuditSettings.defaultDurability),
        "What a recorded event survives: `process` kill -9, `disk` also the loss of power (fsync before forwarding)."
    )
    static let onFailure = Field(
        "on_failure",
        Shape<AuditFailurePolicy>.choice(),
        .fallback(AuditSettings.defaultOnFailure),
        "What happens to requests whose event cannot be recorded."
    )
    static let arguments = Field(
        "arguments",
        Shape<AuditArguments>.choice(),
        .fallback(AuditSettings.defaultArguments),
        "What is kept of the arguments of a call: nothing, a keyed digest, or all."
    )
    static let retention = Field(
        "retention",
        .duration(AuditSettings.retentionRange),
        .fallback(AuditSettings.defaultRetention),
        "How long rows are kept."
    )
    static let maxSpool = Field(
        "max_spool",
        .size(AuditSettings.maxSpoolRange),
        .fallback(AuditSettings.defaultMaxSpool),
        "How much may wait for the sink; beyond it `on_failure` says what happens."
    )

    static let all = [
        spool.form, sink.form, durability.form, onFailure.form, arguments.form, retention.form, maxSpool.form,
    ]

    static let shape = Shape<AuditSettings>.mapping(
        all,
        wanted: "audit",
        show: { settings in
            .mapping([
                (spool.key, .value(settings.spool)), (sink.key, sinkShape.show(settings.sink)),
                (durability.key, .word(settings.durability.rawValue)),
                (onFailure.key, .word(settings.onFailure.rawValue)),
                (arguments.key, .word(settings.arguments.rawValue)),
                (retention.key, .word("\(DurationText(settings.retention))")),
                (maxSpool.key, .word("\(SizeText(bytes: settings.maxSpool))")),
            ])
        },
        read: { keys, _ in
            let spool = keys.read(spool)
            let sink = keys.read(sink)
            let durability = keys.read(durability)
            let onFailure = keys.read(onFailure)
            let arguments = keys.read(arguments)
            let retention = keys.read(retention)
            let maxSpool = keys.read(maxSpool)
            guard let spool, let sink, let durability, let onFailure, let arguments, let retention, let maxSpool else {
                return nil
            }
            return AuditSettings(
                spool: spool,
                sink: sink,
                durability: durability,
                onFailure: onFailure,
                arguments: arguments,
                retention: retention,
                maxSpool: maxSpool
            )
        }
    )

    static let sinkPath = Field("path", Shape<String>.absolutePath, .required, "The database file.")

    static let sinkShape = Shape<AuditSettings.Sink>.variants(
        wanted: "a sink",
        show: { sink in
            switch sink {
            case .sqlite(let path): .mapping([("kind", .word("sqlite")), ("path", .value(path))])
            case .postgres(let url): .mapping([("kind", .word("postgres")), ("url", .value(url.description))])
            case .stdout: .mapping([("kind", .word("stdout"))])
            case .none: .mapping([("kind", .word("none"))])
            }
        },
        [
            Variant(AuditSettings.Sink.Kind.sqlite, "A SQLite file.", [sinkPath.form]) { keys, _ in
                keys.read(sinkPath).map { .sqlite(path: $0) }
            },
            Variant(AuditSettings.Sink.Kind.postgres, "A PostgreSQL database.", [StoreFields.url.form]) { keys, _ in
                keys.read(StoreFields.url).map { .postgres(url: $0) }
            },
            Variant(AuditSettings.Sink.Kind.stdout, "Lines of JSON on standard output.", []) { _, _ in .stdout },
            Variant(AuditSettings.Sink.Kind.none, "Events stay in the spool.", []) { _, _ in AuditSettings.Sink.none },
        ]
    )
}
