import Foundation
import GatehouseCore
import Synchronization
import Testing
import Threads

@testable import GatehouseAudit

/// Somebody who can write the volume shortens or writes a ring while it is mapped. That is SIGBUS for whoever touches it; the process goes
/// on, says what was lost, and forwards nothing without a record.
struct TruncatedRingTests {
    private func record(_ numbers: Range<UInt64>, _ lane: SpoolLane) -> [AuditReceipt] {
        numbers.map { number in Sample.decision(number) { lane.record($0) } }
    }

    @Test(arguments: [0, 4096, SpoolRing.headerLength, SpoolRing.headerLength + 4096])
    func `a ring that is cut off refuses, is made again, and says how many events are gone`(length: Int) throws {
        let scratch = Scratch()
        let sink = MemorySink()
        var settings = scratch.chained()
        let told = Mutex<[AuditState.Word]>([])
        settings.onChange = { word, _ in told.withLock { $0.append(word) } }
        let system = try AuditSystem(settings, sink: sink)
        let lane = try system.lane(for: 0)
        _ = record(0..<10, lane)
        system.settleAll()
        #expect(record(10..<15, lane).allSatisfy { $0 == .recorded })
        #expect(truncate("\(scratch.spool)/lane-0.ring", length) == 0)
        // The frames of these lie on pages that are there still where only the end was cut off; the writer looks at the length.
        _ = record(15..<16, lane)
        let recorded = lane.counters.recorded.value
        #expect(system.writer.step() == .blocked)
        #expect(system.state(at: Sample.start).word == .spoolTruncated && !system.state(at: Sample.start).isReady)
        #expect(record(16..<17, lane) == [.unavailable])
        system.settleAll()
        let state = system.state(at: Sample.start)
        // Recording goes on; what has happened is named for a while.
        #expect(state.word == .spoolTruncated && state.isReady && state.unrecoverable == recorded - 10)
        #expect(state.notice?.message.contains("\(recorded - 10) events that stood in it are gone") == true)
        #expect(told.withLock { $0 } == [.spoolTruncated])
        #expect(record(17..<20, lane).allSatisfy { $0 == .recorded })
        system.settleAll()
        #expect(sink.events.map(\.requestID.low) == Array(0..<10) + [17, 18, 19])
        #expect(zip(sink.records, sink.records.dropFirst()).allSatisfy { $0.hash == $1.previousHash })
        // The ring is whole again: its events outlive the process.
        _ = record(20..<22, lane)
        #expect(scratch.ring(scratch.bytes(of: "lane-0.ring"), Sample.keys(1)).events.count == 2)
    }

