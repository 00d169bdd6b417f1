import Foundation
import GatehouseCore
import SQLiteClient
import Testing

@testable import GatehouseAudit

/// Whatever is done to a log without its key is named for what it is, at the event where it was done.
struct TamperingTests {
    struct Deed: Sendable, CustomTestStringConvertible {
        let what: String
        let sql: String
        let kind: ChainBreak.Kind
        let sequence: Int64
        var testDescription: String { what }
    }

    /// Puts a made-up decision under a number of the writer there is.
    private static func put(_ sequence: Int64, id: Int = 1) -> String {
        let number = sequence == .min ? "-9223372036854775807 - 1" : String(sequence)
        return """
            INSERT INTO audit_events (event_id, request_id, kind, at, writer, seq, decision)
            SELECT '01990000-0000-7000-8000-00000000000\(id)', 'feedfeedfeedfeedfeedfeedfeedfee\(id)', 'decision', at, writer,
                \(number), 'allow' FROM audit_events LIMIT 1
            """
    }

    private static let deeds: [Deed] = [
        Deed(
            what: "a decision turned round",
            sql: "UPDATE audit_events SET decision = 'deny' WHERE seq = 57",
            kind: .altered,
            sequence: 57
        ),
        Deed(
            what: "another principal",
            sql: "UPDATE audit_events SET principal = 'eve@example.com' WHERE seq = 1",
            kind: .altered,
            sequence: 1
        ),
        Deed(
            what: "a time moved by a microsecond",
            sql: "UPDATE audit_events SET at = at + 1 WHERE seq = 99",
            kind: .altered,
            sequence: 99
        ),
        Deed(
            what: "a text made empty",
            sql: "UPDATE audit_events SET target = '' WHERE seq = 5",
            kind: .altered,
            sequence: 5
        ),
        Deed(
            what: "a text taken away",
            sql: "UPDATE audit_events SET client_ip = NULL WHERE seq = 5",
            kind: .altered,
            sequence: 5
        ),
        Deed(
            what: "a number put in",
            sql: "UPDATE audit_events SET status = 200 WHERE seq = 5",
            kind: .altered,
            sequence: 5
        ),
        Deed(
            what: "a text too long",
            sql: "UPDATE audit_events SET route = hex(zeroblob(500)) WHERE seq = 5",
            kind: .altered,
            sequence: 5
        ),
        Deed(
            what: "an id that is none",
            sql: "UPDATE audit_events SET event_id = 'x' WHERE seq = 5",
            kind: .altered,
            sequence: 5
        ),
        Deed(
            what: "a text appended to one that was cut at its limit",
            sql: "UPDATE audit_events SET path = path || '/admin' WHERE seq = 5",
            kind: .altered,
            sequence: 5
        ),
        Deed(
            what: "an id spelled otherwise, so that nobody finds the row by it",
            sql: "UPDATE audit_events SET request_id = upper(request_id) WHERE seq = 5",
            kind: .altered,
            sequence: 5
        ),
        Deed(what: "a row under number 0", sql: put(0), kind: .misnumbered, sequence: 0),
        Deed(what: "a row under a number below 0", sql: put(-7), kind: .misnumbered, sequence: -7),
        Deed(what: "a row under the least number", sql: put(.min), kind: .misnumbered, sequence: .min),
        Deed(what: "a row under the greatest number", sql: put(.max), kind: .misnumbered, sequence: .max),
        Deed(
            what: "two rows under the greatest number",
            sql: "\(put(.max)); \(put(.max, id: 2))",
            kind: .misnumbered,
            sequence: .max
        ),
        Deed(
            what: "another writer's name",
            sql: "UPDATE audit_events SET writer = 'other' WHERE seq > 0",
            kind: .altered,
            sequence: 1
        ),
        Deed(
            what: "a hash changed",
            sql: "UPDATE audit_events SET hash = zeroblob(32) WHERE seq = 30",
            kind: .altered,
            sequence: 30
        ),
        Deed(
            what: "a hash before changed",
            sql: "UPDATE audit_events SET prev_hash = zeroblob(32) WHERE seq = 30",
            kind: .altered,
            sequence: 30
        ),
        Deed(
            what: "a hash of another length",
            sql: "UPDATE audit_events SET hash = x'00' WHERE seq = 30",
            kind: .altered,
            sequence: 30
        ),
        Deed(
            what: "hashes taken away",
            sql: "UPDATE audit_events SET hash = NULL, prev_hash = NULL WHERE seq = 30",
            kind: .unchained,
            sequence: 30
        ),
        Deed(
            what: "all hashes taken away",
            sql: "UPDATE audit_events SET hash = NULL, prev_hash = NULL",
            kind: .unchained,
            sequence: 1
        ),
        Deed(
            what: "the first hashes taken away",
            sql: "UPDATE audit_events SET hash = NULL, prev_hash = NULL WHERE seq < 9",
            kind: .unchained,
            sequence: 1
        ),
        Deed(what: "an event taken out", sql: "DELETE FROM audit_events WHERE seq = 40", kind: .missing, sequence: 40),
        Deed(what: "the oldest taken off", sql: "DELETE FROM audit_events WHERE seq < 10", kind: .missing, sequence: 1),
        Deed(
            what: "the newest cut off",
            sql: "DELETE FROM audit_events WHERE seq > 90",
            kind: .truncated,
            sequence: 91
        ),
        Deed(what: "everything gone", sql: "DELETE FROM audit_events", kind: .truncated, sequence: 1),
        Deed(
            what: "two exchanged",
            sql: """
                UPDATE audit_events SET seq = -1 WHERE seq = 20; UPDATE audit_events SET seq = 20 WHERE seq = 22;
                UPDATE audit_events SET seq = 22 WHERE seq = -1
                """,
            kind: .reordered,
            sequence: 20
        ),
        Deed(
            what: "one moved over another",
            sql: "UPDATE audit_events SET seq = 21 WHERE seq = 20",
            kind: .missing,
            sequence: 20
        ),
        Deed(
            what: "a gap closed by renumbering",
            sql: """
                DELETE FROM audit_events WHERE seq = 20; UPDATE audit_events SET seq = seq - 1 WHERE seq > 20
                """,
            kind: .reordered,
            sequence: 20
        ),
    ]

