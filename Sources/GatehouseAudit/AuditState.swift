package import GatehouseCore
internal import Glibc

/// The audit's state at one moment: for metrics, readiness and the status page.
package struct AuditState: Sendable {
    /// One word for readiness.
    package enum Word: String, Sendable, CaseIterable {
        case ready
        /// The sink takes events, but ``AuditState/slowLag`` and more after they were recorded.
        case sinkSlow = "sink_slow"
        /// The sink does not take events; the spool keeps them.
        case sinkDown = "sink_down"
        /// The sink was found without events that it had taken, a short time ago; the spool sends again what it still has.
        case sinkReplaced = "sink_replaced"
        /// The sink was opened anew a short time ago, and this user may not ask what it still has.
        case sinkUnasked = "sink_unasked"
        /// Another process stores events under the name of this spool's writer: one of the two spools is a copy.
        case writerDuplicated = "writer_duplicated"
        /// The spool has reached its quota: the sink must take some first.
        case spoolFull = "spool_full"
        /// The disk of the spool has no room.
        case diskFull = "disk_full"
        /// The spool may not be written any more.
        case spoolDenied = "spool_denied"
        /// The spool was taken away; it is made again where that is possible.
        case spoolGone = "spool_gone"
        /// A ring's file was shortened or written by another process, so that its events are lost; it is made again.
        case spoolTruncated = "spool_truncated"
        /// The spool cannot be written, for another reason.
        case spoolBlocked = "spool_blocked"

        init(_ error: AuditError) {
            switch (error.code, error.number) {
            case (.sinkFailed, _), (.sinkTimedOut, _): self = .sinkDown
            case (.sinkReplaced, _): self = .sinkReplaced
            case (.sinkUnasked, _): self = .sinkUnasked
            case (.writerDuplicated, _): self = .writerDuplicated
            case (.spoolFull, _): self = .spoolFull
            case (.spoolTruncated, _): self = .spoolTruncated
            case (.spoolGone, _), (_, ENOENT), (_, ENOTDIR): self = .spoolGone
            case (_, ENOSPC), (_, EDQUOT): self = .diskFull
            case (_, EACCES), (_, EPERM), (_, EROFS): self = .spoolDenied
            case _: self = .spoolBlocked
            }
        }
    }

    /// Beyond it a sink counts as slow.
    package static let slowLag: Duration = .seconds(30)

    /// How long readiness reports a condition that was noticed once and needs attention.
    package static let noticeLifetime: Duration = .seconds(600)

    /// Events recorded by all lanes since the start.
    package var recorded = 0
    /// Decisions refused, or served without a record, because the rings were full.
    package var lostDecisions = 0
    /// Outcomes that were not recorded because the rings were full.
    package var lostOutcomes = 0
    /// Decisions that were not on the disk within the budget.
    package var late = 0
    /// Requests without an established caller that were counted and not recorded one by one.
    package var counted = 0
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
    /// The last condition that needs attention within ``noticeLifetime``, although recording and delivery go on.
    package var notice: AuditError?
    /// How often the sink was found without events that it had taken.
    package var replacements = 0
    /// Events that were recorded and are nowhere any more: the sink lacked them and the spool had them no more, or their ring was lost.
    package var unrecoverable = 0
    package var retention = RetentionState()
    /// The clock of the sink's database, nil where it has none.
    package var clock: ClockReading?

    package init() {}

    package var word: Word {
        if let trouble = writerTrouble ?? sinkTrouble ?? notice { return Word(trouble) }
        return lag > Self.slowLag ? .sinkSlow : .ready
    }

    /// Whether events can be recorded. A sink that is down or slow does not keep them from being: the spool has them.
    package var isReady: Bool { writerTrouble == nil }
}
