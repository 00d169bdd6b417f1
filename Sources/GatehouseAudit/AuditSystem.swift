package import GatehouseCore
internal import Synchronization
internal import Threads

/// The audit of one process: a lane for each event loop, the writer that moves their events to the spool, and the drain that
/// moves the spool to the sink.
///
/// Make it, take the lanes, ``start()`` it, and ``shutdown(within:)`` it once no loop records any more.
package final class AuditSystem: Sendable {
    /// The leftovers of an earlier process that the start found.
    package let report: SpoolReport
    let settings: Settings
    let directory: SpoolDirectory
    let writer: SpoolWriter
    let drain: SpoolDrain
    /// Nil without keys, which a checkpoint needs.
    private let retention: RetentionThread?
    private let gauges = SpoolGauges()
    private let writerBell = Doorbell()
    private let drainBell = Doorbell()
    private let isStopping = Atomic<Bool>(false)
    private let limits = AddressLimits()
    private let running = Mutex<Running>(Running())
    private let told = Mutex<AuditState.Word>(.ready)

    private struct Running {
        var lanes: [SpoolLane] = []
        var writer: OwnedThread?
        var drain: OwnedThread?
    }

    /// Opens the spool and recovers what an earlier process left in it.
    ///
    /// - Throws: `.settings`, `.spoolInUse`, `.spoolUnusable` or `.spoolDamaged`.
    package init(_ settings: Settings, sink: sending any AuditSink) throws(AuditError) {
        try settings.validate()
        self.settings = settings
        directory =
            settings.sharesSpool
            ? try SharedSpool.claim(settings.spool) : try SpoolDirectory(opening: settings.spool)
        (writer, report) = try SpoolRecovery.run(directory, settings: settings, gauges: gauges)
        drain = SpoolDrain(directory, settings: settings, gauges: gauges, sink: sink)
        retention = settings.keys.map { keys in
            RetentionThread(
                settings.retention.map { RetentionThread.Target(database: $0.database, keep: $0.keep) },
                keys: keys,
                spool: settings.spool,
                clockLead: settings.clockLead,
                onRun: settings.onRetention
            )
        }
    }

    /// Makes the lane of one event loop. To be called before ``start()``, once for each index from 0. `durability: disk` needs
    /// the loop.
    ///
    /// - Throws: `.spoolUnusable`, also when the disk has no room for the ring.
    package func lane(for index: Int, loop: LaneLoop? = nil) throws(AuditError) -> SpoolLane {
        let ring = try SpoolRing(
            creating: directory.ring(index),
            size: settings.laneSize,
            lane: index,
            writer: directory.writer,
            keys: settings.keys?.ring ?? .known
        )
        let lane = SpoolLane(
            ring: ring,
            bell: writerBell,
            settings: settings,
            loop: loop,
            limits: limits,
            gauges: gauges
        )
        running.withLock { $0.lanes.append(lane) }
        writer.add(lane)
        return lane
    }

    package func start() throws(AuditError) {
        let writer = try Self.thread("audit-writer") { self.runWriter() }
        running.withLock { $0.writer = writer }
        let drain = try Self.thread("audit-drain") { self.runDrain() }
        running.withLock { $0.drain = drain }
        do throws(ThreadError) { try retention?.start() } catch {
            throw .system("start the thread", "audit-retention", error.number)
        }
    }

    /// Takes effect with the next daily run.
    package func changeRetention(_ retention: (database: EventDatabase, keep: Duration)?) {
        self.retention?.change(retention.map { RetentionThread.Target(database: $0.database, keep: $0.keep) })
    }

    /// Moves everything from the lanes to the spool, and to the sink what it takes in time; the rest stays for the next start.
    /// To be called once, when no event loop records any more, on a thread that may block.
    ///
    /// - Parameter bound: for the sink. One that hangs in a call, as standard output without a reader does, is left to its thread: what
    ///   it did not take is in the spool.
    package func shutdown(within bound: Duration) {
        let end = ContinuousClock.now + bound
        isStopping.store(true, ordering: .sequentiallyConsistent)
        retention?.stop()
        let (writerThread, drainThread) = running.withLock { ($0.writer, $0.drain) }
        writerBell.ring()
        writerThread?.join()
        while case .wrote = writer.step() {}
        tellCounts()
        while case .wrote = writer.step() {}
        writer.makeHeadOfRest()
        drainBell.ring()
        if drainThread?.join(within: end - .now) ?? true {
            let last = try? OwnedThread(named: "audit-flush") { [drain] in
                while ContinuousClock.now < end, case .delivered = drain.step() {}
            }
            _ = last?.join(within: end - .now)
        }
        if !writer.hasWork { directory.removeRings() }
    }

    /// Replaces the sink, which from now on takes everything, also the events that are still in the spool: for a failover to another address. Events
    /// that the new sink lacks are sent again as far as the spool has them.
    package func replaceSink(_ make: @escaping @Sendable () -> any AuditSink) {
        drain.replaceSink(make)
        drainBell.ring()
    }

    /// Makes every lane record its counts, each on its own loop.
    private func tellCounts() {
        let lanes = running.withLock { $0.lanes }
        let bell = Doorbell()
        let left = Counted(lanes.count)
        for lane in lanes {
            lane.tellCountsAtEnd {
                left.value.subtract(1, ordering: .sequentiallyConsistent)
                bell.ring()
            }
        }
        func isDone() -> Bool { left.value.load(ordering: .sequentiallyConsistent) <= 0 }
        let end = ContinuousClock.now + Self.countsBound
        while !isDone(), ContinuousClock.now < end {
            bell.wait(.parked, atMost: Self.countsBound, unless: isDone)
        }
    }

    /// How long the loops may take for that; one that has stopped never does it.
    private static let countsBound: Duration = .seconds(1)

    private final class Counted: Sendable {
        let value: Atomic<Int>
        init(_ count: Int) { value = Atomic(count) }
    }

    package func state(at now: Timestamp) -> AuditState {
        var state = AuditState()
        for lane in running.withLock({ $0.lanes }) {
            state.recorded += lane.counters.recorded.value
            state.lostDecisions += lane.counters.lostDecisions.value
            state.lostOutcomes += lane.counters.lostOutcomes.value
            state.late += lane.counters.late.value
            state.counted += lane.counters.counted.value
        }
        state.damaged = gauges.damaged.load(ordering: .relaxed)
        state.depthBytes = max(0, gauges.pendingBytes.load(ordering: .relaxed))
        state.spoolBytes = gauges.segmentBytes.load(ordering: .relaxed)
        state.deliveredThrough = Int64(gauges.deliveredThrough.load(ordering: .relaxed))
        state.writtenThrough = Int64(gauges.writtenThrough.load(ordering: .relaxed))
        state.depthEvents = Int(max(0, state.writtenThrough - state.deliveredThrough))
        let since = gauges.pendingSince.load(ordering: .relaxed)
        if since != 0, state.depthEvents > 0 { state.lag = max(.zero, now - Timestamp(microseconds: Int64(since))) }
        state.writer = directory.writer
        state.writerTrouble = gauges.writerTrouble.withLock { $0 }
        state.sinkTrouble = gauges.sinkTrouble.withLock { $0 }
        state.notice = gauges.notice.withLock { notice in
            notice.flatMap { ContinuousClock.now - $0.at < AuditState.noticeLifetime ? $0.error : nil }
        }
        state.clock = gauges.clock.withLock { $0 }
        if let retention { state.retention = retention.current }
        state.replacements = gauges.replacements.load(ordering: .relaxed)
        state.unrecoverable = gauges.unrecoverable.load(ordering: .relaxed)
        return state
    }

    // MARK: Threads

    private static func thread(_ name: String, _ run: @escaping @Sendable () -> Void) throws(AuditError) -> OwnedThread
    {
        do throws(ThreadError) { return try OwnedThread(named: name, run) } catch {
            throw .system("start the thread", name, error.number)
        }
    }

    /// Time after which an idle writer checks that the spool's files still exist.
    private static let lookAfter: Duration = .seconds(5)

    private var stops: Bool { isStopping.load(ordering: .sequentiallyConsistent) }

    private func runWriter() {
        let isDisk = settings.durability == .disk
        // With `disk` decisions wait and wake the writer. Only outcomes let it nap, so that they share the next decision's sync.
        let quietTicks = isDisk ? 0 : max(1, Int(settings.quiet / settings.tick))
        var idleTicks = 0
        while !stops {
            let progress = writer.step()
            tellChange()
            switch progress {
            case .wrote:
                idleTicks = 0
                if drainBell.waiting == .parked { drainBell.ring() }
                if writer.isBehind { continue }
            case .idle:
                idleTicks += 1
            case .blocked:
                writerBell.wait(.resting, atMost: settings.retry.first, unless: { stops })
                continue
            }
            if idleTicks > quietTicks {
                let wait = min(writer.headWait ?? Self.lookAfter, Self.lookAfter)
                writerBell.wait(.parked, atMost: wait, unless: { stops || writer.hasWork })
                // A thread that found nothing parks again at once.
                idleTicks = writer.hasWork ? 0 : quietTicks
            } else {
                writerBell.wait(.napping, atMost: settings.tick, unless: { stops || isDisk && writer.hasWork })
            }
        }
    }

    private func runDrain() {
        var pause = settings.retry.first
        while !stops {
            let progress = drain.step()
            tellChange()
            switch progress {
            case .delivered(let count):
                pause = settings.retry.first
                if count < settings.batch { drainBell.wait(.resting, atMost: settings.gather, unless: { stops }) }
            case .idle:
                drainBell.wait(.parked, atMost: drain.checkInterval, unless: { stops || drain.hasWork })
                drainBell.wait(.resting, atMost: settings.gather, unless: { stops })
            case .failed:
                drainBell.wait(.resting, atMost: pause, unless: { stops })
                pause = min(pause * 2, settings.retry.last)
            }
        }
    }

    private func tellChange() {
        let trouble = gauges.writerTrouble.withLock { $0 } ?? gauges.sinkTrouble.withLock { $0 }
        let word = trouble.map { AuditState.Word($0) } ?? .ready
        let isNew = told.withLock { told in
            defer { told = word }
            return told != word
        }
        if isNew { settings.onChange(word, trouble) }
    }
}
