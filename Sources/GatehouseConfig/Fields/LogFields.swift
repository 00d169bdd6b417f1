internal import GatehouseCore
internal import YAMLReader

/// The keys of `log`.
enum LogFields {
    static let level = Field(
        "level",
        Shape<LogSettings.Level>.choice(),
        .fallback(LogSettings().level),
        "The least severe lines to write; `serve --log-level` comes before it."
    )
    static let requests = Field(
        "requests",
        Shape<RequestLogging>.choice(),
        .fallback(LogSettings().requests),
        "Which requests are told: none, the refused ones by number at `info`, or also each one when it ends, as JSON with the columns of the audit. "
            + "What fails behind Gatehouse is told at `warning` in any case."
    )

    static let all = [level.form, requests.form]

    static let shape = Shape<LogSettings>.mapping(
        all,
        wanted: "log",
        show: { settings in
            .mapping([
                (level.key, level.shape.show(settings.level)), (requests.key, requests.shape.show(settings.requests)),
            ])
        },
        read: { keys, _ in
            let level = keys.read(level)
            let requests = keys.read(requests)
            guard let level, let requests else { return nil }
            return LogSettings(level: level, requests: requests)
        }
    )
}