    @Test(arguments: deeds)
    func `by SQL`(_ deed: Deed) throws {
        let scratch = Scratch()
        // A path that is cut at its limit.
        try scratch.store(0..<100, scratch.chained(), path: "/" + String(repeating: "a", count: 3000))
        // Proof that the test itself changes nothing: the log held before.
        #expect(try #require(try scratch.verify(besideSpool: true).first).holds)
        try scratch.change(deed.sql)
        let reports = try scratch.verify(besideSpool: true)
        let report = try #require(reports.first { !$0.holds }, "nothing noticed")
        let found = try #require(report.breaks.first)
        #expect(found.kind == deed.kind && found.sequence == deed.sequence, "\(report.breaks)")
    }

    @Test func `a log that was rewritten with the key itself is caught by a head kept elsewhere`() throws {
        let scratch = Scratch()
        try scratch.store(0..<50, scratch.chained())
        let archive = try EventDatabase.sqlite(path: scratch.database).archive()
        let writer = try #require(try archive.writers().first)
        var kept: AuditHead?
        try archive.chain(of: writer) { row in
            guard row.sequence == 40, let hash = row.record?.hash else { return true }
            kept = AuditHead(signing: .head, of: writer, 40, hash, at: Sample.start, keys: Sample.keys(1).chain)
            return false
        }
        let head = try #require(kept)
        #expect(try #require(try scratch.verify(heads: [head]).first).headsHeld == 1)
        // The same writer, other events, chained anew with the right key.
        let forgery = Scratch()
        forgery.put(Array("\(writer)\n".utf8), into: "writer")
        try forgery.store(100..<150, forgery.chained())
        #expect(try #require(try forgery.verify().first).holds)
        let report = try #require(try forgery.verify(heads: [head]).first)
        #expect(report.breaks.map(\.kind) == [.rewritten] && report.breaks.first?.sequence == 40)
    }

    @Test func `a head that was made up is named`() throws {
        let scratch = Scratch()
        try scratch.store(0..<5, scratch.chained())
        let writer = try #require(try EventDatabase.sqlite(path: scratch.database).archive().writers().first)
        let hash = [UInt8](repeating: 1, count: 32)
        let forged = AuditHead(signing: .checkpoint, of: writer, 3, hash, at: Sample.start, keys: Sample.keys(9).chain)
        #expect(try #require(try scratch.verify(heads: [forged]).first).breaks.map(\.kind) == [.forgedHead])
    }

