internal import GatehouseCore
internal import GatehouseProxy

/// The metrics of `/metrics` as an `ExportMetricsServiceRequest`, under the same names: a collector that hands them to Prometheus changes none.
struct OTLPMetrics: Sendable {
    let text: OTLPText
    /// The start of the counters.
    let since: Timestamp

    /// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
    private static let cumulative = 2

    func message(_ families: [MetricFamily], at now: Timestamp) -> [UInt8] {
        text.message("Metrics", "metrics") { list in
            for family in families where !family.points.isEmpty { list.object { write(family, now, to: &$0) } }
        }
    }

    private func write(_ family: MetricFamily, _ now: Timestamp, to json: inout JSONText) {
        json.string("name", family.name)
        json.string("description", family.help)
        if let unit = family.unit { json.string("unit", unit) }
        switch family.kind {
        case .gauge: json.object("gauge") { points(family, now, &$0) }
        case .counter:
            json.object("sum") { sum in
                sum.number("aggregationTemporality", Self.cumulative)
                sum.bool("isMonotonic", true)
                points(family, now, &sum)
            }
        case .histogram:
            json.object("histogram") { histogram in
                histogram.number("aggregationTemporality", Self.cumulative)
                points(family, now, &histogram)
            }
        }
    }

    private func points(_ family: MetricFamily, _ now: Timestamp, _ json: inout JSONText) {
        json.array("dataPoints") { list in
            for point in family.points {
                list.object { entry in
                    entry.array("attributes") { list in
                        for label in point.labels { list.attribute(label.name, label.value) }
                    }
                    if family.kind != .gauge { entry.nanoseconds("startTimeUnixNano", since) }
                    entry.nanoseconds("timeUnixNano", now)
                    switch point.value {
                    case .integer(let value): entry.string("asInt", String(value))
                    case .number(let value): entry.number("asDouble", value)
                    case .times(let histogram): write(histogram, to: &entry)
                    }
                }
            }
        }
    }

    private func write(_ histogram: LatencyHistogram, to json: inout JSONText) {
        json.string("count", String(histogram.count))
        json.number("sum", Double(histogram.sum) / 1_000_000)
        let beyond = histogram.count - histogram.buckets.reduce(0, +)
        json.array("bucketCounts") { list in
            for count in histogram.buckets + [beyond] { list.string(nil, String(count)) }
        }
        json.array("explicitBounds") { list in
            for bound in LatencyHistogram.bounds { list.number(nil, Double(bound) / 1_000_000) }
        }
    }
}

extension MetricFamily {
    /// The unit by UCUM that the end of a name says.
    fileprivate var unit: String? {
        if name.hasSuffix("_seconds") { "s" } else if name.hasSuffix("_bytes") { "By" } else { nil }
    }
}
