internal import GatehouseCore
internal import Glibc
internal import Synchronization

/// Delivers the events of the segments to the sink, at least once and in order, and deletes segments that the sink has whole.
///
/// `@unchecked Sendable`: one thread at a time uses it: its maker, then the drain's, and that of the last flush once the drain's has ended.
final class SpoolDrain: @unchecked Sendable {
    enum Progress: Equatable {
        case idle
        case delivered(Int)
        /// The sink or the spool failed: try again later.
        case failed
    }

    let directory: SpoolDirectory
    let settings: AuditSystem.Settings
    let gauges: SpoolGauges
    private(set) var sink: any AuditSink
    /// Makes the sink that takes the place of this one. Set on any thread.
    private let nextSink = Mutex<(@Sendable () -> any AuditSink)?>(nil)
    var cursor: SpoolCursor
    var reader: SegmentReader?
    /// The batch that was sent to the sink and is not yet accepted, with the cursor behind it.
    var offered: (records: [SpoolRecord], behind: SpoolCursor)?
    private var size: BatchSize
    /// The opening of the sink after which it was asked how much it has.
    var attended: Int?
    /// Whether the sink took the place of another one and was not asked yet.
    var isAnother = false
    /// When the sink's clock was asked for last.
    var clockReadAt = ContinuousClock.now
    /// The sink has had every event before this position once.
    var takenOnce: SpoolPosition

    init(_ directory: SpoolDirectory, settings: AuditSystem.Settings, gauges: SpoolGauges, sink: any AuditSink) {
        self.directory = directory
        self.settings = settings
        self.gauges = gauges
        self.sink = sink
        cursor = directory.cursor()
        size = BatchSize(most: settings.batch)
        takenOnce = cursor.position
    }

    /// Replaces the sink before the next step. On any thread.
    func replaceSink(_ make: @escaping @Sendable () -> any AuditSink) { nextSink.withLock { $0 = make } }

    private var hasNextSink: Bool { nextSink.withLock { $0 != nil } }

    /// How long there may be nothing to do before the sink is looked at.
    var checkInterval: Duration? { sink.checkInterval }

    var hasWork: Bool { hasNextSink || hasEvents }

    var hasEvents: Bool { cursor.position < gauges.end.withLock { $0 } || !heads(through: cursor.tip.sequence).isEmpty }

    /// Hands over one batch, or deletes a segment that is done.
    func step() -> Progress {
        adoptSink()
        do throws(AuditError) {
            try attend()
            if offered == nil { offered = try gather() }
            guard let (records, behind) = offered else { return try deliverHeads() }
            let heads = heads(through: behind.tip.sequence)
            if !records.isEmpty {
                let start = ContinuousClock.now
                try sink.deliver(AuditBatch(writer: directory.writer, records: records, heads: heads))
                size.taken(records.count, in: .now - start, of: sink.deliveryTimeout)
                try lookForTwin(of: records)
            }
            forget(heads)
            let taken =
                behind.position.segment == cursor.position.segment ? behind.position.offset - cursor.position.offset : 0
            try directory.store(behind)
            cursor = behind
            offered = nil
            gauges.pendingBytes.wrappingSubtract(taken, ordering: .relaxed)
            if takenOnce < behind.position {
                takenOnce = behind.position
                freeShare(of: records)
            }
            gauges.deliveredThrough.store(Int(cursor.tip.sequence), ordering: .relaxed)
            noteAge(since: records.last)
            gauges.sinkTrouble.withLock { $0 = nil }
            return .delivered(records.count)
        } catch {
            noteAge(since: offered?.records.first)
            if error.code == .sinkTimedOut {
                size.timedOut()
                offered = nil
            }
            // Records that were read and are not offered any more are read again.
            if offered == nil { reader = nil }
            gauges.sinkTrouble.withLock { $0 = error }
            return .failed
        }
    }

    private func adoptSink() {
        guard let make = nextSink.withLock({ $0.take() }) else { return }
        sink = make()
        attended = nil
        isAnother = true
        size = BatchSize(most: settings.batch)
    }

    /// Returns the share that delivered events without an established caller took.
    private func freeShare(of records: [SpoolRecord]) {
        let bytes = records.reduce(0) { sum, record in
            record.event.withUnsafeBytes { EventDecoder.isOfNobody($0) } ? sum + record.event.count : sum
        }
        if bytes > 0 { gauges.nobodysBytes.wrappingSubtract(bytes, ordering: .relaxed) }
        // Events of a segment that was lost or set aside are never delivered.
        if cursor.position >= (gauges.end.withLock { $0 }) { gauges.nobodysBytes.store(0, ordering: .relaxed) }
    }

    // MARK: Heads

    /// The heads that cover only events that the sink has.
    private func heads(through sequence: Int64) -> [AuditHead] {
        gauges.heads.withLock { heads in heads.filter { $0.sequence <= sequence } }
    }

