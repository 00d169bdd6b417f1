internal import Synchronization

/// What the sink had and has no more.
extension SpoolDrain {
    /// Sees to it that the sink is the one that it was. After each opening the sink is asked how far it has this spool's chain: its file may have been
    /// deleted or restored from a backup meanwhile, or a standby may have taken over that lagged behind.
    func attend() throws(AuditError) {
        // Before the first event there is nothing that a sink could lack.
        guard cursor.tip.sequence > 0 || hasEvents else { return }
        let opening = try sink.open()
        guard opening != attended else { return }
        if let last = try sink.lastSequence(of: directory.writer) {
            if last < cursor.tip.sequence {
                try rewind(behind: last)
            } else if last > gauges.writtenThrough.load(ordering: .relaxed) {
                note(.twin(of: directory.writer))
            }
        }
        attended = opening
    }

    /// Names another process that stores events under this spool's name: then there are more rows under the numbers of a batch than it has.
    func lookForTwin(of records: [SpoolRecord]) throws(AuditError) {
        guard let first = records.first?.sequence, let last = records.last?.sequence, first <= last,
            let count = try sink.count(of: directory.writer, in: first...last), count > records.count
        else { return }
        note(.twin(of: directory.writer))
    }

    /// Goes back to what the sink lacks, as far as there are segments. What it has of that already it leaves alone.
    private func rewind(behind last: Int64) throws(AuditError) {
        let before = cursor
        var start: SpoolCursor?
        for number in try directory.segments().reversed() where number <= before.position.segment {
            guard let found = try? SegmentReader(opening: directory.segment(number)) else { continue }
            let tip = ChainTip(sequence: found.header.firstSequence - 1, hash: found.previousHash)
            guard tip.sequence < before.tip.sequence else { continue }
            start = SpoolCursor(position: SpoolPosition(segment: number, offset: Segment.headerLength), tip: tip)
            if tip.sequence <= last { break }
        }
        let again = start.map { before.tip.sequence - max($0.tip.sequence, last) } ?? 0
        let gone = before.tip.sequence - last - again
        if let start {
            try directory.store(start)
            gauges.pendingBytes.wrappingAdd(bytes(from: start.position, to: before.position), ordering: .relaxed)
            gauges.deliveredThrough.store(Int(start.tip.sequence), ordering: .relaxed)
            cursor = start
            reader = nil
            offered = nil
        }
        gauges.replacements.wrappingAdd(1, ordering: .relaxed)
        gauges.unrecoverable.wrappingAdd(Int(gone), ordering: .relaxed)
        note(
            AuditError(
                .sinkReplaced,
                """
                the sink lacks events \(last + 1) to \(before.tip.sequence), which it had taken; the spool sends \(again) of them again, \
                \(gone) are no more there
                """
            )
        )
    }

    private func bytes(from start: SpoolPosition, to end: SpoolPosition) -> Int {
        var sum = max(0, end.offset - Segment.headerLength)
        for number in start.segment..<end.segment { sum += max(0, fileLength(number) - Segment.headerLength) }
        return sum
    }

    /// Tells the log and, for a while, readiness.
    private func note(_ error: AuditError) {
        if gauges.note(error) { settings.onChange(AuditState.Word(error), error) }
    }
}

extension AuditError {
    static func twin(of writer: String) -> AuditError {
        AuditError(
            .writerDuplicated,
            """
            another process stores events under this spool's name, \(writer): one of the two spools is a copy of the other, or this one was \
            restored from an older state; give the copy an empty directory as its spool
            """
        )
    }
}
