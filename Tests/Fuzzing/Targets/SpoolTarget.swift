import Foundation
import GatehouseCore
@testable import GatehouseAudit

/// Rings and segments that somebody wrote to: of a ring only events that were recorded come back, in their order and each once; of a segment only
/// whole records, as they were written.
enum SpoolTarget {
    /// A spool of a process that recorded these events and died, half of them moved to a segment.
    private struct Spool {
        static let keys = RingKeys(PurposeKeys(current: Secret([UInt8](repeating: 7, count: 32))))
        let folder: String
        var ring: [UInt8] = []
        var segment: [UInt8] = []
        var writer = ""
        var inRing: [[UInt8]] = []
        var inSegment: [[UInt8]] = []
        /// The end of the ring's last frame.
        var end = 0

        init() throws {
            folder =
                FileManager.default.temporaryDirectory.appendingPathComponent("gatehouse-fuzz-\(UUID().uuidString)")
                .path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            var settings = AuditSystem.Settings(spool: folder + "/spool")
            settings.laneSize = 1 << 16
            settings.segmentSize = 1 << 16
            let key = { (mark: UInt8) in PurposeKeys(current: Secret([UInt8](repeating: mark, count: 32))) }
            settings.keys = AuditKeys(chain: key(1), digest: key(2), sealing: key(3), ring: key(7))
            let system = try AuditSystem(settings, sink: DiscardingSink())
            let lane = try system.lane(for: 0)
            for number in 0..<16 as Range<UInt64> {
                if number == 8 { while case .wrote = system.writer.step() {} }
                var facts = AuditFacts(
                    .decision,
                    of: RequestID(high: 7, low: number),
                    at: Timestamp(seconds: 1_795_424_400 + Int64(number))
                )
                facts.refusal = number % 3 == 0 ? .toolDenied : nil
                _ = lane.record(facts)
            }
            end = SpoolRing.headerLength + Int(lane.ring.committedPosition)
            ring = try bytes("lane-0.ring")
            let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/spool")
            segment = try bytes(names.first { $0.hasSuffix(".seg") } ?? "")
            writer = text(try bytes("writer").dropLast())
            inRing = RingImage(ring, writer: writer, lane: 0, keys: Self.keys).events
            inSegment = SpoolTarget.events(of: segment, in: folder)
            try FileManager.default.removeItem(atPath: folder + "/spool")
        }

        private func bytes(_ name: String) throws -> [UInt8] {
            [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/spool/\(name)")))
        }
    }

    private static let spool = given { try Spool() }

    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        try hold(spool.inRing.count == 8 && spool.inSegment.count == 8, "the spool itself is not read")
        var choices = Choices(input)
        switch choices.number(4) {
        case 0: return try ring(&choices)
        case 1: return try segment(&choices)
        case 2: return try record(Array(choices.rest))
        case _: return try event(Array(choices.rest))
        }
    }

    private static func ring(_ choices: inout Choices) throws(Finding) -> Bool {
        var ring = spool.ring
        let words = [
            0, SpoolRing.sizeOffset, SpoolRing.markOffset, SpoolRing.committedOffset, SpoolRing.releasedOffset,
        ]
        let frames = SpoolRing.headerLength..<spool.end
        for _ in 0...choices.number(4) {
            let place = frames.lowerBound + choices.number(frames.count)
            switch choices.number(6) {
            case 0: ring[choices.one(words) + choices.number(16)] ^= choices.byte()
            case 1: ring[place] ^= choices.byte()
            case 2:
                let from = frames.lowerBound + choices.number(frames.count) & ~7
                let count = min(choices.number(1024) & ~7, frames.upperBound - max(from, place & ~7))
                ring.replaceSubrange((place & ~7)..<(place & ~7) + count, with: spool.ring[from..<from + count])
            case 3:
                let word = UInt64(choices.number(1 << 16)) << UInt64(choices.number(49))
                let offset = choices.one(words)
                for index in 0..<8 { ring[offset + index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * index)) }
            case 4: ring.removeSubrange(place...)
            case _: ring.removeSubrange(choices.number(SpoolRing.headerLength)...)
            }
            // Where the file has become shorter, there is nothing left to change.
            guard ring.count == spool.ring.count else { break }
        }
        let events = RingImage(ring, writer: spool.writer, lane: 0, keys: Spool.keys).events
        guard let first = events.first else { return false }
        // Those that are in a segment still stand in the ring, and a recovery that finds them there again knows them by the segment.
        let known = (spool.inSegment + spool.inRing).drop { $0 != first }
        try hold(
            known.starts(with: events),
            "\(events.count) events come back in another order, or were never recorded"
        )
        let others = RingImage(ring, writer: spool.writer, lane: 1, keys: Spool.keys).events
        try hold(others.isEmpty, "events of one lane come back in another")
        return true
    }

    private static func segment(_ choices: inout Choices) throws(Finding) -> Bool {
        var segment = spool.segment
        choices.edit(&segment)
        let events = events(of: segment, in: spool.folder)
        try hold(events.allSatisfy(spool.inSegment.contains), "an event comes back that was never written")
        return !events.isEmpty
    }

    /// Any payload in a frame with its sum, as anybody can make one: it is the record that it says, or none.
    private static func record(_ payload: [UInt8]) throws(Finding) -> Bool {
        let header = Segment.Header(number: 1, firstSequence: 1, writer: spool.writer, previousHash: [])
        let sum = payload.withUnsafeBytes { CRC32C.checksum($0) }
        let frame = [UInt32(payload.count), sum].flatMap { word in
            withUnsafeBytes(of: word.littleEndian) { Array($0) }
        }
        let events = events(of: Segment.encode(header) + frame + payload, in: spool.folder)
        try hold(events.allSatisfy { payload.suffix($0.count) == $0[...] }, "a record's event is no part of it")
        return !events.isEmpty
    }

    private static func event(_ bytes: [UInt8]) throws(Finding) -> Bool {
        let event = bytes.withUnsafeBytes { EventDecoder.event($0) }
        let head = bytes.withUnsafeBytes { EventDecoder.head($0) }
        _ = bytes.withUnsafeBytes { EventDecoder.isOfNobody($0) }
        try hold(event == nil || event?.id == head?.id && event?.requestID == head?.requestID, "two heads of one event")
        return event != nil
    }

    private static func events(of segment: [UInt8], in folder: String) -> [[UInt8]] {
        let path = folder + "/segment"
        given { try Data(segment).write(to: URL(fileURLWithPath: path)) }
        guard let reader = try? SegmentReader(opening: path) else { return [] }
        var events: [[UInt8]] = []
        while case .record(let record)? = try? reader.next(before: reader.length) { events.append(record.event) }
        return events
    }
}
