internal import GatehouseCore
internal import Glibc
internal import Synchronization

/// Moves events from the rings of all lanes into segment files, numbering them.
///
/// `@unchecked Sendable`: one thread at a time uses it; the writer's once that runs, its maker before that and after joining it.
final class SpoolWriter: @unchecked Sendable {
    enum Progress: Equatable {
        case idle
        case wrote(Int)
        /// The events stay in the rings: the disk refuses them, or the spool has reached its quota.
        case blocked
    }

    /// Bytes of events moved in one step, at most one lane's more.
    static let batchSize = 1 << 20

    let directory: SpoolDirectory
    private let settings: AuditSettings
    private let gauges: SpoolGauges
    private var lanes: [SpoolLane] = []
    private var file: Descriptor?
    private var position: SpoolPosition
    private var nextSequence: Int64
    private var batch: [UInt8] = []
    /// The time of the first event in the batch.
    private var firstTime = 0

    /// Goes on behind what recovery found: at the end of the last segment, or at segment 0 when there is none.
    init(
        _ directory: SpoolDirectory,
        settings: AuditSettings,
        gauges: SpoolGauges,
        position: SpoolPosition,
        nextSequence: Int64
    ) throws(AuditError) {
        self.directory = directory
        self.settings = settings
        self.gauges = gauges
        self.position = position
        self.nextSequence = nextSequence
        if position.segment > 0 { file = try Descriptor(opening: directory.segment(position.segment), O_RDWR) }
    }

    func add(_ lane: SpoolLane) { lanes.append(lane) }

    var hasWork: Bool { lanes.contains { $0.ring.hasEvents() } }

    /// Moves what the rings hold now.
    func step() -> Progress {
        var ends: [(lane: SpoolLane, position: UInt64)] = []
        let first = nextSequence
        batch.removeAll(keepingCapacity: true)
        for lane in lanes where batch.count < Self.batchSize {
            let end = lane.ring.committedPosition
            var position = lane.ring.releasedPosition
            guard position != end else { continue }
            while position != end {
                guard let length = append(lane.ring, at: position, end: end) else {
                    // Somebody else wrote into the file: nothing behind this place can be trusted.
                    gauges.damaged.wrappingAdd(1, ordering: .relaxed)
                    position = end
                    break
                }
                position &+= UInt64(length)
            }
            ends.append((lane, position))
        }
        guard !ends.isEmpty else { return .idle }
        do {
            try commit(firstSequence: first)
        } catch {
            nextSequence = first
            gauges.writerTrouble.withLock { $0 = error }
            return .blocked
        }
        for (lane, position) in ends {
            lane.ring.release(position)
            if settings.durability == .disk { lane.becameDurable(position) }
        }
        return .wrote(Int(nextSequence - first))
    }

    /// Appends events that recovery found, however many, to the last segment: what a crash left twice is always found there.
    func append(recovered events: [[UInt8]]) throws(AuditError) {
        guard !events.isEmpty else { return }
        let first = nextSequence
        batch.removeAll(keepingCapacity: true)
        for event in events { event.withUnsafeBytes { number($0) } }
        try commit(firstSequence: first, mayRotate: false)
        try file?.synchronize()
    }

    // MARK: -

    private func append(_ ring: SpoolRing, at position: UInt64, end: UInt64) -> Int? {
        let frame = ring.address(position)
        let length = Int(UInt32(littleEndian: frame.load(as: UInt32.self)))
        guard length <= EventEncoder.maximumLength, UInt64(RingFrame.length(ofEvent: length)) <= end &- position else {
            return nil
        }
        number(UnsafeRawBufferPointer(start: frame + RingFrame.headerLength, count: length))
        return RingFrame.length(ofEvent: length)
    }

    private func number(_ event: UnsafeRawBufferPointer) {
        if batch.isEmpty { firstTime = Int(EventDecoder.head(event)?.at.microseconds ?? 0) }
        SpoolRecord.append(event, sequence: nextSequence, to: &batch)
        nextSequence += 1
    }

    private func commit(firstSequence: Int64, mayRotate: Bool = true) throws(AuditError) {
        let pending = gauges.pendingBytes.load(ordering: .relaxed)
        guard pending + batch.count <= settings.maxSpool || !mayRotate else {
            throw AuditError(
                .spoolUnusable,
                "the spool \(directory.path) has reached its quota of \(settings.maxSpool) bytes"
            )
        }
        if file == nil || mayRotate && position.offset >= settings.segmentSize {
            try rotate(firstSequence: firstSequence)
        }
        guard file != nil else { throw AuditError(.spoolUnusable, "the spool \(directory.path) has no segment") }
        do throws(AuditError) {
            try file!.write(batch, at: position.offset)
            if settings.durability == .disk { try file!.synchronize() }
        } catch {
            // After a failed sync the kernel may call the pages clean all the same, so the next attempt goes into another file.
            try? file!.truncate(to: position.offset)
            if settings.durability == .disk { file = nil }
            throw error
        }
        // While the sink has everything this is 0; the drain moves it on and clears it.
        _ = gauges.pendingSince.compareExchange(expected: 0, desired: firstTime, ordering: .relaxed)
        position.offset += batch.count
        gauges.segmentBytes.wrappingAdd(batch.count, ordering: .relaxed)
        gauges.pendingBytes.wrappingAdd(batch.count, ordering: .relaxed)
        gauges.writtenThrough.store(Int(nextSequence - 1), ordering: .relaxed)
        gauges.writerTrouble.withLock { $0 = nil }
        gauges.end.withLock { $0 = position }
    }

    private func rotate(firstSequence: Int64) throws(AuditError) {
        let number = position.segment + 1
        let header = Segment.Header(
            number: number,
            firstSequence: firstSequence,
            writer: directory.writer,
            previousHash: [UInt8](repeating: 0, count: Segment.hashLength)
        )
        let next = try Descriptor(opening: directory.segment(number), O_RDWR | O_CREAT | O_TRUNC)
        let bytes = Segment.encode(header)
        try next.write(bytes, at: 0)
        if settings.durability == .disk {
            try next.synchronize()
            try directory.synchronize()
        }
        file = consume next
        position = SpoolPosition(segment: number, offset: bytes.count)
        gauges.segmentBytes.wrappingAdd(bytes.count, ordering: .relaxed)
    }
}
