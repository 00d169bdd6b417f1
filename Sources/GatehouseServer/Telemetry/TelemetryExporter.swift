internal import GatehouseCore
internal import Logging
internal import Synchronization

/// Sends spans and metrics to a collector, one message at a time, off the event loops. Nothing waits for it but the end of the process, and that for as
/// long as it is told.
actor TelemetryExporter {
    /// Spans of one message.
    static let batch = 512
    /// Between two looks for spans; a full batch is sent at once.
    static let interval: Duration = .seconds(1)
    /// Between two messages with metrics.
    static let metricsInterval: Duration = .seconds(15)
    /// How long a collector may take for one message.
    static let timeout: Duration = .seconds(10)
    /// How long a batch is offered to a collector that takes nothing, before it is dropped and newer ones are.
    static let patience: Duration = .seconds(60)
    /// Between two log lines about dropped spans.
    static let noticeInterval: Duration = .seconds(60)

    typealias Metrics = @Sendable () async -> [UInt8]
    /// Takes a message within a time.
    typealias Take = @Sendable (Collector.Signal, [UInt8], Duration) async -> ExportAnswer

    private let queues: [SpanQueue]
    private let spans: @Sendable ([Span]) -> [UInt8]
    private let take: Take
    private let uptime: @Sendable () -> Duration
    private let jitter: @Sendable () -> Double
    private let logger: Logger
    private let waking: AsyncStream<Void>.Continuation
    private let woken: AsyncStream<Void>
    /// Writes the metrics of now, while it runs.
    private var metrics: Metrics?

    /// Spans that were taken out of the queues: at most as many as these hold.
    private var pending: [Span] = []
    /// When the oldest of them was first offered.
    private var offeredAt: Duration?
    private var pace = ExportPace()
    private var metricsDueAt: Duration = .zero
    private var toldDropped = 0
    private var toldAt: Duration?
    private var failures: [Collector.Signal: (words: String, since: Duration)] = [:]
    private let published: Mutex<TelemetryStatus>

    /// - Parameters:
    ///   - spans: writes a message of spans.
    ///   - waker: what wakes it before the interval is over.
    init(
        url: String,
        queues: [SpanQueue],
        waker: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation),
        spans: @escaping @Sendable ([Span]) -> [UInt8],
        take: @escaping Take,
        uptime: @escaping @Sendable () -> Duration,
        jitter: @escaping @Sendable () -> Double = { Double.random(in: 0...1) },
        logger: Logger
    ) {
        self.queues = queues
        (woken, waking) = waker
        self.spans = spans
        self.take = take
        self.uptime = uptime
        self.jitter = jitter
        self.logger = logger
        var status = TelemetryStatus()
        status.url = url
        published = Mutex(status)
    }

    /// May be read anywhere, at any time.
    nonisolated var status: TelemetryStatus {
        var status = published.withLock { $0 }
        status.dropped += queues.reduce(0) { $0 + $1.dropped }
        status.waiting += queues.reduce(0) { $0 + $1.waiting }
        return status
    }

    /// Sends until the task is cancelled.
    func run(metrics: @escaping Metrics) async {
        self.metrics = metrics
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [waking] in
                while (try? await Task.sleep(for: Self.interval)) != nil { waking.yield() }
            }
            for await _ in woken { await round() }
            group.cancelAll()
        }
    }

    /// Sends all that waits, unless the collector is to be left alone for now.
    func round() async {
        while pace.isOpen(at: uptime()), await sendSpans(within: Self.timeout) {}
        guard pace.isOpen(at: uptime()), uptime() >= metricsDueAt, !Task.isCancelled else { return }
        await sendMetrics(within: Self.timeout)
        metricsDueAt = uptime() + Self.metricsInterval
    }

    /// Offers what is left, once, and then the last metrics. To be called when nothing records any more and ``run()`` has returned.
    func finish(within bound: Duration) async {
        let end = uptime() + bound
        pace = ExportPace()
        while pace.isOpen(at: uptime()), end > uptime(), await sendSpans(within: end - uptime()) {}
        if pace.isOpen(at: uptime()), end > uptime() { await sendMetrics(within: end - uptime()) }
        metrics = nil
        pending += queues.flatMap { $0.take() }
        drop(pending.count)
        toldAt = nil
        tellDropped()
    }

    // MARK: - Messages

    /// Offers one batch.
    ///
    /// - Returns: whether there may be another one to send.
    private func sendSpans(within time: Duration) async -> Bool {
        if pending.isEmpty {
            pending = queues.flatMap { $0.take() }
            offeredAt = nil
        }
        guard !pending.isEmpty else { return false }
        let offered = offeredAt ?? uptime()
        offeredAt = offered
        let count = min(pending.count, Self.batch)
        publishWaiting()
        switch await take(.traces, spans(Array(pending.prefix(count))), min(time, Self.timeout)) {
        case .taken(let rejected):
            pending.removeFirst(count)
            offeredAt = nil
            let rejected = min(rejected, count)
            published.withLock { status in
                status.sent += count - rejected
                status.refused += rejected
            }
            succeeded(.traces)
            tellDropped()
        case .refused(_, let words):
            pending.removeFirst(count)
            offeredAt = nil
            published.withLock { $0.refused += count }
            failed(.traces, words)
            // Whoever refuses one refuses the next, more often than not.
            pace.failed(askedToWait: nil, at: uptime(), jitter: jitter())
        case .later(let wait, let words):
            failed(.traces, words)
            pace.failed(askedToWait: wait, at: uptime(), jitter: jitter())
            if uptime() - offered >= Self.patience { drop(count) }
        }
        publishWaiting()
        return !Task.isCancelled
    }

    private func sendMetrics(within time: Duration) async {
        guard let message = await metrics?() else { return }
        switch await take(.metrics, message, min(time, Self.timeout)) {
        // One for traces alone does not know the path.
        case .taken, .refused(404, _): succeeded(.metrics)
        case .refused(_, let words): failed(.metrics, "it refuses metrics: \(words)")
        case .later(let wait, let words):
            failed(.metrics, words)
            pace.failed(askedToWait: wait, at: uptime(), jitter: jitter())
        }
    }

    private func drop(_ count: Int) {
        pending.removeFirst(count)
        offeredAt = nil
        published.withLock { status in
            status.dropped += count
            status.waiting = pending.count
        }
    }

    // MARK: - What is said of it

    private func succeeded(_ signal: Collector.Signal) {
        pace.succeeded()
        failures[signal] = nil
        publishFailure()
        published.withLock { $0.lastTaken = SystemClock().now() }
    }

    private func failed(_ signal: Collector.Signal, _ words: String) {
        failures[signal] = (words, failures[signal]?.since ?? uptime())
        publishFailure()
    }

    private func publishFailure() {
        let failure = failures.values.min { $0.since < $1.since }
        let now = uptime()
        published.withLock { status in
            status.problem = failure?.words
            status.failingFor = failure.map { now - $0.since } ?? .zero
        }
    }

    private func publishWaiting() { published.withLock { $0.waiting = pending.count } }

    /// Says once a minute, while it flows, how many spans were dropped.
    private func tellDropped() {
        let dropped = status.dropped
        let now = uptime()
        guard dropped > toldDropped, toldAt.map({ now - $0 >= Self.noticeInterval }) ?? true else { return }
        logger.warning("telemetry was dropped", metadata: ["spans": "\(dropped - toldDropped)"])
        toldDropped = dropped
        toldAt = now
    }
}
