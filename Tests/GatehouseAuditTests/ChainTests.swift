import Foundation
import GatehouseCore
import GatehouseTestSupport
import SQLiteClient
import Synchronization
import Testing

@testable import GatehouseAudit

struct ChainTests {
    @Test func `every event goes on from the one before, across processes and segments`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        for round in 0..<3 as Range<UInt64> {
            let system = try AuditSystem(scratch.chained(), sink: sink)
            let lane = try system.lane(for: 0)
            for number in 0..<400 as Range<UInt64> {
                while Sample.decision(round * 400 + number, { lane.record($0) }) != .recorded { system.settleAll() }
            }
            if round != 1 { system.settleAll() }
        }
        #expect(sink.records.count == 1200)
        for (before, record) in zip(sink.records, sink.records.dropFirst()) {
            #expect(record.sequence == before.sequence + 1)
            #expect(record.previousHash == before.hash)
            #expect(record.hash.count == 32)
        }
        #expect(sink.records[0].previousHash.count == 32)
    }

    @Test func `a drain that begins in the middle of a segment knows the hash before it`() throws {
        let scratch = Scratch()
        try scratch.store(0..<10, scratch.chained())
        try scratch.store(10..<20, scratch.chained())
        let report = try #require(try scratch.verify().first)
        #expect(report.holds && report.events == 20 && report.chainedFrom == 1)
    }

    @Test func `an untouched log holds, and says how far`() throws {
        let scratch = Scratch()
        try scratch.store(0..<500, scratch.chained())
        for besideSpool in [false, true] {
            let reports = try scratch.verify(besideSpool: besideSpool)
            #expect(reports.count == 1)
            let report = try #require(reports.first)
            #expect(report.holds, "\(report.breaks)")
            #expect(report.events == 500 && report.first == 1 && report.last == 500)
            #expect(report.unproven == 0 && report.prunedThrough == nil)
        }
    }

    @Test func `what the sink has not taken yet is verified in the spool`() throws {
        let scratch = Scratch()
        try scratch.store(0..<10, scratch.chained())
        do {
            let system = try AuditSystem(scratch.chained(), sink: DiscardingSink())
            let lane = try system.lane(for: 0)
            for number in 10..<30 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            system.writeAll()
        }
        let report = try #require(try scratch.verify(besideSpool: true).first)
        #expect(report.holds && report.events == 30, "\(report.breaks)")
        #expect(try #require(try scratch.verify().first).events == 10)
        let spool = try AuditVerification.verify(spool: SpoolWalk(scratch.spool), keys: Sample.keys(1).chain, heads: [])
        #expect(spool.holds && spool.last == 30)
    }

    @Test func `a chain goes on over a change of keys and holds as long as both are known`() throws {
        let scratch = Scratch()
        try scratch.store(0..<10, scratch.chained(Sample.keys(1)))
        try scratch.store(10..<20, scratch.chained(Sample.keys(2, 1)))
        #expect(try #require(try scratch.verify(Sample.keys(2, 1)).first).holds)
        #expect(try #require(try scratch.verify(Sample.keys(1, 2)).first).holds)
        let report = try #require(try scratch.verify(Sample.keys(2)).first)
        #expect(report.breaks.map(\.kind) == [.altered])
        #expect(report.breaks.first.map { [$0.sequence, $0.through] } == [1, 10])
    }

    @Test func `a log of the release before goes on and says where its chain begins`() throws {
        let scratch = Scratch()
        try scratch.store(0..<10, scratch.settings)
        var unchained = try #require(try scratch.verify().first)
        #expect(unchained.breaks.map(\.kind) == [.unchained])
        // Events that the old release left in its spool: those of the segment, and not those of a ring that it did not empty, because no key
        // vouches for them and whoever can write the volume could have put them there.
        do {
            let system = try AuditSystem(scratch.settings, sink: DiscardingSink())
            let lane = try system.lane(for: 0)
            for number in 10..<15 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            system.writeAll()
            for number in 15..<20 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        }
        try scratch.store(20..<30, scratch.chained())
        let report = try #require(try scratch.verify(besideSpool: true).first)
        #expect(report.holds, "\(report.breaks)")
        #expect(report.events == 25 && report.unproven == 15 && report.chainedFrom == 16, "\(report)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.spool).contains("lane-0.ring.damaged"))
        // Whoever takes hashes away does not make a log of that release.
        try scratch.change("UPDATE audit_events SET hash = NULL, prev_hash = NULL WHERE seq <= 18")
        unchained = try #require(try scratch.verify().first)
        #expect(unchained.breaks.first?.kind == .unchained)
    }

    @Test func `a segment that a power cut has shortened behind what the sink has is not continued`() throws {
        let scratch = Scratch()
        try scratch.store(0..<20, scratch.chained())
        let name = try #require(scratch.segments().last)
        let bytes = scratch.bytes(of: name)
        scratch.put(bytes[..<(bytes.count / 2)], into: name)
        try scratch.store(20..<25, scratch.chained())
        let report = try #require(try scratch.verify(besideSpool: true).first)
        #expect(report.holds && report.events == 25, "\(report.breaks)")
        #expect(scratch.segments().last != name)
    }

    @Test func `a chain goes on from the cursor when all segments are lost`() throws {
        let scratch = Scratch()
        try scratch.store(0..<20, scratch.chained())
        for name in scratch.segments() { try FileManager.default.removeItem(atPath: "\(scratch.spool)/\(name)") }
        try scratch.store(20..<25, scratch.chained())
        let report = try #require(try scratch.verify(besideSpool: true).first)
        #expect(report.holds && report.events == 25, "\(report.breaks)")
    }

    @Test func `a recovery that was killed after it began a segment stores nothing twice`() throws {
        let scratch = Scratch()
        var ring: [UInt8] = []
        do {
            let system = try AuditSystem(scratch.chained(), sink: DiscardingSink())
            let lane = try system.lane(for: 0)
            for number in 0..<10 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            system.writeAll()
            for number in 10..<20 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            ring = scratch.bytes(of: "lane-0.ring")
        }
        // The ring as it was before the release of the first ten events.
        var whole = ring
        for index in 0..<8 { whole[SpoolRing.releasedOffset + index] = 0 }
        for _ in 0..<3 {
            scratch.put(whole, into: "lane-0.ring")
            _ = try AuditSystem(scratch.chained(), sink: DiscardingSink())
        }
        try scratch.store(20..<21, scratch.chained())
        let report = try #require(try scratch.verify().first)
        #expect(report.holds && report.events == 21, "\(report.breaks)")
    }

    @Test func `heads are made after so many events or so long, and at the end`() throws {
        var schedule = HeadSchedule(covered: 5)
        let start = Sample.start
        // A macro takes no part of a call that changes what it is called on.
        var due = schedule.reached(5, at: start)
        #expect(!due && schedule.wait(at: start) == nil)
        due = schedule.reached(6, at: start)
        #expect(!due && schedule.wait(at: start + .seconds(20)) == .seconds(40))
        due = schedule.reached(7, at: start + .seconds(59))
        #expect(!due)
        due = schedule.reached(7, at: start + .seconds(60))
        #expect(due)
        schedule.made(through: 7)
        #expect(schedule.wait(at: start + .seconds(100)) == nil)
        due = schedule.reached(7, at: start + .seconds(1000))
        #expect(!due)
        due = schedule.reached(8, at: start + .seconds(1000))
        #expect(!due)
        due = schedule.reached(7 + HeadSchedule.everyEvents, at: start + .seconds(1001))
        #expect(due)
    }

    @Test func `a head goes to the log and to the sink, and holds`() throws {
        let scratch = Scratch()
        let logged = Mutex<[AuditHead]>([])
        var settings = scratch.chained()
        settings.onHead = { head in logged.withLock { $0.append(head) } }
        let system = try AuditSystem(settings, sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        try system.start()
        for number in 0..<20 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        system.shutdown(within: .seconds(60))
        let head = try #require(logged.withLock { $0.last })
        #expect(head.sequence == 20 && head.isSigned(by: Sample.keys(1).chain))
        #expect(!head.isSigned(by: Sample.keys(2).chain))
        let archive = try EventDatabase.sqlite(path: scratch.database).archive()
        #expect(try archive.heads(of: head.writer).last == head)
        let report = try #require(try scratch.verify(heads: [head]).first)
        #expect(report.holds && report.headsHeld == 1)
        // A head of a writer that is not there is not passed over.
        let foreign = AuditHead(signing: .head, of: "gone", 3, head.hash, at: Sample.start, keys: Sample.keys(1).chain)
        #expect(try scratch.verify(heads: [foreign]).last?.breaks.map(\.kind) == [.truncated])
    }

    @Test func `heads are found in the lines of any log`() {
        let head = AuditHead(
            signing: .head,
            of: "replica.a-1",
            42,
            [UInt8](repeating: 0xCD, count: 32),
            at: Sample.start,
            keys: Sample.keys(1).chain
        )
        let log = """
            {"time":"2026-11-24T00:00:00Z","audit.head":"\(head)","message":"audit chain head"}
            2026-11-24 notice audit chain head audit.head=\(head)
            gh-head-1.broken.1.zz.3.4 and gh-head-1. and \(head.description.dropLast(3))

            """
        #expect(AuditHead.all(in: log) == [head, head])
    }

    @Test func `damaged words about a head are no head`() {
        var random = SplitMix(seed: 7)
        let head = AuditHead(
            signing: .checkpoint,
            of: "w",
            1,
            [UInt8](repeating: 1, count: 32),
            at: Sample.start,
            keys: Sample.keys(1).chain
        )
        for _ in 0..<2000 {
            var bytes = Array(head.description.utf8)
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            for found in AuditHead.all(in: String(decoding: bytes, as: UTF8.self)) where found != head {
                #expect(!found.isSigned(by: Sample.keys(1).chain))
            }
        }
    }
}

extension Scratch {
    /// Changes the database behind the audit's back.
    func change(_ sql: String) throws {
        try SQLiteConnection(path: database, access: .readWrite).execute(sql)
    }
}
