import Foundation
import GatehouseCore
import Testing

@testable import GatehouseAudit

/// A killed process leaves the contents of its files: these tests drop a system without ending it, or put the files of two moments together.
struct RecoveryTests {
    @Test func `nothing recorded is lost when the process dies`() throws {
        let scratch = Scratch()
        try record(0..<50, thenWrite: true, record: 50..<80, in: scratch)
        let sink = MemorySink()
        let system = try AuditSystem(scratch.settings, sink: sink)
        #expect(system.report.recovered == 30)
        #expect(system.report.cut == 0)
        #expect(system.report.pending == 80)
        system.settleAll()
        #expect(sink.records.map(\.sequence) == Array(1...80))
        #expect(sink.events.map(\.requestID.low) == Array(0..<80))
        #expect(system.state(at: Sample.start).depthBytes == 0)
    }

    @Test func `sequence and writer go on across processes`() throws {
        let scratch = Scratch()
        var writers = Set<String>()
        let sink = MemorySink()
        for round in 0..<5 as Range<UInt64> {
            let system = try AuditSystem(scratch.settings, sink: sink)
            writers.insert(system.state(at: Sample.start).writer)
            let lane = try system.lane(for: 0)
            for number in 0..<10 as Range<UInt64> { _ = Sample.decision(round * 10 + number) { lane.record($0) } }
            if round % 2 == 0 { system.settleAll() }
        }
        let last = try AuditSystem(scratch.settings, sink: sink)
        last.settleAll()
        #expect(writers.count == 1)
        #expect(sink.records.map(\.sequence) == Array(1...50))
    }

    @Test func `what stands in ring and segment is stored once`() throws {
        let scratch = Scratch()
        // Killed between the write into the segment and the release of the ring: the ring of before, the segment of after.
        var ring: [UInt8] = []
        do {
            let system = try AuditSystem(scratch.settings, sink: DiscardingSink())
            let lane = try system.lane(for: 0)
            for number in 0..<20 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            ring = scratch.bytes(of: "lane-0.ring")
            system.writeAll()
        }
        let sink = MemorySink()
        // The second time killed in the middle of recovery, before the ring was deleted.
        for _ in 0..<2 {
            scratch.put(ring, into: "lane-0.ring")
            let system = try AuditSystem(scratch.settings, sink: sink)
            #expect(system.report.recovered == 0)
            system.settleAll()
            #expect(sink.events.map(\.requestID.low) == Array(0..<20))
        }
    }

    @Test func `a ring cut at every byte gives its whole events only`() throws {
        let scratch = Scratch()
        var used = 0
        do {
            let system = try AuditSystem(scratch.settings, sink: DiscardingSink())
            let lane = try system.lane(for: 0)
            for number in 0..<4 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            used = Int(lane.ring.committedPosition)
        }
        let file = scratch.bytes(of: "lane-0.ring")
        let whole = scratch.ring(file)
        #expect(whole.events.count == 4)
        #expect(whole.cut == 0)
        var counts: [Int] = []
        for length in 0...used {
            let image = scratch.ring(Array(file[..<(SpoolRing.headerLength + length)]))
            #expect(image.events == Array(whole.events.prefix(image.events.count)))
            counts.append(image.events.count)
        }
        #expect(counts == counts.sorted())
        #expect(Set(counts) == [0, 1, 2, 3, 4])
    }

    @Test func `a flipped byte in a ring is noticed`() throws {
        let scratch = Scratch()
        var used = 0
        do {
            let system = try AuditSystem(scratch.settings, sink: DiscardingSink())
            let lane = try system.lane(for: 0)
            for number in 0..<2 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            used = Int(lane.ring.committedPosition)
        }
        var file = scratch.bytes(of: "lane-0.ring")
        let whole = scratch.ring(file)
        for place in SpoolRing.headerLength..<SpoolRing.headerLength + used {
            file[place] ^= 0x10
            let image = scratch.ring(file)
            file[place] ^= 0x10
            #expect(image.events.count < 2)
            #expect(image.events == Array(whole.events.prefix(image.events.count)))
            #expect(image.cut > 0)
        }
        for place in 0..<256 {
            var bad = file
            bad[place] ^= 0xFF
            // Positions that make no sense give nothing; nothing traps.
            #expect(scratch.ring(bad).events.count <= 2)
        }
    }

