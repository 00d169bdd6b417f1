internal import GatehouseProxy

/// One metric of a moment, as both forms show it: Prometheus text for who asks, OTLP for a collector.
struct MetricFamily: Sendable {
    /// The raw values are the words of the Prometheus text.
    enum Kind: String, Sendable {
        /// Grows from the start of the process on.
        case counter
        case gauge
        case histogram
    }

    enum Value: Sendable {
        case integer(Int64)
        case number(Double)
        case times(LatencyHistogram)
    }

    struct Point: Sendable {
        let labels: [(name: String, value: String)]
        let value: Value
    }

    let name: String
    let kind: Kind
    let help: String
    var points: [Point] = []
}

extension MetricFamily {
    /// The family in the Prometheus text exposition, format 0.0.4.
    var text: String {
        var text = "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        func sample(_ suffix: String, _ labels: [(name: String, value: String)], _ value: some CustomStringConvertible)
        {
            text += name + suffix
            if !labels.isEmpty {
                // Label values here are route names, reasons and numbers, which hold nothing to escape.
                text += "{" + labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",") + "}"
            }
            text += " \(value)\n"
        }
        for point in points {
            switch point.value {
            case .integer(let value): sample("", point.labels, value)
            case .number(let value): sample("", point.labels, value)
            case .times(let histogram):
                var total = 0
                for (bound, count) in zip(LatencyHistogram.bounds, histogram.buckets) {
                    total += count
                    sample("_bucket", point.labels + [("le", String(Double(bound) / 1_000_000))], total)
                }
                sample("_bucket", point.labels + [("le", "+Inf")], histogram.count)
                sample("_sum", point.labels, Double(histogram.sum) / 1_000_000)
                sample("_count", point.labels, histogram.count)
            }
        }
        return text
    }
}
