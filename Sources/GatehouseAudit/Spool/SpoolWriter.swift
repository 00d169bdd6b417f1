internal import GatehouseCore
internal import Glibc
internal import Synchronization

/// Moves events from the rings of all lanes into segment files, numbering and chaining them.
///
/// `@unchecked Sendable`: one thread at a time uses it; the writer's once that runs, its maker before that and after joining it.
final class SpoolWriter: @unchecked Sendable {
    enum Progress: Equatable {
        case idle
        case wrote(Int)
        /// The events stay in the rings: the disk refuses them, or the spool has reached its quota.
        case blocked
    }

    /// Bytes of records written in one step.
    static let batchSize = 1 << 20

    let directory: SpoolDirectory
    private let settings: AuditSystem.Settings
    private let gauges: SpoolGauges
    private var lanes: [SpoolLane] = []
    private var file: Descriptor?
    private var position: SpoolPosition
    private let batch: SpoolBatch
    /// A frame is copied here before it is verified and used: a process that can write the ring's file must not reach an event whose sum was found
    /// right.
    private let frame = UnsafeMutableRawPointer.allocate(byteCount: RingFrame.maximumLength, alignment: 8)
    private var heads: HeadSchedule
    /// Whether the lanes are cut off, so that they take no events.
    private var isCut = false
    /// The lane with which the next step begins, so that a lane that is always full does not starve the others.
    private var turn = 0
    /// The lanes that the step takes events from, and up to which position.
    private var taken: [(lane: SpoolLane, position: UInt64, events: Int)] = []
    /// Whether the last step left events in the rings because its batch was full.
    private(set) var isBehind = false

    /// Continues behind the events that recovery found.
    ///
    /// - Parameter continues: whether the segment at `position` takes more; otherwise the next one is begun.
    init(
        _ directory: SpoolDirectory,
        settings: AuditSystem.Settings,
        gauges: SpoolGauges,
        position: SpoolPosition,
        continues: Bool,
        tip: ChainTip
    ) throws(AuditError) {
        self.directory = directory
        self.settings = settings
        self.gauges = gauges
        self.position = position
        batch = SpoolBatch(
            of: directory.writer,
            key: settings.keys?.chain.current,
            behind: tip,
            limit: min(Self.batchSize, settings.maxSpool)
        )
        heads = HeadSchedule(covered: tip.sequence)
        if continues { file = try Descriptor(opening: directory.segment(position.segment), O_RDWR) }
    }

    deinit { frame.deallocate() }

    func add(_ lane: SpoolLane) { lanes.append(lane) }

    var hasWork: Bool { lanes.contains { $0.ring.hasEvents() } }

    /// Moves what the rings hold now.
    func step() -> Progress {
        guard isWhole() else { return .blocked }
        let before = batch.tip
        gather()
        // A file that is cut off reads as zeroes from then on, also within an event that was whole a moment ago.
        guard !lanes.contains(where: \.ring.isLost) else {
            batch.removeAll(behind: before)
            return step()
        }
        guard !taken.isEmpty else { return makeHead(isDue: headIsDue()) ? .wrote(0) : .idle }
        do {
            try commit(behind: before)
        } catch {
            batch.removeAll(behind: before)
            gauges.writerTrouble.withLock { $0 = error }
            return .blocked
        }
        for (lane, position, events) in taken {
            lane.ring.release(position)
            lane.counters.written.add(events)
            if settings.durability == .disk { lane.becameDurable(position) }
        }
        makeHead(isDue: headIsDue())
        return .wrote(Int(batch.tip.sequence - before.sequence))
    }

    /// Appends events that recovery found, however many, to the last segment: what a crash left twice is always found there.
    func append(recovered events: [[UInt8]]) throws(AuditError) {
        var rest = events[...]
        while !rest.isEmpty {
            let before = batch.tip
            batch.removeAll()
            while let event = rest.first, event.withUnsafeBytes({ batch.append($0) }) { rest.removeFirst() }
            try commit(behind: before, mayRotate: false)
        }
        if !events.isEmpty { try file?.synchronize() }
    }

    // MARK: What was taken away

    /// Whether directory, rings and segment are still there. When they are not, the lanes take nothing, and with the next step all is made
    /// again: by then a lane that was just recording has long finished.
    private func isWhole() -> Bool {
        let isGone = lanes.reduce(!directory.isThere) { isGone, lane in !lane.ring.hasFile() || isGone }
        let isTruncated = lanes.contains { $0.ring.isLost }
        if isGone || isTruncated {
            let wasCut = isCut
            isCut = true
            for lane in lanes { lane.cut(true) }
            guard wasCut else {
                let trouble =
                    isTruncated
                    ? AuditError(.spoolTruncated, "somebody shortened or wrote a ring in the spool \(directory.path)")
                    : AuditError(.spoolGone, "the spool \(directory.path) was taken away")
                gauges.writerTrouble.withLock { $0 = trouble }
                return false
            }
            do throws(AuditError) { try restore() } catch {
                gauges.writerTrouble.withLock { $0 = error }
                return false
            }
        } else if let path = file?.path, Descriptor.identity(of: path) != file?.identity {
            // Only the segment: what the sink has not read of it yet is a gap from now on.
            file = nil
            gauges.damaged.wrappingAdd(1, ordering: .relaxed)
        }
        guard isCut else { return true }
        isCut = false
        gauges.writerTrouble.withLock { $0 = nil }
        for lane in lanes { lane.cut(false) }
        return true
    }

