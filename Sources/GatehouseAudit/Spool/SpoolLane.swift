package import GatehouseCore
internal import Synchronization

/// The parts of an event loop that its lane needs for `durability: disk`.
package struct LaneLoop: Sendable {
    /// Runs a closure on the loop soon. Called on the writer's thread.
    package let execute: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// Runs a closure on the loop after a time. Called on the loop.
    package let schedule: @Sendable (Duration, @escaping @Sendable () -> Void) -> Void
    /// A monotonic clock's time since any point. Called on the loop.
    package let now: @Sendable () -> Duration

    package init(
        execute: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        schedule: @escaping @Sendable (Duration, @escaping @Sendable () -> Void) -> Void,
        now: @escaping @Sendable () -> Duration
    ) {
        self.execute = execute
        self.schedule = schedule
        self.now = now
    }
}

/// Records the events of one event loop.
///
/// A record is a few hundred bytes written straight into the loop's ring: no system call, lock or allocation. Only a loop that
/// finds the writer parked, or the ring half full while the writer naps, wakes it.
///
/// `@unchecked Sendable`: everything but `ring`, `bell`, `durable`, `isCut`, `isAwaited` and the counters, which are made for sharing, is
/// touched on the lane's event loop only.
package final class SpoolLane: AuditRecorder, @unchecked Sendable {
    let ring: SpoolRing
    let counters = LaneCounters()
    private let bell: Doorbell
    private let settings: AuditSystem.Settings
    private let isDisk: Bool
    private let loop: LaneLoop?
    private var random = FastRandom()

    /// The position of the next event.
    private var position: UInt64 = 0
    /// Everything before this position is free. At most one lap behind the ring's own.
    private var releasedPosition: UInt64 = 0
    /// Bytes that must be free. An eighth of the ring is kept for outcomes: a request that was let through shall get its outcome recorded.
    private let decisionRoom: Int
    private let outcomeRoom: Int
    private let callers = CallerFields()
    private let keeper: ArgumentsKeeper?
    /// A frame is made here, before it is copied to the ring: a process that can write the ring's file must not reach an event that has no sum yet.
    private let frame = UnsafeMutableRawPointer.allocate(byteCount: RingFrame.maximumLength, alignment: 8)

    // Events without an established caller.
    private let limits: AddressLimits
    private let gauges: SpoolGauges
    private var tally = RequestTally()
    private var isTelling = false
    /// Whether the process ends and the counts are recorded. On the loop.
    private var isEnding = false

    /// Everything before it is on the disk. Stored by the writer.
    private let durable = Atomic<UInt64>(0)
    /// Whether the ring has lost its file, so that what is recorded would not outlive the process. Stored by the writer.
    private let isCut = Atomic<Bool>(false)
    /// Whether a waiter exists that the writer must tell.
    private let isAwaited = Atomic<Bool>(false)
    private var waiters: [Waiter] = []
    private var isTimed = false

    private struct Waiter {
        let ticket: UInt64
        let deadline: Duration
        let callback: (Bool) -> Void
    }

    init(
        ring: SpoolRing,
        bell: Doorbell,
        settings: AuditSystem.Settings,
        loop: LaneLoop?,
        limits: AddressLimits = AddressLimits(),
        gauges: SpoolGauges = SpoolGauges()
    ) {
        self.limits = limits
        self.gauges = gauges
        self.ring = ring
        self.bell = bell
        self.settings = settings
        isDisk = settings.durability == .disk
        self.loop = loop
        keeper = settings.keeper
        decisionRoom = RingFrame.plainLength + ring.size / 8
        outcomeRoom = RingFrame.plainLength
    }

    deinit { frame.deallocate() }

    /// Records one event.
    ///
    /// With `durability: disk` a decision is `.pending`; an outcome never is, for nothing waits for it.
    package func record(_ facts: borrowing AuditFacts) -> AuditReceipt {
        let isDecision = if case .decision = facts.kind { true } else { false }
        // Gatehouse's own requests have no caller and no address.
        if facts.caller == nil, isDecision ? facts.clientIP.count > 0 : facts.isOfNobody {
            return recordOfNobody(facts, isDecision)
        }
        return write(facts, isDecision)
    }

    /// Records a change. Nothing waits for it to be on the disk.
    ///
    /// - Returns: whether it is recorded.
    @discardableResult
    package func record(_ change: AuditChange, at now: Timestamp) -> Bool {
        guard hasRoom(for: outcomeRoom), !isCut.load(ordering: .relaxed) else {
            counters.lostOutcomes.add(1)
            return false
        }
        var generator = SystemRandomNumberGenerator()
        let length = EventEncoder.encode(
            change,
            id: EventID(at: now, using: &random),
            RequestID(at: now, using: &generator),
            at: now,
            to: frame + RingFrame.headerLength
        )
        commit(length, isAwaited: false)
        return !ring.isLost
    }

    @inline(__always)
    private func write(_ facts: borrowing AuditFacts, _ isDecision: Bool) -> AuditReceipt {
        let room = (isDecision ? decisionRoom : outcomeRoom) &+ (keeper?.room(for: facts.arguments) ?? 0)
        guard hasRoom(for: room), !isCut.load(ordering: .relaxed) else { return full(isDecision) }
        let id = EventID(at: facts.at, using: &random)
        let length = EventEncoder.encode(
            facts,
            id: id,
            callers: callers,
            arguments: keeper,
            to: frame + RingFrame.headerLength
        )
        commit(length, isAwaited: isDisk && isDecision)
        // The file no longer holds the event that was just written.
        if ring.isLost { return full(isDecision) }
        counters.recorded.add(1)
        return isDecision && isDisk ? .pending(ticket: position) : .recorded
    }

    /// Copies the frame's event to the ring.
    @inline(__always)
    private func commit(_ length: Int, isAwaited: Bool) {
        RingFrame.seal(frame, length: length, position: position, key: ring.key)
        let whole = RingFrame.length(ofEvent: length)
        ring.address(position).copyMemory(from: frame, byteCount: whole)
        position &+= UInt64(truncatingIfNeeded: whole)
        ring.commit(position)
        switch bell.waiting {
        case .none, .resting: break
        case .napping: if isAwaited || isHalfFull { bell.ring() }
        case .parked: bell.ring()
        }
    }

    /// Tickets are to be asked about in the order in which they were given.
    package func whenDurable(_ ticket: UInt64, _ callback: @escaping (Bool) -> Void) {
        guard durable.load(ordering: .acquiring) < ticket else { return callback(true) }
        guard let loop else { return callback(passesLate()) }
        waiters.append(Waiter(ticket: ticket, deadline: loop.now() + settings.durabilityBudget, callback: callback))
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        // The writer may have finished in between, without seeing the flag.
        if durable.load(ordering: .sequentiallyConsistent) >= ticket { return settle() }
        time(loop, settings.durabilityBudget)
    }

    /// Calls back the waiters whose event is durable by now, or whose deadline has passed. On the lane's loop.
    package func settle() {
        guard let loop, !waiters.isEmpty else { return }
        let reached = durable.load(ordering: .acquiring)
        let now = loop.now()
        // Tickets and deadlines ascend: those who are done stand in front.
        let done = waiters.prefix { $0.ticket <= reached || $0.deadline <= now }
        waiters.removeFirst(done.count)
        if !waiters.isEmpty { isAwaited.store(true, ordering: .sequentiallyConsistent) }
        for waiter in done { waiter.callback(waiter.ticket <= reached || passesLate()) }
        // Waiters may have been added, or have become durable, meanwhile.
        if let first = waiters.first, durable.load(ordering: .sequentiallyConsistent) >= first.ticket { settle() }
    }

    /// Marks everything before `position` as being on the disk. On the writer's thread.
    func becameDurable(_ position: UInt64) {
        durable.store(position, ordering: .sequentiallyConsistent)
        guard isAwaited.exchange(false, ordering: .sequentiallyConsistent), let loop else { return }
        loop.execute { self.settle() }
    }

    /// Takes no more events, or takes them again. On the writer's thread.
    func cut(_ isCut: Bool) { self.isCut.store(isCut, ordering: .sequentiallyConsistent) }

    /// Tells the waiters for the disk that their events are lost. On the writer's thread, before any later event is durable.
    func becameLost() {
        guard let loop else { return }
        loop.execute {
            let waiters = self.waiters
            self.waiters.removeAll()
            for waiter in waiters { waiter.callback(self.passesLate()) }
        }
    }

    // MARK: Without an established caller

    /// The interval at which counted requests are recorded.
    static let tellInterval: Duration = .seconds(1)

    /// Records an event of a request whose caller was not established: so many a second an address, and for as long as such events
    /// have room of their own.
    @inline(never)
    private func recordOfNobody(_ facts: borrowing AuditFacts, _ isDecision: Bool) -> AuditReceipt {
        guard isDecision else {
            guard hasShare else {
                counters.lostOutcomes.add(1)
                return .recorded
            }
            return write(facts, false)
        }
        let verdict = limits.count(facts.clientIP, second: facts.at.seconds)
        if case .within = verdict, hasShare { return write(facts, true) }
        let isCrowded = if case .crowded = verdict { true } else { false }
        tally.add(facts, isCrowded: isCrowded)
        counters.counted.add(1)
        tellLater()
        return .counted
    }

    /// Whether the spool and the ring have room for more events without an established caller.
    private var hasShare: Bool {
        gauges.nobodysBytes.load(ordering: .relaxed) < settings.maxSpool / AuditSystem.Settings.nobodysShare
            && hasRoom(for: ring.size - ring.size / AuditSystem.Settings.nobodysShare)
    }

    private func tellLater() {
        guard let loop, !isTelling, !isEnding else { return }
        isTelling = true
        loop.schedule(Self.tellInterval) {
            self.isTelling = false
            self.tellCounts()
            if !self.tally.isEmpty { self.tellLater() }
        }
    }

    /// Records how many requests were only counted, as one decision and outcome for each address, route and reason. A count that finds no room is
    /// kept for later.
    func tellCounts() {
        guard !isEnding else { return }
        tally.drain { row in hasShare && tell(row) }
    }

    private func tell(_ row: RequestTally.Row) -> Bool {
        let id = RequestID(at: row.since, using: &random)
        let isTold = row.address.withUnsafeBytes { address in
            var facts = AuditFacts(.decision, of: id, at: row.since, route: row.route)
            facts.refusal = row.refusal
            facts.clientIP = address
            facts.requests = row.count
            return write(facts, true) != .unavailable
        }
        guard isTold else { return false }
        var outcome = AuditFacts(.outcome, of: id, at: row.since + Self.tellInterval)
        outcome.isOfNobody = true
        outcome.status = row.refusal?.status ?? 200
        outcome.ending = .complete
        _ = write(outcome, false)
        return true
    }

    /// The same for the last time, on the lane's loop or, without one, here.
    func tellCountsAtEnd(_ done: @escaping @Sendable () -> Void) {
        let tell: @Sendable () -> Void = {
            self.tellCounts()
            self.isEnding = true
            done()
        }
        if let loop { loop.execute(tell) } else { tell() }
    }

    // MARK: -

    @inline(__always)
    private func hasRoom(for length: Int) -> Bool {
        if Int(truncatingIfNeeded: position &- releasedPosition) &+ length <= ring.size { return true }
        releasedPosition = ring.releasedPosition
        return Int(truncatingIfNeeded: position &- releasedPosition) &+ length <= ring.size
    }

    private var isHalfFull: Bool { !hasRoom(for: ring.size / 2) }

    private func full(_ isDecision: Bool) -> AuditReceipt {
        (isDecision ? counters.lostDecisions : counters.lostOutcomes).add(1)
        if bell.waiting == .napping { bell.ring() }
        return settings.onFailure == .deny ? .unavailable : .recorded
    }

    /// Counts a waiter whose event is not durable in time, and returns whether its request may go on.
    private func passesLate() -> Bool {
        counters.late.add(1)
        return settings.onFailure == .allow
    }

    private func time(_ loop: LaneLoop, _ duration: Duration) {
        guard !isTimed else { return }
        isTimed = true
        loop.schedule(duration) {
            self.isTimed = false
            self.settle()
            if let first = self.waiters.first { self.time(loop, max(.milliseconds(1), first.deadline - loop.now())) }
        }
    }
}
