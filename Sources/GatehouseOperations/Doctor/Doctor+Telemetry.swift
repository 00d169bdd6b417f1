internal import CurlClient
internal import GatehouseConfig
internal import GatehouseServer

/// The collector of spans and metrics.
extension Doctor {
    /// Asks it to take a message with nothing in it.
    func telemetry() async -> [Finding] {
        guard let settings = configuration.telemetry else { return [] }
        let collector = Collector(settings.otlp)
        var findings: [Finding] = []
        for signal in Collector.Signal.allCases {
            let url = collector.url(signal)
            do throws(CurlError) {
                switch try await collector.probe(signal) {
                case 200..<300: findings.append(Finding(.telemetry, .ok, "\(url) takes \(signal.rawValue)"))
                case 404 where signal == .metrics:
                    findings.append(Finding(.telemetry, .ok, "\(url) is not there: this collector takes traces alone"))
                case let status: findings.append(.telemetry(url, "answers \(status)"))
                }
            } catch { return [.telemetry(url, error.message)] }
        }
        return findings
    }
}
