internal import GatehouseConfig
internal import GatehouseCore
internal import Logging
internal import Synchronization

/// Spans and metrics for a collector, where a configuration has one.
final class Telemetry: Sendable {
    private let queues: [SpanQueue]
    private let exporter: TelemetryExporter
    private let metrics: OTLPMetrics
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// - Parameters:
    ///   - loops: how many event loops record.
    ///   - instance: the name by which the audit knows this instance, too.
    ///   - key: the key of the digests of principals, as it is now.
    init(
        _ settings: TelemetrySettings,
        loops: Int,
        version: String,
        instance: String,
        since: Timestamp,
        key: @escaping @Sendable () -> Secret,
        logger: Logger
    ) {
        let waker = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let queues = (0..<loops).map { _ in SpanQueue { waker.continuation.yield() } }
        self.queues = queues
        let text = OTLPText(version: version, instance: instance)
        metrics = OTLPMetrics(text: text, since: since)
        let collector = Collector(settings.otlp)
        let start = ContinuousClock.now
        exporter = TelemetryExporter(
            url: collector.url(.traces),
            queues: queues,
            waker: waker,
            spans: { OTLPSpans(text: text, key: key()).message($0) },
            take: { await collector.take($0, $1, within: $2) },
            uptime: { ContinuousClock.now - start },
            logger: logger
        )
    }

    var status: TelemetryStatus { exporter.status }

    /// Makes the recorder of one event loop, by its position.
    func recorder(_ loop: Int, before recorder: any AuditRecorder) -> SpanRecorder {
        SpanRecorder(before: recorder, queue: queues[loop])
    }

    /// - Parameter families: the metrics of now.
    func start(metrics families: @escaping @Sendable () async -> [MetricFamily]) {
        let message: TelemetryExporter.Metrics = { [metrics] in
            metrics.message(await families(), at: SystemClock().now())
        }
        task.withLock { $0 = Task { [exporter] in await exporter.run(metrics: message) } }
    }

    /// Sends what is left, within a time. To be called when no loop records any more.
    func stop(within bound: Duration) async {
        let task = task.withLock { $0.take() }
        task?.cancel()
        await task?.value
        await exporter.finish(within: bound)
    }
}
