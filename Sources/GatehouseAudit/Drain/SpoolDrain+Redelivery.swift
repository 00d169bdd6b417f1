internal import GatehouseCore
internal import Synchronization

/// Detects events that the sink had and has lost, and sends them again.
extension SpoolDrain {
    /// Verifies that the sink is the same one as before. After each opening the sink is asked how far it has this spool's chain: its file may have
    /// been deleted or restored from a backup meanwhile, or a standby that lagged behind may have taken over. A sink that cannot be opened is
    /// reported at the start, and not when the first event comes.
    func attend() throws(AuditError) {
        let opening = try sink.open()
        try readClock(isNew: opening != attended)
        guard opening != attended else { return }
        if let last = try sink.lastSequence(of: directory.writer) {
            if last < cursor.tip.sequence {
                try rewind(behind: last)
            } else if last > gauges.writtenThrough.load(ordering: .relaxed) {
                note(.twin(of: directory.writer))
            }
        } else if attended != nil || isAnother, sink.deliveryTimeout != nil {
            // A database. What only passes events on has nothing to lose.
            note(.unasked)
        }
        isAnother = false
        attended = opening
    }

    /// How often a sink's clock is read while events are delivered. One that is set between two readings shows late; this machine's shows at once,
    /// see ``ClockReading``.
    static let clockInterval: Duration = .seconds(60)

    private func readClock(isNew: Bool) throws(AuditError) {
        let asked = ContinuousClock.now
        guard isNew || asked - clockReadAt >= Self.clockInterval else { return }
        clockReadAt = asked
        let time = try sink.clock()
        gauges.clock.withLock { $0 = time.map { ClockReading($0, asked: asked) } }
    }

    /// Names another process that stores events under this spool's name: then there are more rows under the numbers of a batch than it has.
    func lookForTwin(of records: [SpoolRecord]) throws(AuditError) {
        guard let first = records.first?.sequence, let last = records.last?.sequence, first <= last,
            let count = try sink.count(of: directory.writer, in: first...last), count > records.count
        else { return }
        note(.twin(of: directory.writer))
    }

    /// Goes back to the first event that the sink lacks, as far as there are segments. Events that the sink has are not stored twice.
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

    /// Reports the error to the log and, for a while, to readiness.
    private func note(_ error: AuditError) {
        if gauges.note(error) { settings.onChange(AuditState.Word(error), error) }
    }
}

extension AuditError {
    static var unasked: AuditError {
        AuditError(
            .sinkUnasked,
            """
            the audit database was connected to anew, and its user may not read whether it still has what it had taken; after a failover \
            that lost rows, run `gatehouse audit redeliver --since` from before it
            """
        )
    }

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
