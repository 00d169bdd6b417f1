internal import Glibc
internal import Synchronization

/// The leftovers of an earlier process that were found at the start. The server logs them.
package struct SpoolReport: Hashable, Sendable {
    /// Events that stood in rings only and were moved to a segment.
    package var recovered = 0
    /// Bytes cut off the last segment, and bytes of rings that no key vouches for: 0 after a mere kill.
    package var cut = 0
    /// Segments and rings that were set aside, whole, as `*.damaged`.
    package var damagedFiles: [String] = []
    /// Events that the sink has not taken yet.
    package var pending = 0

    package init() {}
}

/// Recovers a spool that an earlier process left, so that a writer can go on with it.
enum SpoolRecovery {
    static func run(
        _ directory: SpoolDirectory,
        settings: AuditSystem.Settings,
        gauges: SpoolGauges
    ) throws(AuditError) -> (writer: SpoolWriter, report: SpoolReport) {
        var report = SpoolReport()
        let cursor = directory.cursor()
        // Stored at once: from now on it is written over itself, whatever room the disk has.
        try directory.store(cursor)
        var position = SpoolPosition(segment: 0, offset: 0)
        var tip = cursor.tip
        var written = Set<EventID>()
        while let last = try directory.segments().last {
            let path = directory.segment(last)
            let length = try Descriptor(opening: path, O_RDONLY).length
            do throws(AuditError) {
                let reader = try SegmentReader(opening: path)
                let found = try read(reader, before: length, into: &written)
                // Behind it only what a power cut has taken from the segment and the sink has.
                if found.sequence >= tip.sequence { tip = found }
                position = SpoolPosition(segment: last, offset: reader.offset)
            } catch {
                guard error.code == .spoolDamaged else { throw error }
                // The process died while it made the file: then it holds no event. Otherwise an operator shall examine it.
                report.cut += length
                if length > Segment.headerLength {
                    report.damagedFiles.append(path)
                    guard rename(path, "\(path).damaged") == 0 else { throw .system("rename", path) }
                } else {
                    guard unlink(path) == 0 else { throw .system("delete", path) }
                }
                continue
            }
            if position.offset < length {
                report.cut += length - position.offset
                try Descriptor(opening: path, O_RDWR).truncate(to: position.offset)
            }
            break
        }
        // Segments that somebody deleted do not come again under their numbers: the drain is behind the place where new events would stand.
        let passed = cursor.position.offset > 0 ? cursor.position.segment : cursor.position.segment - 1
        if position.segment < passed { position = SpoolPosition(segment: passed, offset: 0) }
        for number in try directory.segments() {
            let length = try Descriptor(opening: directory.segment(number), O_RDONLY).length
            gauges.segmentBytes.wrappingAdd(length, ordering: .relaxed)
            let behind = SpoolPosition(segment: number, offset: length)
            if cursor.position < behind {
                let from = cursor.position.segment == number ? cursor.position.offset : Segment.headerLength
                gauges.pendingBytes.wrappingAdd(length - max(from, Segment.headerLength), ordering: .relaxed)
            }
        }
        // The callers of recovered events are not examined: until the sink has them, new events without an established caller have that much less
        // room.
        let share = settings.maxSpool / AuditSystem.Settings.nobodysShare
        gauges.nobodysBytes.store(min(gauges.pendingBytes.load(ordering: .relaxed), share), ordering: .relaxed)
        gauges.end.withLock { $0 = position }
        gauges.writtenThrough.store(Int(tip.sequence), ordering: .relaxed)
        gauges.deliveredThrough.store(Int(cursor.tip.sequence), ordering: .relaxed)
        let writer = try SpoolWriter(
            directory,
            settings: settings,
            gauges: gauges,
            position: position,
            // The drain is behind the end of a segment that was cut: what came there now it would never read.
            continues: position.offset > 0 && cursor.position <= position,
            tip: tip
        )
        let rings = try directory.rings()
        // A recovery that was killed itself may have begun a segment: events in a ring may then also be in the segment before.
        if !rings.isEmpty, let before = try directory.segments().last(where: { $0 < position.segment }),
            let reader = try? SegmentReader(opening: directory.segment(before))
        {
            _ = try read(reader, before: reader.length, into: &written)
        }
        for lane in rings {
            let path = directory.ring(lane)
            let image = RingImage(
                try Descriptor(opening: path, O_RDONLY).readAll(),
                writer: directory.writer,
                lane: lane,
                keys: settings.keys?.ring ?? .known
            )
            let events = image.events.filter { event in
                event.withUnsafeBytes { EventDecoder.head($0) }.map { !written.contains($0.id) } ?? false
            }
            report.recovered += events.count
            report.cut += image.cut
            try writer.append(recovered: events)
            if image.cut > 0 {
                try setAside(path, image.cut, gauges, &report)
            } else {
                guard unlink(path) == 0 else { throw .system("delete", path) }
            }
        }
        report.pending =
            gauges.writtenThrough.load(ordering: .relaxed) - gauges.deliveredThrough.load(ordering: .relaxed)
        gauges.damaged.wrappingAdd(report.cut > 0 ? 1 : 0, ordering: .relaxed)
        return (writer, report)
    }

    /// Keeps a ring with bytes that no key authenticates, for an operator to examine. They are not chained.
    private static func setAside(
        _ path: String,
        _ cut: Int,
        _ gauges: SpoolGauges,
        _ report: inout SpoolReport
    ) throws(AuditError) {
        guard rename(path, "\(path).damaged") == 0 else { throw .system("rename", path) }
        report.damagedFiles.append(path)
        let notice = AuditError(
            .spoolTruncated,
            "no key of this installation vouches for \(cut) bytes of \(path), which are not recovered: somebody wrote there, "
                + "the power failed, its key was retired, or the release before left it; it is kept as \(path).damaged"
        )
        _ = gauges.note(notice)
    }

    /// Reads a segment to its end or to what is no record.
    ///
    /// - Returns: its newest event, or the one before the segment when it has none.
    private static func read(
        _ reader: SegmentReader,
        before length: Int,
        into ids: inout Set<EventID>
    ) throws(AuditError) -> ChainTip {
        var tip = ChainTip(sequence: reader.header.firstSequence - 1, hash: reader.previousHash)
        while case .record(let record) = try reader.next(before: length) {
            tip = ChainTip(sequence: record.sequence, hash: record.hash)
            if let id = record.event.withUnsafeBytes({ EventDecoder.head($0)?.id }) { ids.insert(id) }
        }
        return tip
    }
}
