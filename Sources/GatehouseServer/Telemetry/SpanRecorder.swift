internal import GatehouseCore

/// Makes a span of what the audit is told about each request, and hands every event on to the recorder behind it. Used on one event loop only, as that
/// recorder is.
final class SpanRecorder: AuditRecorder {
    private let recorder: any AuditRecorder
    private let queue: SpanQueue
    /// Spans whose outcome is still to come: as many as there are open requests.
    private var open: [RequestID: Span] = [:]

    init(before recorder: any AuditRecorder, queue: SpanQueue) {
        self.recorder = recorder
        self.queue = queue
    }

    func record(_ facts: borrowing AuditFacts) -> AuditReceipt {
        let receipt = recorder.record(facts)
        switch facts.kind {
        case .decision:
            guard let trace = facts.trace else { return receipt }
            // No outcome follows one that was only counted.
            if case .counted = receipt {
                var span = Span(facts, trace)
                span.endCounted()
                queue.put(span)
            } else if open[facts.requestID]?.add(facts) == nil {
                open[facts.requestID] = Span(facts, trace)
            }
        case .outcome:
            guard var span = open.removeValue(forKey: facts.requestID) else { return receipt }
            span.end(facts)
            queue.put(span)
        }
        return receipt
    }

    func whenDurable(_ ticket: UInt64, _ callback: @escaping (Bool) -> Void) {
        recorder.whenDurable(ticket, callback)
    }
}
