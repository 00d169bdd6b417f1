/// Where audit events end up. Used by one thread at a time.
///
/// A batch may come again after a crash or an error, whole or in part, so a sink that can tell events apart stores each
/// `event_id` once.
package protocol AuditSink: AnyObject {
    /// Takes a batch. Once this returns, the events are as safe as the sink makes them, and the spool forgets them.
    ///
    /// - Throws: `.sinkFailed` when nothing, or not everything, was taken; the same batch is offered again.
    func deliver(_ batch: AuditBatch) throws(AuditError)
}

/// Events of one writer in the order of their sequence, and heads of its chain that cover them and those before. Never empty.
package struct AuditBatch: Sendable {
    package let writer: String
    package let records: [SpoolRecord]
    package let heads: [AuditHead]

    package init(writer: String, records: [SpoolRecord], heads: [AuditHead] = []) {
        self.writer = writer
        self.records = records
        self.heads = heads
    }
}

/// A sink that keeps nothing: `sink: none`.
package final class DiscardingSink: AuditSink {
    package init() {}
    package func deliver(_ batch: AuditBatch) throws(AuditError) {}
}