    @Test func `a segment torn at every byte is cut and continued`() throws {
        let model = Scratch()
        let events: UInt64 = 3
        try record(0..<events, thenWrite: true, record: 0..<0, in: model)
        let name = try #require(model.segments().first)
        let bytes = model.bytes(of: name)
        let writer = model.bytes(of: "writer")
        var counts = Set<Int>()
        for length in 0..<bytes.count {
            let scratch = Scratch(inMemory: true)
            scratch.put(writer, into: "writer")
            scratch.put(bytes[..<length], into: name)
            let sink = MemorySink()
            let system = try AuditSystem(scratch.settings, sink: sink)
            let lane = try system.lane(for: 0)
            _ = Sample.decision(99) { lane.record($0) }
            system.settleAll()
            let kept = sink.events.dropLast()
            counts.insert(kept.count)
            #expect(kept.map(\.requestID.low) == Array(0..<UInt64(kept.count)))
            #expect(sink.events.last?.requestID == Sample.requestID(99))
            #expect(sink.records.map(\.sequence) == Array(1...Int64(kept.count + 1)))
            #expect(system.report.damagedFiles.isEmpty)
            #expect(
                (system.report.cut == 0) == (length == 0 || length == Segment.headerLength || isBoundary(length, bytes))
            )
        }
        #expect(counts == [0, 1, 2])
    }

    @Test func `damage in the middle of the spool loses only its segment`() throws {
        let scratch = Scratch()
        var number: UInt64 = 0
        do {
            let system = try AuditSystem(scratch.settings, sink: DiscardingSink())
            let lane = try system.lane(for: 0)
            while scratch.segments().count < 3 {
                while Sample.decision(number, { lane.record($0) }) == .recorded { number += 1 }
                system.writeAll()
            }
        }
        let names = scratch.segments()
        var middle = scratch.bytes(of: names[1])
        middle[middle.count / 2] ^= 1
        scratch.put(middle, into: names[1])
        let sink = MemorySink()
        let system = try AuditSystem(scratch.settings, sink: sink)
        system.settleAll()
        let numbers = sink.events.map(\.requestID.low)
        #expect(numbers == numbers.sorted())
        #expect(Set(numbers).count == numbers.count)
        #expect(numbers.first == 0)
        #expect(numbers.count < Int(number))
        #expect(system.state(at: Sample.start).damaged == 1)
        #expect(system.state(at: Sample.start).depthBytes == 0)
        #expect(FileManager.default.fileExists(atPath: "\(scratch.spool)/\(names[1]).damaged"))
    }

    @Test func `a batch whose cursor was not stored comes again`() throws {
        let scratch = Scratch()
        let first = MemorySink()
        do {
            let system = try AuditSystem(scratch.settings, sink: first)
            let lane = try system.lane(for: 0)
            for number in 0..<10 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            system.settleAll()
        }
        #expect(first.records.count == 10)
        // The sink has them, the cursor is of before.
        try FileManager.default.removeItem(atPath: "\(scratch.spool)/cursor")
        let second = MemorySink()
        let system = try AuditSystem(scratch.settings, sink: second)
        system.settleAll()
        #expect(second.records == first.records)
    }

    @Test func `a cursor that is none means the beginning`() throws {
        for text in [
            "", "x", "gatehouse-cursor 1 1 128", "gatehouse-cursor 1 -1 128 3\n", "gatehouse-cursor 2 1 128 3\n",
        ] {
            #expect(SpoolCursor(parsing: text) == nil)
        }
        let place = SpoolPosition(segment: 3, offset: 4711)
        for hash in [[], [UInt8](repeating: 0xAB, count: 32)] {
            let cursor = SpoolCursor(position: place, tip: ChainTip(sequence: 98, hash: hash))
            #expect(cursor.text.utf8.count == SpoolCursor.length)
            #expect(SpoolCursor(parsing: cursor.text) == cursor)
            #expect(SpoolCursor(parsing: cursor.text.replacing("4711", with: "4712")) == nil)
        }
        // As the release before the chain wrote it.
        let old = SpoolCursor(parsing: "gatehouse-cursor 1 3 4711 99\n")
        #expect(old == SpoolCursor(position: place, tip: ChainTip(sequence: 98, hash: [])))
    }

    private func isBoundary(_ length: Int, _ bytes: [UInt8]) -> Bool {
        var offset = Segment.headerLength
        while offset < length {
            offset +=
                Segment.frameLength
                + bytes[offset..<offset + 4].enumerated().reduce(0) { $0 | Int($1.element) << ($1.offset * 8) }
        }
        return offset == length
    }

    private func record(
        _ first: Range<UInt64>,
        thenWrite: Bool,
        record second: Range<UInt64>,
        in scratch: Scratch
    ) throws {
        let system = try AuditSystem(scratch.settings, sink: DiscardingSink())
        let lane = try system.lane(for: 0)
        for number in first { #expect(Sample.decision(number) { lane.record($0) } == .recorded) }
        if thenWrite { system.writeAll() }
        for number in second { #expect(Sample.decision(number) { lane.record($0) } == .recorded) }
    }
}