    @Test func `the record that meets the fault is refused, and so is all that follows until the ring is whole`() throws
    {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.chained(), sink: MemorySink())
        let lane = try system.lane(for: 0)
        #expect(truncate("\(scratch.spool)/lane-0.ring", 0) == 0)
        #expect(record(0..<3, lane) == [.unavailable, .unavailable, .unavailable])
        #expect(system.state(at: Sample.start).lostDecisions == 3)
        #expect(system.writer.step() == .blocked)
        system.settleAll()
        #expect(record(3..<4, lane) == [.recorded])
        #expect(system.state(at: Sample.start).unrecoverable == 0)
    }

    @Test func `a ring that is emptied and has its length again is no ring of empty events`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        let system = try AuditSystem(scratch.chained(), sink: sink)
        let lane = try system.lane(for: 0)
        _ = record(0..<5, lane)
        system.settleAll()
        _ = record(5..<9, lane)
        let path = "\(scratch.spool)/lane-0.ring"
        let length = SpoolRing.headerLength + lane.ring.size
        #expect(truncate(path, 0) == 0 && truncate(path, length) == 0)
        #expect(system.writer.step() == .blocked)
        system.settleAll()
        #expect(system.state(at: Sample.start).unrecoverable == 4)
        _ = record(9..<11, lane)
        system.settleAll()
        #expect(sink.events.map(\.requestID.low) == Array(0..<5) + [9, 10])
    }

    @Test func `positions that somebody writes into the file move nothing`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        let system = try AuditSystem(scratch.chained(), sink: sink)
        let lane = try system.lane(for: 0)
        _ = record(0..<5, lane)
        let file = try Descriptor(opening: "\(scratch.spool)/lane-0.ring", O_RDWR)
        try file.write([UInt8](repeating: 0xFF, count: 8), at: SpoolRing.committedOffset)
        try file.write([UInt8](repeating: 0x77, count: 8), at: SpoolRing.releasedOffset)
        _ = record(5..<8, lane)
        system.settleAll()
        #expect(sink.events.map(\.requestID.low) == Array(0..<8))
        #expect(system.state(at: Sample.start).word == .ready)
    }

    @Test func `a link that was planted in a ring's place is not written through`() throws {
        let scratch = Scratch()
        scratch.makeDirectory("spool")
        let other = "\(scratch.path)/other"
        try Data("somebody else's".utf8).write(to: URL(filePath: other))
        var settings = scratch.chained()
        settings.onFailure = .deny
        let system = try AuditSystem(settings, sink: MemorySink())
        #expect(symlink(other, "\(scratch.spool)/lane-0.ring") == 0)
        _ = record(0..<3, try system.lane(for: 0))
        system.settleAll()
        #expect(try String(contentsOfFile: other, encoding: .utf8) == "somebody else's")
    }

    @Test func `whoever waits for the disk is refused when the ring is lost, although later events are durable`() throws
    {
        let scratch = Scratch()
        var settings = scratch.chained()
        settings.durability = .disk
        let queue = Mutex<[@Sendable () -> Void]>([])
        let loop = LaneLoop(
            execute: { run in queue.withLock { $0.append(run) } },
            schedule: { _, _ in },
            now: { .zero }
        )
        let system = try AuditSystem(settings, sink: MemorySink())
        let lane = try system.lane(for: 0, loop: loop)
        guard case .pending(let ticket) = record(0..<1, lane)[0] else {
            Issue.record("not pending")
            return
        }
        nonisolated(unsafe) var answers: [Bool] = []
        lane.whenDurable(ticket) { answers.append($0) }
        #expect(truncate("\(scratch.spool)/lane-0.ring", 0) == 0)
        #expect(system.writer.step() == .blocked)
        system.writeAll()
        #expect(system.state(at: Sample.start).isReady)
        _ = record(1..<2, lane)
        system.writeAll()
        for run in queue.withLock({ $0 }) { run() }
        #expect(answers == [false])
    }

    /// Three threads: one records, one is the system's own writer, and one cuts the file off wherever it likes.
    @Test func `rings that are cut off under load lose what stood in them and never the process`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        let system = try AuditSystem(scratch.chained(), sink: sink)
        let lane = try system.lane(for: 0)
        try system.start()
        let stops = Atomic<Bool>(false)
        let cuts = Atomic<Int>(0)
        let path = "\(scratch.spool)/lane-0.ring"
        let cutter = try OwnedThread(named: "cutter") {
            var random = FastRandom()
            while !stops.load(ordering: .relaxed) {
                if truncate(path, Int(random.next() % UInt64(SpoolRing.headerLength * 4))) == 0 {
                    cuts.wrappingAdd(1, ordering: .relaxed)
                }
                sched_yield()
            }
        }
        var counts = (recorded: 0, refused: 0)
        var number: UInt64 = 0
        // Until the file was lost and made again several times.
        while counts.refused == 0 || system.state(at: Sample.start).unrecoverable == 0 || number < 200_000 {
            if Sample.decision(number, { lane.record($0) }) == .recorded {
                counts.recorded += 1
            } else {
                counts.refused += 1
            }
            number += 1
            if number % 1024 == 0 { sched_yield() }
            if number > 50_000_000 { break }
        }
        stops.store(true, ordering: .relaxed)
        cutter.join()
        system.shutdown(within: .seconds(30))
        let state = system.state(at: Sample.start)
        #expect(counts.refused > 0 && cuts.load(ordering: .relaxed) > 0)
        // Each that was let through is in the sink, or counted as gone.
        #expect(sink.records.count + state.unrecoverable == counts.recorded)
        #expect(zip(sink.records, sink.records.dropFirst()).allSatisfy { $0.hash == $1.previousHash })
    }

    @Test func `a fault in another mapping ends the process as it always did`() async {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            let scratch = Scratch()
            let system = try AuditSystem(scratch.settings, sink: MemorySink())
            _ = try system.lane(for: 0)
            let path = "\(scratch.path)/mapped"
            let file = open(path, O_RDWR | O_CREAT, 0o600)
            guard ftruncate(file, 8192) == 0, let base = mmap(nil, 8192, PROT_READ, MAP_SHARED, file, 0),
                base != MAP_FAILED, ftruncate(file, 0) == 0
            else { return }
            _ = base.load(as: UInt8.self)
        }
    }
}