    @Test func `an event that was exchanged for one of another chain with the same key is named`() throws {
        let scratch = Scratch()
        try scratch.store(0..<10, scratch.chained())
        let writer = try #require(try EventDatabase.sqlite(path: scratch.database).archive().writers().first)
        let other = Scratch()
        other.put(Array("\(writer)\n".utf8), into: "writer")
        try other.store(50..<60, other.chained())
        try scratch.change(
            """
            ATTACH '\(other.database)' AS o; DELETE FROM audit_events WHERE seq = 5;
            INSERT INTO audit_events SELECT * FROM o.audit_events WHERE seq = 5
            """
        )
        let report = try #require(try scratch.verify().first)
        #expect(report.breaks.map(\.kind) == [.unlinked], "\(report.breaks)")
    }

    @Test func `any byte of a segment`() throws {
        let scratch = Scratch()
        do {
            let system = try AuditSystem(scratch.chained(), sink: DiscardingSink())
            let lane = try system.lane(for: 0)
            for number in 0..<4 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            system.writeAll()
        }
        let keys = Sample.keys(1).chain
        func verify() throws(AuditError) -> ChainReport {
            try AuditVerification.verify(spool: SpoolWalk(scratch.spool), keys: keys, heads: [])
        }
        let name = try #require(scratch.segments().first)
        let bytes = scratch.bytes(of: name)
        #expect(try verify().events == 4)
        for place in stride(from: Segment.headerLength, to: bytes.count, by: 61) {
            var bad = bytes
            bad[place] ^= 4
            // Whoever edits a segment mends its sum.
            if let mended = Self.mended(bad) { bad = mended }
            scratch.put(bad, into: name)
            let report = try verify()
            #expect(!report.holds, "byte \(place)")
        }
    }

    /// The segment with the sums of all its records as they should be; nil when its records do not follow each other.
    private static func mended(_ segment: [UInt8]) -> [UInt8]? {
        var bytes = segment
        var offset = Segment.headerLength
        while offset + Segment.frameLength < bytes.count {
            let length = (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << ($1 * 8) }
            guard length > 0, offset + Segment.frameLength + length <= bytes.count else { return nil }
            let payload = bytes[(offset + Segment.frameLength)..<(offset + Segment.frameLength + length)]
            let sum = Array(payload).withUnsafeBytes { CRC32C.checksum($0) }
            for index in 0..<4 { bytes[offset + 4 + index] = UInt8(truncatingIfNeeded: sum >> (index * 8)) }
            offset += Segment.frameLength + length
        }
        return bytes
    }

    @Test func `records of a segment in another order, and a segment taken out`() throws {
        let scratch = Scratch()
        do {
            let system = try AuditSystem(scratch.chained(), sink: DiscardingSink())
            let lane = try system.lane(for: 0)
            var number: UInt64 = 0
            while scratch.segments().count < 3 {
                while Sample.decision(number, { lane.record($0) }) == .recorded { number += 1 }
                system.writeAll()
            }
        }
        let keys = Sample.keys(1).chain
        let names = scratch.segments()
        let first = scratch.bytes(of: names[0])
        func length(_ offset: Int) -> Int {
            Segment.frameLength + (0..<4).reduce(0) { $0 | Int(first[offset + $1]) << ($1 * 8) }
        }
        let (one, two) = (Segment.headerLength + length(Segment.headerLength), 0)
        let second = length(one)
        let third = length(one + second)
        _ = two
        scratch.put(
            first[..<one] + first[(one + second)..<(one + second + third)] + first[one..<(one + second)]
                + first[(one + second + third)...],
            into: names[0]
        )
        let swapped = try AuditVerification.verify(spool: SpoolWalk(scratch.spool), keys: keys, heads: [])
        #expect(swapped.breaks.contains { $0.kind == .reordered && $0.sequence == 2 }, "\(swapped.breaks)")
        scratch.put(first, into: names[0])
        #expect(try AuditVerification.verify(spool: SpoolWalk(scratch.spool), keys: keys, heads: []).holds)
        try FileManager.default.removeItem(atPath: "\(scratch.spool)/\(names[1])")
        let gap = try AuditVerification.verify(spool: SpoolWalk(scratch.spool), keys: keys, heads: [])
        #expect(gap.breaks.map(\.kind) == [.missing])
    }
}
