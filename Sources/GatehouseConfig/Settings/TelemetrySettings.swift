package import GatehouseCore

/// Where spans and metrics are sent.
package struct TelemetrySettings: Hashable, Sendable {
    /// A collector's address for OTLP over HTTP; `/v1/traces` and `/v1/metrics` stand behind it.
    package let otlp: WebURL
}