    private func forget(_ taken: [AuditHead]) {
        guard let last = taken.last else { return }
        gauges.heads.withLock { heads in heads.removeAll { $0.sequence <= last.sequence } }
    }

    /// Heads that came after the events they cover were taken.
    private func deliverHeads() throws(AuditError) -> Progress {
        let heads = heads(through: cursor.tip.sequence)
        guard !heads.isEmpty else {
            gauges.sinkTrouble.withLock { $0 = nil }
            return .idle
        }
        try sink.deliver(AuditBatch(writer: directory.writer, records: [], heads: heads))
        forget(heads)
        gauges.sinkTrouble.withLock { $0 = nil }
        return .delivered(0)
    }

    // MARK: -

    /// Reads the next batch, moving over the ends of segments. Nil when the sink has everything.
    private func gather() throws(AuditError) -> (records: [SpoolRecord], behind: SpoolCursor)? {
        let end = gauges.end.withLock { $0 }
        while true {
            guard let reader = try open(end) else { return nil }
            let bound = end.segment == reader.header.number ? end.offset : reader.length
            var records: [SpoolRecord] = []
            reading: while records.count < size.current {
                switch try reader.next(before: bound) {
                case .record(let record): records.append(record)
                case .end:
                    break reading
                case .damaged where !records.isEmpty:
                    // Intact records go first; the damage is met again with the next batch.
                    break reading
                case .damaged:
                    try setAside(reader.header.number, from: reader.offset)
                    return try gather()
                }
            }
            if let last = records.last {
                let position = SpoolPosition(segment: reader.header.number, offset: reader.offset)
                let tip = ChainTip(sequence: last.sequence, hash: last.hash)
                return (records, SpoolCursor(position: position, tip: tip))
            }
            guard reader.header.number < end.segment else { return nil }
            try finish(reader.header.number, keeping: nil)
        }
    }

    /// The reader of the segment that the cursor is in, or of the next one there is.
    private func open(_ end: SpoolPosition) throws(AuditError) -> SegmentReader? {
        if let reader { return reader }
        guard let number = try directory.segments().first(where: { $0 >= cursor.position.segment && $0 <= end.segment })
        else {
            return nil
        }
        // Older ones are left of a crash between the cursor's move and the deletion.
        for done in try directory.segments() where done < number - settings.keptSegments {
            try delete(done, keeping: nil)
        }
        let offset = number == cursor.position.segment ? cursor.position.offset : Segment.headerLength
        do throws(AuditError) {
            let opened = try SegmentReader(opening: directory.segment(number), from: offset, after: cursor.tip.hash)
            cursor.position = SpoolPosition(segment: number, offset: opened.offset)
            reader = opened
            return opened
        } catch {
            guard error.code == .spoolDamaged, number < end.segment else { throw error }
            try setAside(number, from: offset)
            return try open(end)
        }
    }

    /// Sets a segment with bytes that are no record aside, for an operator to examine, and goes on with the next one.
    private func setAside(_ number: Int, from offset: Int) throws(AuditError) {
        guard number < (gauges.end.withLock { $0.segment }) else {
            throw AuditError(.spoolDamaged, "\(directory.segment(number)) has no record at byte \(offset)")
        }
        let length = fileLength(number)
        try finish(number, keeping: "damaged")
        gauges.damaged.wrappingAdd(1, ordering: .relaxed)
        gauges.pendingBytes.wrappingSubtract(max(0, length - offset), ordering: .relaxed)
    }

    /// Leaves a segment for good.
    private func finish(_ number: Int, keeping suffix: String?) throws(AuditError) {
        let next = SpoolCursor(position: SpoolPosition(segment: number + 1, offset: 0), tip: cursor.tip)
        try directory.store(next)
        cursor = next
        reader = nil
        if suffix != nil { try delete(number, keeping: suffix) }
        for done in try directory.segments() where done <= number - settings.keptSegments {
            try delete(done, keeping: nil)
        }
    }

    private func delete(_ number: Int, keeping suffix: String?) throws(AuditError) {
        let path = directory.segment(number)
        let size = fileLength(number)
        if let suffix {
            guard rename(path, "\(path).\(suffix)") == 0 else { throw .system("rename", path) }
        } else {
            guard unlink(path) == 0 || errno == ENOENT else { throw .system("delete", path) }
        }
        gauges.segmentBytes.wrappingSubtract(size, ordering: .relaxed)
    }

    func fileLength(_ number: Int) -> Int {
        var status = stat()
        return stat(directory.segment(number), &status) == 0 ? Int(status.st_size) : 0
    }

    private func noteAge(since record: SpoolRecord?) {
        let isDone = gauges.deliveredThrough.load(ordering: .relaxed) >= gauges.writtenThrough.load(ordering: .relaxed)
        let at = record?.event.withUnsafeBytes { EventDecoder.head($0)?.at.microseconds } ?? nil
        if isDone {
            gauges.pendingSince.store(0, ordering: .relaxed)
        } else if let at {
            gauges.pendingSince.store(Int(at), ordering: .relaxed)
        }
    }
}
