package import GatehouseCore

/// The destination of audit events. Used by one thread at a time.
///
/// A batch may come again after a crash or an error, whole or in part, so a sink that can distinguish events stores each
/// `event_id` once.
package protocol AuditSink: AnyObject {
    /// Takes a batch. Once this returns, the events are as safe as the sink makes them, and the spool forgets them.
    ///
    /// - Throws: `.sinkFailed` or `.sinkTimedOut` when nothing, or not everything, was taken; the events are offered again.
    func deliver(_ batch: AuditBatch) throws(AuditError)

    /// Opens what events are stored in, unless it is open and still the one that it was.
    ///
    /// - Returns: another number after each opening: what is open may then lack events that were delivered before.
    func open() throws(AuditError) -> Int

    /// How long the drain may leave the sink alone before it calls ``open()`` again; nil for a sink that cannot be replaced.
    var checkInterval: Duration? { get }

    /// The time that a batch may take; nil for a sink that knows none.
    var deliveryTimeout: Duration? { get }

    /// The time by the sink's own clock; nil for one without.
    func clock() throws(AuditError) -> Timestamp?

    /// How far the sink has the chain of a writer, events and checkpoints together; 0 without any, nil when the sink cannot tell.
    func lastSequence(of writer: String) throws(AuditError) -> Int64?

    /// How many events of a writer are stored under these numbers; nil when the sink cannot tell.
    func count(of writer: String, in sequences: ClosedRange<Int64>) throws(AuditError) -> Int?
}

/// Defaults for a sink that only passes events on.
extension AuditSink {
    package func open() throws(AuditError) -> Int { 0 }
    package var checkInterval: Duration? { nil }
    package var deliveryTimeout: Duration? { nil }
    package func clock() throws(AuditError) -> Timestamp? { nil }
    package func lastSequence(of writer: String) throws(AuditError) -> Int64? { nil }
    package func count(of writer: String, in sequences: ClosedRange<Int64>) throws(AuditError) -> Int? { nil }
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

/// A sink that takes nothing: its events are another process's to bring.
package final class WaitingSink: AuditSink {
    package init() {}
    package func deliver(_ batch: AuditBatch) throws(AuditError) {
        throw AuditError(.sinkFailed, "the running instance takes what is in the spool")
    }
}
