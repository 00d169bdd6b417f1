internal import GatehouseCore

/// The fate of the telemetry since the start.
struct TelemetryStatus: Equatable, Sendable {
    /// How long a collector may take nothing before that is reported: one that is restarted is back by then.
    static let patience: Duration = .seconds(5)

    /// The address that traces go to.
    var url = ""
    /// Spans that the collector took.
    var sent = 0
    /// Spans that found no place while they waited, or were given up.
    var dropped = 0
    /// Spans that the collector did not want.
    var refused = 0
    var waiting = 0
    var lastTaken: Timestamp?
    /// Why the collector takes nothing, and for how long it has not.
    var problem: String?
    var failingFor: Duration = .zero

    var finding: Finding? {
        guard let problem, failingFor >= Self.patience else { return nil }
        return .telemetry(url, problem)
    }
}

extension Finding {
    package static func telemetry(_ url: String, _ words: String) -> Finding {
        let advice =
            "does the collector run, and take OTLP over HTTP at telemetry.otlp (port 4318, not 4317)? requests are served all the same"
        return Finding(.telemetry, .warn, "\(url): \(words)", advice: advice)
    }
}