    private func restore() throws(AuditError) {
        if !directory.isThere {
            try directory.restore()
            gauges.pendingBytes.store(0, ordering: .relaxed)
            gauges.nobodysBytes.store(0, ordering: .relaxed)
            gauges.segmentBytes.store(0, ordering: .relaxed)
        }
        for lane in lanes where lane.ring.isLost { try restore(lost: lane) }
        for lane in lanes where !lane.ring.hasFile() { try lane.ring.restore() }
        // Behind everything that was there; the drain finds it by its number.
        file = nil
        gauges.damaged.wrappingAdd(1, ordering: .relaxed)
    }

    private func restore(lost lane: SpoolLane) throws(AuditError) {
        let path = lane.ring.path
        lane.becameLost()
        try lane.ring.restore()
        // The lane has stayed away since the step before.
        let gone = lane.counters.recorded.value - lane.counters.written.value
        lane.counters.written.add(gone)
        gauges.unrecoverable.wrappingAdd(gone, ordering: .relaxed)
        let notice = AuditError(
            .spoolTruncated,
            "somebody shortened or wrote \(path): \(gone) events that stood in it are gone"
        )
        if gauges.note(notice) { settings.onChange(AuditState.Word(notice), notice) }
    }

    // MARK: Heads

    /// The time until a head is due although nothing is recorded; nil when none is.
    var headWait: Duration? { settings.keys == nil ? nil : heads.wait(at: SystemClock().now()) }

    /// Makes a head of the chain's end, if there is anything new since the last.
    ///
    /// - Returns: whether it was made.
    @discardableResult
    func makeHead(isDue: Bool = true) -> Bool {
        guard isDue, let keys = settings.keys?.chain else { return false }
        let tip = batch.tip
        guard !tip.hash.isEmpty else { return false }
        let now = SystemClock().now()
        let head = AuditHead(signing: .head, of: directory.writer, tip.sequence, tip.hash, at: now, keys: keys)
        heads.made(through: tip.sequence)
        gauges.add(head)
        settings.onHead(head)
        return true
    }

    /// Covers what no head does yet: for the end.
    func makeHeadOfRest() {
        if headWait != nil { makeHead() }
    }

    private func headIsDue() -> Bool {
        settings.keys != nil && heads.reached(batch.tip.sequence, at: SystemClock().now())
    }

    // MARK: -

    /// Fills the batch from the rings.
    private func gather() {
        batch.removeAll()
        taken.removeAll(keepingCapacity: true)
        isBehind = false
        turn &+= 1
        for index in lanes.indices where !isBehind {
            let lane = lanes[(turn &+ index) % lanes.count]
            let end = lane.ring.committedPosition
            let start = lane.ring.releasedPosition
            var position = start
            var events = 0
            while position != end {
                // Another process wrote into the file: nothing in it can be trusted.
                guard let event = event(in: lane.ring, at: position, end: end) else { return lane.ring.lose() }
                isBehind = !batch.append(event)
                if isBehind { break }
                position &+= UInt64(RingFrame.length(ofEvent: event.count))
                events += 1
            }
            if events > 0 { taken.append((lane, position, events)) }
        }
    }

    /// A copy of the event at a position, until the next one is taken; nil when its sum is not one of this process.
    @inline(__always)
    private func event(in ring: SpoolRing, at position: UInt64, end: UInt64) -> UnsafeRawBufferPointer? {
        let source = UnsafeRawPointer(ring.address(position))
        guard let length = RingFrame.eventLength(source, within: end &- position) else { return nil }
        // The length was looked at and is not copied again.
        let behind = RingFrame.sumOffset
        (frame + behind).copyMemory(from: source + behind, byteCount: RingFrame.length(ofEvent: length) &- behind)
        guard RingFrame.holds(frame, length: length, position: position, key: ring.key) else { return nil }
        return UnsafeRawBufferPointer(start: frame + RingFrame.headerLength, count: length)
    }

    /// - Parameter before: the newest event that is in a segment already.
    private func commit(behind before: ChainTip, mayRotate: Bool = true) throws(AuditError) {
        let pending = gauges.pendingBytes.load(ordering: .relaxed)
        let bytes = batch.bytes
        guard pending + bytes.count <= settings.maxSpool || !mayRotate else {
            throw AuditError(
                .spoolFull,
                "the spool \(directory.path) has reached its quota of \(settings.maxSpool) bytes"
            )
        }
        if file == nil || mayRotate && position.offset >= settings.segmentSize {
            try rotate(behind: before)
        }
        guard file != nil else { throw AuditError(.spoolUnusable, "the spool \(directory.path) has no segment") }
        do throws(AuditError) {
            try file!.write(bytes, at: position.offset)
            if settings.durability == .disk { try file!.synchronize() }
        } catch {
            // After a failed sync the kernel may call the pages clean all the same, so the next attempt goes into another file.
            try? file!.truncate(to: position.offset)
            if settings.durability == .disk { file = nil }
            throw error
        }
        // While the sink has everything this is 0; the drain moves it on and clears it.
        _ = gauges.pendingSince.compareExchange(expected: 0, desired: batch.firstTime, ordering: .relaxed)
        position.offset += bytes.count
        gauges.segmentBytes.wrappingAdd(bytes.count, ordering: .relaxed)
        gauges.pendingBytes.wrappingAdd(bytes.count, ordering: .relaxed)
        gauges.nobodysBytes.wrappingAdd(batch.nobodysBytes, ordering: .relaxed)
        gauges.writtenThrough.store(Int(batch.tip.sequence), ordering: .relaxed)
        gauges.writerTrouble.withLock { $0 = nil }
        gauges.end.withLock { $0 = position }
    }

    private func rotate(behind before: ChainTip) throws(AuditError) {
        let number = position.segment + 1
        let header = Segment.Header(
            number: number,
            firstSequence: before.sequence + 1,
            writer: directory.writer,
            previousHash: before.hash
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
