package import GatehouseCore

/// The settings of the log of `serve`.
package struct LogSettings: Hashable, Sendable {
    /// The raw values are those of swift-log.
    package enum Level: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    package let level: Level
    package let requests: RequestLogging

    package init(level: Level = .info, requests: RequestLogging = .refused) {
        self.level = level
        self.requests = requests
    }
}
