internal import GatehouseCore
internal import Glibc
internal import Synchronization

/// Hands what is in the segments to the sink, at least once and in order, and deletes segments that the sink has whole.
///
/// `@unchecked Sendable`: one thread at a time uses it: its maker, then the drain's, and that of the last flush once the drain's has ended.
final class SpoolDrain: @unchecked Sendable {
    enum Progress: Equatable {
        case idle
        case delivered(Int)
        /// The sink or the spool failed: try again later.
        case failed
    }

    private let directory: SpoolDirectory
    private let settings: AuditSettings
    private let gauges: SpoolGauges
    private let sink: any AuditSink
    private var cursor: SpoolCursor
    private var reader: SegmentReader?
    /// What the sink has not taken yet, with the cursor behind it.
    private var offered: (records: [SpoolRecord], behind: SpoolCursor)?

    init(_ directory: SpoolDirectory, settings: AuditSettings, gauges: SpoolGauges, sink: any AuditSink) {
        self.directory = directory
        self.settings = settings
        self.gauges = gauges
        self.sink = sink
        cursor = directory.cursor()
    }

    var hasWork: Bool { cursor.position < gauges.end.withLock { $0 } || !heads(through: cursor.tip.sequence).isEmpty }

    /// Hands over one batch, or deletes a segment that is done.
    func step() -> Progress {
        do throws(AuditError) {
            if offered == nil { offered = try gather() }
            guard let (records, behind) = offered else { return try deliverHeads() }
            let heads = heads(through: behind.tip.sequence)
            if !records.isEmpty {
                try sink.deliver(AuditBatch(writer: directory.writer, records: records, heads: heads))
            }
            forget(heads)
            let taken =
                behind.position.segment == cursor.position.segment ? behind.position.offset - cursor.position.offset : 0
            try directory.store(behind)
            cursor = behind
            offered = nil
            gauges.pendingBytes.wrappingSubtract(taken, ordering: .relaxed)
            freeShare(of: records)
            gauges.deliveredThrough.store(Int(cursor.tip.sequence), ordering: .relaxed)
            noteAge(since: records.last)
            gauges.sinkTrouble.withLock { $0 = nil }
            return .delivered(records.count)
        } catch {
            // What was read and not offered is read again.
            if offered == nil { reader = nil }
            noteAge(since: offered?.records.first)
            gauges.sinkTrouble.withLock { $0 = error }
            return .failed
        }
    }

    /// Gives back what events of nobody established took of their share.
    private func freeShare(of records: [SpoolRecord]) {
        let bytes = records.reduce(0) { sum, record in
            record.event.withUnsafeBytes { EventDecoder.isOfNobody($0) } ? sum + record.event.count : sum
        }
        if bytes > 0 { gauges.nobodysBytes.wrappingSubtract(bytes, ordering: .relaxed) }
        // Those of a segment that was lost or set aside are never taken.
        if cursor.position >= (gauges.end.withLock { $0 }) { gauges.nobodysBytes.store(0, ordering: .relaxed) }
    }

    // MARK: Heads

    /// Those that cover nothing but what the sink has.
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
        guard !heads.isEmpty else { return .idle }
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
            reading: while records.count < settings.batch {
                switch try reader.next(before: bound) {
                case .record(let record): records.append(record)
                case .end:
                    break reading
                case .damaged where !records.isEmpty:
                    // What is whole goes first; the damage is met again with the next batch.
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
        for done in try directory.segments() where done < number { try delete(done, keeping: nil) }
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

    /// Puts a segment with bytes that are no record aside, for somebody to look at, and goes on with the next one.
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
        try delete(number, keeping: suffix)
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

    private func fileLength(_ number: Int) -> Int {
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
