import Foundation
import GatehouseCore
import Testing

@testable import GatehouseAudit

/// Plays somebody who can write the spool's volume and has no key: what they put into rings is chained by nobody, and named.
struct ForgedRingTests {
    /// The ring of a killed process's first lane, under the writer's name of this spool.
    private func ring(_ numbers: Range<UInt64>, of scratch: Scratch, _ keys: AuditKeys?) throws -> [UInt8] {
        let other = Scratch()
        other.put(scratch.bytes(of: "writer"), into: "writer")
        var settings = other.settings
        settings.keys = keys
        let system = try AuditSystem(settings, sink: DiscardingSink())
        let lane = try system.lane(for: 0)
        for number in numbers { #expect(Sample.decision(number) { lane.record($0) } == .recorded) }
        return other.bytes(of: "lane-0.ring")
    }

    /// A spool in which ten events were recorded and chained.
    private func spool() throws -> Scratch {
        let scratch = Scratch()
        try scratch.store(0..<10, scratch.chained())
        return scratch
    }

    /// Starts the next process, and checks that it recovers events with these numbers alone and sets the file aside.
    private func start(
        _ scratch: Scratch,
        _ keys: AuditKeys = Sample.keys(1),
        recovers numbers: Range<UInt64>,
        settingAside name: String? = "lane-0.ring"
    ) throws {
        let system = try AuditSystem(scratch.chained(keys), sink: SQLiteSink(path: scratch.database))
        #expect(system.report.recovered == numbers.count)
        #expect((system.report.cut > 0) == (name != nil))
        #expect(system.report.damagedFiles == (name.map { ["\(scratch.spool)/\($0)"] } ?? []))
        let state = system.state(at: Sample.start)
        #expect(state.notice?.code == (name == nil ? nil : .spoolTruncated))
        #expect(state.damaged == (name == nil ? 0 : 1))
        if let name { #expect(FileManager.default.fileExists(atPath: "\(scratch.spool)/\(name).damaged")) }
        let lane = try system.lane(for: 0)
        #expect(Sample.decision(99) { lane.record($0) } == .recorded)
        system.settleAll()
        var stored = Set<UInt64>()
        try EventDatabase.sqlite(path: scratch.database).archive().events(AuditQuery()) {
            stored.insert($0.requestID.low)
            return true
        }
        #expect(stored.subtracting([99]).filter { $0 >= 10 } == Set(numbers))
        let report = try #require(try scratch.verify(keys).first)
        #expect(report.holds && report.events == 11 + numbers.count, "\(report.breaks)")
    }

    @Test(arguments: [true, false])
    func `a ring that was laid for the next start is chained by nobody`(hasKeys: Bool) throws {
        let scratch = try spool()
        scratch.put(try ring(1000..<1005, of: scratch, hasKeys ? Sample.keys(9) : nil), into: "lane-0.ring")
        try start(scratch, recovers: 0..<0)
    }

    @Test func `a ring of the release before, whose sums anybody can make, is kept aside`() throws {
        let scratch = try spool()
        let new = try ring(1000..<1001, of: scratch, nil)
        let length = Int(new[SpoolRing.headerLength]) | Int(new[SpoolRing.headerLength + 1]) << 8
        let event = Array(new[(SpoolRing.headerLength + RingFrame.headerLength)...].prefix((length + 7) & ~7))
        // As the release before wrote it.
        var mixed = UInt64(length)
        for start in stride(from: 0, to: event.count, by: 8) {
            let word = event[start..<start + 8].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            mixed = (mixed ^ word) &* 0xD6E8_FEB8_6659_FD93
            mixed ^= mixed >> 32
        }
        var old = Array(new[..<SpoolRing.headerLength])
        func put(_ word: UInt64, at offset: Int, bytes: Int = 8) {
            for index in 0..<bytes { old[offset + index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * index)) }
        }
        put(SpoolRing.formerMagic, at: 0)
        put(UInt64(8 + event.count), at: SpoolRing.committedOffset)
        old += [UInt8](repeating: 0, count: 8)
        put(UInt64(length), at: SpoolRing.headerLength, bytes: 4)
        put(mixed, at: SpoolRing.headerLength + 4, bytes: 4)
        old += event
        old += [UInt8](repeating: 0, count: new.count - old.count)
        scratch.put(old, into: "lane-0.ring")
        try start(scratch, recovers: 0..<0)
    }

    @Test func `an empty ring of the release before goes without a word`() throws {
        let scratch = try spool()
        var old = try ring(1000..<1000, of: scratch, nil)
        old[7] = 1
        scratch.put(old, into: "lane-0.ring")
        try start(scratch, recovers: 0..<0, settingAside: nil)
    }

    @Test func `an event that was altered after kill -9 is not recovered, and those before it are`() throws {
        let scratch = try spool()
        var ring = try ring(10..<15, of: scratch, Sample.keys(1))
        let name = Array("list_docs".utf8)
        let places = ring.indices.filter { ring[$0...].starts(with: name) }
        #expect(places.count == 5)
        ring[places[2]] = UInt8(ascii: "k")
        scratch.put(ring, into: "lane-0.ring")
        try start(scratch, recovers: 10..<12)
    }

    @Test func `genuine frames count only where they were made`() throws {
        let scratch = try spool()
        let first = try ring(10..<14, of: scratch, Sample.keys(1))
        let second = try ring(10..<14, of: scratch, Sample.keys(1))
        let frame = RingFrame.length(ofEvent: Int(first[SpoolRing.headerLength]))
        let start = SpoolRing.headerLength
        // Another process's frame in the same place.
        var mixed = second
        mixed.replaceSubrange(start + frame..<start + 2 * frame, with: first[start + frame..<start + 2 * frame])
        #expect(scratch.ring(second, Sample.keys(1)).events.count == 4)
        #expect(scratch.ring(mixed, Sample.keys(1)).events.count == 1)
        // The same process's in another place.
        mixed = second
        mixed.replaceSubrange(start..<start + frame, with: second[start + frame..<start + 2 * frame])
        #expect(scratch.ring(mixed, Sample.keys(1)).events.isEmpty)
        // The mark of another ring.
        mixed = second
        mixed.replaceSubrange(
            SpoolRing.markOffset..<SpoolRing.markOffset + 16,
            with: first[SpoolRing.markOffset..<SpoolRing.markOffset + 16]
        )
        #expect(scratch.ring(mixed, Sample.keys(1)).events.isEmpty)
        let other = Scratch()
        other.put(Array("00c0ffee00c0ffee\n".utf8), into: "writer")
        #expect(other.ring(second, Sample.keys(1)).events.isEmpty)
    }

    @Test func `an older copy of the own ring brings nothing that was chained a moment ago`() throws {
        let scratch = try spool()
        let copy = try ring(10..<15, of: scratch, Sample.keys(1))
        scratch.put(copy, into: "lane-0.ring")
        try start(scratch, recovers: 10..<15, settingAside: nil)
        scratch.put(copy, into: "lane-0.ring")
        try scratch.store(100..<101, scratch.chained())
        let report = try #require(try scratch.verify().first)
        #expect(report.holds && report.events == 17, "\(report.breaks)")
    }

    @Test func `what an older copy brings again from long ago is stored once, and its numbers are named`() throws {
        let scratch = try spool()
        let copy = try ring(10..<15, of: scratch, Sample.keys(1))
        scratch.put(copy, into: "lane-0.ring")
        try start(scratch, recovers: 10..<15, settingAside: nil)
        // Several segments, of which a start reads the last two.
        try scratch.store(100..<1500, scratch.chained())
        #expect(try scratch.verify().allSatisfy(\.holds))
        scratch.put(copy, into: "lane-0.ring")
        let system = try AuditSystem(scratch.chained(), sink: SQLiteSink(path: scratch.database))
        #expect(system.report.recovered == 5)
        let lane = try system.lane(for: 0)
        #expect(Sample.decision(2000) { lane.record($0) } == .recorded)
        system.settleAll()
        let report = try #require(try scratch.verify().first)
        #expect(report.events == 10 + 6 + 1400 + 1)
        #expect(report.breaks.map(\.kind) == [.missing])
        #expect(report.breaks.first.map { $0.through - $0.sequence } == 4)
    }

    @Test func `a ring that is moved to another lane is not recovered`() throws {
        let scratch = try spool()
        scratch.put(try ring(10..<14, of: scratch, Sample.keys(1)), into: "lane-1.ring")
        try start(scratch, recovers: 0..<0, settingAside: "lane-1.ring")
    }

    @Test func `a copy under a name that resembles the lane's is no ring`() throws {
        let scratch = try spool()
        let ring = try ring(10..<14, of: scratch, Sample.keys(1))
        for name in ["lane-0.ring", "lane-00.ring", "lane-+0.ring", "lane--1.ring"] { scratch.put(ring, into: name) }
        try start(scratch, recovers: 10..<14, settingAside: nil)
    }

    @Test func `a frame that is altered while it waits for the writer is not chained`() throws {
        let scratch = try spool()
        let sink = MemorySink()
        let system = try AuditSystem(scratch.chained(), sink: sink)
        let lane = try system.lane(for: 0)
        let earlier = try ring(1000..<1002, of: scratch, Sample.keys(1))
        for number in 10..<12 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        let frames = Array(earlier[SpoolRing.headerLength...].prefix(Int(lane.ring.committedPosition)))
        try Descriptor(opening: lane.ring.path, O_RDWR).write(frames, at: SpoolRing.headerLength)
        #expect(system.writer.step() == .blocked)
        system.settleAll()
        #expect(system.state(at: Sample.start).unrecoverable == 2)
        #expect(system.state(at: Sample.start).notice?.code == .spoolTruncated)
        #expect(!sink.events.contains { $0.requestID.low >= 1000 })
    }

    @Test func `kill -9 loses nothing, with the key of then behind the one of now`() throws {
        let scratch = Scratch()
        var recorded: UInt64 = 0
        for (keys, lanes) in [(Sample.keys(1), 2), (Sample.keys(1), 3), (Sample.keys(2, 1), 1)] {
            let system = try AuditSystem(scratch.chained(keys), sink: SQLiteSink(path: scratch.database))
            #expect(system.report.cut == 0)
            let all = try (0..<lanes).map { try system.lane(for: $0) }
            // Round the ring's end, so that the last events stand on both sides of it.
            while all.allSatisfy({ $0.ring.committedPosition < UInt64($0.ring.size) + 2000 }) {
                for lane in all where Sample.decision(recorded, { lane.record($0) }) == .recorded { recorded += 1 }
                if recorded % 50 < UInt64(lanes) { system.writeAll() }
            }
        }
        let last = try AuditSystem(scratch.chained(Sample.keys(3, 2)), sink: SQLiteSink(path: scratch.database))
        #expect(last.report.recovered > 0 && last.report.cut == 0 && last.report.damagedFiles.isEmpty)
        last.settleAll()
        let report = try #require(try scratch.verify(Sample.keys(3, 2, 1)).first)
        #expect(report.holds && report.events == Int(recorded), "\(report.breaks)")
    }

    @Test func `a ring under a key that has ended is kept aside`() throws {
        let scratch = try spool()
        scratch.put(try ring(10..<14, of: scratch, Sample.keys(1)), into: "lane-0.ring")
        func purpose(_ mark: UInt8) -> PurposeKeys {
            func secret(_ number: UInt8) -> Secret { Secret([UInt8](repeating: number &* 16 &+ mark, count: 32)) }
            return PurposeKeys(current: secret(2), ended: [.init(key: secret(1), at: Sample.start + .seconds(1))])
        }
        let keys = AuditKeys(chain: purpose(1), digest: purpose(2), sealing: purpose(3), ring: purpose(4))
        try start(scratch, keys, recovers: 0..<0)
    }
}
