internal import GatehouseCore
internal import YAMLReader

/// The keys of `reload`.
enum ReloadFields {
    static let widening = Field(
        "widening",
        Shape<ReloadSettings.Widening>.choice(),
        .fallback(ReloadSettings().widening),
        "What becomes of a file that lets somebody do more: `apply` takes it, `confirm` waits for `gatehouse reload --yes`."
    )

    static let all = [widening.form]

    static let shape = Shape<ReloadSettings>.mapping(
        all,
        wanted: "reload",
        show: { .mapping([(widening.key, widening.shape.show($0.widening))]) },
        read: { keys, _ in keys.read(widening).map { ReloadSettings(widening: $0) } }
    )
}
