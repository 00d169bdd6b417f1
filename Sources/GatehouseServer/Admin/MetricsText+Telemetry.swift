extension MetricsText {
    mutating func addTelemetry(_ status: TelemetryStatus) {
        family("gatehouse_telemetry_spans_total", .counter, "Spans of requests by what became of them.")
        for (result, count) in [("sent", status.sent), ("dropped", status.dropped), ("refused", status.refused)] {
            sample("gatehouse_telemetry_spans_total", [("result", result)], count)
        }
        family("gatehouse_telemetry_waiting", .gauge, "Spans that are not sent yet.")
        sample("gatehouse_telemetry_waiting", [], status.waiting)
        family("gatehouse_telemetry_failing", .gauge, "1 while the collector does not take what it is sent.")
        sample("gatehouse_telemetry_failing", [], status.problem == nil ? 0 : 1)
    }
}
