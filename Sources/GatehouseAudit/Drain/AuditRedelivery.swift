package import GatehouseCore

/// Sends again what a sink has lost and a spool still has: after a failover to a standby that lagged behind, by an operator, where the gateway may only
/// insert and so cannot ask.
package enum AuditRedelivery {
    package struct Result: Hashable, Sendable {
        /// Events that the sink had taken once and that the spool still has.
        package var found = 0
        /// The found events that were sent.
        package var sent = 0
        /// Events that the sink did not have; nil when it cannot tell, and then all were sent.
        package var missing: Int? = 0
        /// The oldest event in the spool.
        package var oldest: Timestamp?

        package init() {}

        /// Adds the result of another spool.
        package mutating func add(_ other: Result) {
            found += other.found
            sent += other.sent
            missing = missing.flatMap { missing in other.missing.map { missing + $0 } }
            // Events older than the beginning of some spool may be lost, so the latest of the beginnings counts.
            oldest = [oldest, other.oldest].compactMap(\.self).max()
        }
    }

    /// Events compared and sent at once.
    private static let piece = 500

    /// - Parameters:
    ///   - since: the time from which on events are compared.
    ///   - isDry: to count alone.
    /// - Throws: `.sinkFailed` when not everything was taken; what was sent may be sent again.
    package static func send(
        _ spool: SpoolWalk,
        to sink: any AuditSink,
        since: Timestamp,
        isDry: Bool = false,
        progress: (_ events: Int) -> Void = { _ in }
    ) throws(AuditError) -> Result {
        var result = Result()
        var records: [SpoolRecord] = []
        var failure: AuditError?
        func flush() {
            guard failure == nil, let first = records.first?.sequence, let last = records.last?.sequence else { return }
            do throws(AuditError) {
                let there = first <= last ? try sink.count(of: spool.writer, in: first...last) : nil
                if there != records.count {
                    if !isDry { try sink.deliver(AuditBatch(writer: spool.writer, records: records)) }
                    result.sent += records.count
                }
                result.missing = there.flatMap { there in result.missing.map { $0 + max(0, records.count - there) } }
            } catch { failure = error }
            result.found += records.count
            records.removeAll(keepingCapacity: true)
            progress(result.found)
        }
        // Events that the sink never had are sent by the gateway itself.
        let delivered = spool.delivered.sequence
        let damage = try spool.rows(behind: 0) { row in
            guard failure == nil, row.sequence <= delivered, let record = row.record,
                let at = record.event.withUnsafeBytes({ EventDecoder.head($0)?.at })
            else { return }
            result.oldest = result.oldest ?? at
            guard at >= since else { return }
            records.append(record)
            if records.count >= piece { flush() }
        }
        flush()
        if let failure { throw failure }
        if let damage {
            throw AuditError(
                .spoolDamaged,
                "behind event \(damage.sequence) \(damage.file) has bytes that are no record"
            )
        }
        return result
    }
}
