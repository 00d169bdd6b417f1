internal import Synchronization

/// The spans of one event loop that wait to be sent. Nothing but the sender, once a second, contends for it, and only for the time of taking them.
final class SpanQueue: Sendable {
    /// Spans that wait; beyond it a span is dropped and counted.
    static let maximum = 2048

    private struct State {
        var spans: [Span] = []
        var dropped = 0
    }

    private let state = Mutex(State())
    private let onBatch: @Sendable () -> Void

    /// - Parameter onBatch: called when a batch is full; must not block.
    init(onBatch: @escaping @Sendable () -> Void) { self.onBatch = onBatch }

    func put(_ span: Span) {
        let count = state.withLock { state in
            guard state.spans.count < Self.maximum else {
                state.dropped += 1
                return 0
            }
            state.spans.append(span)
            return state.spans.count
        }
        if count > 0, count % TelemetryExporter.batch == 0 { onBatch() }
    }

    func take() -> [Span] {
        state.withLock { state in
            defer { state.spans = [] }
            return state.spans
        }
    }

    var waiting: Int { state.withLock(\.spans.count) }
    /// Spans that found no place since the start.
    var dropped: Int { state.withLock(\.dropped) }
}
