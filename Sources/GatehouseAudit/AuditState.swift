/// What the audit says about itself at one moment: for metrics, readiness and the status page.
package struct AuditState: Sendable {
    /// One word for readiness.
    package enum Word: String, Sendable {
        case ready
        /// The sink does not take events; the spool keeps them.
        case sinkDown = "sink_down"
        /// Events stay in the rings: the disk refuses them or the spool has reached its quota.
        case spoolBlocked = "spool_blocked"
    }

    /// Events recorded by all lanes since the start.
    package var recorded = 0
    /// Decisions refused, or served without a record, because the rings were full.
    package var lostDecisions = 0
    /// Outcomes that were not recorded because the rings were full.
    package var lostOutcomes = 0
    /// Decisions that were not on the disk within the budget.
    package var late = 0
    /// Places in rings or segments that could not be read back.
    package var damaged = 0
    /// Events in segments that the sink has not taken.
    package var depthEvents = 0
    package var depthBytes = 0
    /// Bytes of all segments, those included that the sink has taken and that are not deleted yet.
    package var spoolBytes = 0
    /// The age of the oldest event that the sink has not taken; zero when it has all.
    package var lag: Duration = .zero
    package var writer = ""
    package var writtenThrough: Int64 = 0
    package var deliveredThrough: Int64 = 0
    package var writerTrouble: AuditError?
    package var sinkTrouble: AuditError?

    package init() {}

    package var word: Word {
        if writerTrouble != nil { return .spoolBlocked }
        return sinkTrouble != nil ? .sinkDown : .ready
    }
}
