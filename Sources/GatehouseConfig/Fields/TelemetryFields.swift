internal import GatehouseCore
internal import YAMLReader

/// The keys of `telemetry`.
enum TelemetryFields {
    static let otlp = Field(
        "otlp",
        Shape<WebURL>.parsed(wanted: "an http:// or https:// URL", address(parsing:)),
        .required,
        "A collector that takes OTLP over HTTP, as JSON: `http://collector:4318`. Each request is a span at `/v1/traces`, and the metrics go to `/v1/metrics`; never arguments or tokens, and of the caller a digest."
    )

    static let all = [otlp.form]

    static let shape = Shape<TelemetrySettings>.mapping(all, wanted: "telemetry") { keys, _ in
        keys.read(otlp).map { TelemetrySettings(otlp: $0) }
    }

    /// The port of OTLP over gRPC, which is another protocol.
    private static let grpcPort = 4317

    private static func address(parsing text: String) throws(InvalidValue) -> WebURL {
        let url = try WebURL(parsing: text)
        guard !url.target.contains("?") else { throw InvalidValue("a path stands behind this URL, so it has no query") }
        for signal in ["/v1/traces", "/v1/metrics"] where url.target.hasSuffix(signal) {
            throw InvalidValue(
                "\(signal) is added to this URL",
                suggestion: String(text.dropLast(signal.utf8.count))
            )
        }
        guard url.port != grpcPort else {
            throw InvalidValue("port \(grpcPort) is that of OTLP over gRPC; over HTTP it is 4318")
        }
        return url
    }
}
