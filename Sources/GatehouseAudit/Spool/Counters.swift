internal import GatehouseCore
internal import Synchronization

/// A number that one thread counts and any thread reads.
final class Counter: Sendable {
    private let number = Atomic<Int>(0)

    /// Needs no locked instruction, because one thread alone counts.
    @inline(__always) func add(_ count: Int) {
        number.store(number.load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }

    var value: Int { number.load(ordering: .relaxed) }
}

/// The counters of one lane.
final class LaneCounters: Sendable {
    let recorded = Counter()
    /// Recorded events that are in a segment, or lost. Counted by the writer.
    let written = Counter()
    /// Decisions that found the ring full: refused, or with `on_failure: allow` served without a record.
    let lostDecisions = Counter()
    /// Outcomes that found the ring full.
    let lostOutcomes = Counter()
    /// Decisions that were not on the disk in time.
    let late = Counter()
    /// Requests without an established caller that are counted and not recorded one by one.
    let counted = Counter()
}

/// The state of the writer and the drain, readable on any thread.
final class SpoolGauges: Sendable {
    /// Bytes of all segment files.
    let segmentBytes = Atomic<Int>(0)
    /// Bytes of events in segments that the sink has not taken.
    let pendingBytes = Atomic<Int>(0)
    /// Pending bytes of events without an established caller. Their share is ``AuditSystem.Settings/nobodysShare`` of the whole.
    let nobodysBytes = Atomic<Int>(0)
    /// The sequence of the newest event in a segment.
    let writtenThrough = Atomic<Int>(0)
    /// The sequence of the newest event that the sink has taken.
    let deliveredThrough = Atomic<Int>(0)
    /// The time of an event not later than the oldest one that the sink has not taken; 0 when it has all.
    let pendingSince = Atomic<Int>(0)
    /// Events that could not be read back, in rings or segments.
    let damaged = Atomic<Int>(0)
    let writerTrouble = Mutex<AuditError?>(nil)
    let sinkTrouble = Mutex<AuditError?>(nil)
    /// The last condition of the writer or the drain that needs attention, and its time.
    let notice = Mutex<(error: AuditError, at: ContinuousClock.Instant)?>(nil)
    /// The sink's clock as it was read last.
    let clock = Mutex<ClockReading?>(nil)
    /// How often the sink was found without events that it had taken.
    let replacements = Atomic<Int>(0)
    /// Events that were recorded and are nowhere: the sink lacked them and the spool had them no more, or they stood in a ring that was lost.
    let unrecoverable = Atomic<Int>(0)
    /// How far the segments are written, for the drain.
    let end = Mutex<SpoolPosition>(SpoolPosition(segment: 0, offset: 0))
    /// Heads that the sink has not taken, oldest first. At most ``maximumHeads``: beyond it the oldest go, which stand in the log.
    let heads = Mutex<[AuditHead]>([])
    static let maximumHeads = 1024

    /// Keeps what readiness names for a while.
    ///
    /// - Returns: whether it is worth a word of its own: what says how much was lost is, each time.
    func note(_ error: AuditError) -> Bool {
        let now = ContinuousClock.now
        return notice.withLock { notice in
            let isKnown =
                notice.map { $0.error.code == error.code && now - $0.at < AuditState.noticeLifetime } ?? false
            notice = (error, now)
            return !isKnown || error.code != .writerDuplicated
        }
    }

    func add(_ head: AuditHead) {
        heads.withLock { heads in
            if heads.count >= Self.maximumHeads { heads.removeFirst() }
            heads.append(head)
        }
    }
}

/// A place in the segments of a spool.
package struct SpoolPosition: Hashable, Sendable, Comparable {
    package var segment: Int
    package var offset: Int

    package static func < (one: SpoolPosition, other: SpoolPosition) -> Bool {
        one.segment != other.segment ? one.segment < other.segment : one.offset < other.offset
    }
}
