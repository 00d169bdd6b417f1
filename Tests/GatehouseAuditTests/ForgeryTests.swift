import Foundation
import GatehouseCore
import SQLiteClient
import Testing

@testable import GatehouseAudit

/// Whatever a query can show, verifying has judged, or it is named.
struct ForgeryTests {
    /// Thirty events, of which the first twenty were pruned.
    private func pruned() throws -> Scratch {
        let scratch = Scratch()
        try scratch.store(0..<30, scratch.chained())
        let cutoff = Timestamp(microseconds: Sample.start.microseconds + 20_000)
        let marks = try scratch.prunable(before: cutoff).map { $0.checkpoint(at: Sample.start, keys: Sample.keys(1)) }
        #expect(marks.map(\.sequence) == [20])
        let pruning = try EventDatabase.sqlite(path: scratch.database).pruning()
        _ = try pruning.prune(marks, before: cutoff) { _ in }
        #expect(try scratch.report(besideSpool: true).holds)
        return scratch
    }

    private func shown(_ scratch: Scratch) throws -> Int {
        try EventDatabase.sqlite(path: scratch.database).archive().messageCount(AuditQuery())
    }

    @Test(arguments: [
        ("7", "NULL", "NULL", ChainBreak.Kind.unchained), ("20", "NULL", "NULL", .unchained),
        ("20", "zeroblob(32)", "zeroblob(32)", .altered), ("20", "hash", "prev_hash", .altered),
        ("7", "hash", "prev_hash", .altered), ("20", "hash", "NULL", .altered),
    ])
    func `a row put where events were pruned`(seq: String, hash: String, previous: String, kind: ChainBreak.Kind)
        throws
    {
        let scratch = try pruned()
        let before = try shown(scratch)
        try scratch.change(
            """
            INSERT INTO audit_events (event_id, request_id, kind, at, writer, seq, prev_hash, hash, principal, decision)
            SELECT '01990000-0000-7000-8000-000000000001', 'feedfeedfeedfeedfeedfeedfeedfeed', 'decision', at, writer, \(seq),
                \(previous), \(hash), 'eve@example.com', 'allow' FROM audit_events WHERE seq = 21
            """
        )
        #expect(try shown(scratch) == before + 1)
        let report = try #require(try scratch.verify(besideSpool: true).first)
        #expect(report.breaks.map(\.kind) == [kind], "\(report.breaks)")
    }

    @Test func `a genuine event that a prune left is no break, and one of another place there is`() throws {
        let scratch = Scratch()
        try scratch.store(0..<30, scratch.chained())
        let whole = "\(scratch.path)/whole.db"
        try scratch.change("VACUUM INTO '\(whole)'")
        let cutoff = Timestamp(microseconds: Sample.start.microseconds + 20_000)
        let marks = try scratch.prunable(before: cutoff).map { $0.checkpoint(at: Sample.start, keys: Sample.keys(1)) }
        _ = try EventDatabase.sqlite(path: scratch.database).pruning().prune(marks, before: cutoff) { _ in }
        try scratch.change(
            "ATTACH '\(whole)' AS w; INSERT INTO audit_events SELECT * FROM w.audit_events WHERE seq IN (3, 4, 18, 19, 20)"
        )
        let report = try #require(try scratch.verify(besideSpool: true).first)
        #expect(report.holds && report.leftOver == 5 && report.events == 10, "\(report.breaks)")
        try scratch.change("UPDATE audit_events SET seq = 5 WHERE seq = 4")
        #expect(try #require(try scratch.verify().first).breaks.map(\.kind) == [.altered])
    }

    @Test func `rows of a writer whose name is no text are named`() throws {
        let scratch = Scratch()
        try scratch.store(0..<5, scratch.chained())
        try scratch.change(
            """
            INSERT INTO audit_events (event_id, request_id, kind, at, writer, seq, decision)
            VALUES ('01990000-0000-7000-8000-000000000001', 'feedfeedfeedfeedfeedfeedfeedfeed', 'decision', 1, CAST(x'FF' AS TEXT), 1,
                'allow')
            """
        )
        #expect(try shown(scratch) == 6)
        #expect(try scratch.report().faults.map(\.kind) == [.rows])
        let copied = try AuditMigration.copy(EventDatabase.sqlite(path: scratch.database).archive(), to: nil)
        #expect(copied.map(\.events) == [5, 0] && copied.map(\.unreadable) == [0, 1])
    }

    @Test func `rows that the chain's index does not lead to are named`() throws {
        let scratch = Scratch()
        try scratch.store(0..<5, scratch.chained())
        try scratch.change(
            """
            PRAGMA writable_schema = ON;
            UPDATE sqlite_schema SET sql = sql || ' WHERE seq < 6' WHERE name = 'audit_events_chain'
            """
        )
        try scratch.change(
            """
            INSERT INTO audit_events (event_id, request_id, kind, at, writer, seq, decision)
            SELECT '01990000-0000-7000-8000-000000000001', 'feedfeedfeedfeedfeedfeedfeedfeed', 'decision', at, writer, 6, 'allow'
            FROM audit_events LIMIT 1
            """
        )
        try scratch.change(
            """
            PRAGMA writable_schema = ON;
            UPDATE sqlite_schema SET sql = replace(sql, ' WHERE seq < 6', '') WHERE name = 'audit_events_chain'
            """
        )
        let report = try scratch.report()
        #expect(report.chains.allSatisfy { $0.holds })
        #expect(Set(report.faults.map(\.kind)) == [.rows, .damaged], "\(report.faults)")
    }

    @Test(arguments: [
        ("DROP VIEW audit_requests", StoreFault.Kind.view),
        (
            """
            DROP VIEW audit_requests; CREATE VIEW audit_requests AS SELECT * FROM audit_events WHERE principal <> 'eve@example.com'
            """, .view
        ), ("DROP VIEW audit_requests; CREATE TABLE audit_requests AS SELECT * FROM audit_events", .view),
        ("ALTER TABLE audit_events RENAME TO hidden; CREATE VIEW audit_events AS SELECT * FROM hidden", .table),
    ])
    func `a view or table in another's place`(sql: String, kind: StoreFault.Kind) throws {
        let scratch = Scratch()
        try scratch.store(0..<5, scratch.chained())
        #expect(try scratch.report().holds)
        try scratch.change("PRAGMA legacy_alter_table = ON; \(sql)")
        let report = try scratch.report()
        #expect(report.faults.contains { $0.kind == kind } && !report.holds, "\(report.faults)")
    }

    @Test func `a view that was replaced decides nothing of what is shown`() throws {
        let scratch = Scratch()
        try scratch.store(0..<5, scratch.chained())
        try scratch.change(
            "DROP VIEW audit_requests; CREATE VIEW audit_requests AS SELECT * FROM audit_events WHERE false"
        )
        #expect(try shown(scratch) == 5)
    }

    @Test func `a writer whose events are gone is named by its heads`() throws {
        let scratch = Scratch()
        try scratch.store(0..<5, scratch.chained())
        let writer = try #require(try EventDatabase.sqlite(path: scratch.database).archive().writers().first)
        var hash: [UInt8] = []
        try EventDatabase.sqlite(path: scratch.database).archive().chain(of: writer) { row in
            hash = row.record?.hash ?? []
            return true
        }
        let head = AuditHead(signing: .head, of: writer, 5, hash, at: Sample.start, keys: Sample.keys(1).chain)
        try SQLiteSink(path: scratch.database).deliver(AuditBatch(writer: writer, records: [], heads: [head]))
        #expect(try scratch.report().holds)
        try scratch.change("DELETE FROM audit_events")
        #expect(try scratch.verify().flatMap(\.breaks).map(\.kind) == [.truncated])
    }

    @Test func `a checkpoint under a number that no writer gives is forged, whoever signed it`() throws {
        let scratch = Scratch()
        try scratch.store(0..<5, scratch.chained())
        let writer = try #require(try EventDatabase.sqlite(path: scratch.database).archive().writers().first)
        for number in [.min, -3, 0, .max] as [Int64] {
            let mark = AuditHead(
                signing: .checkpoint,
                of: writer,
                number,
                [],
                at: Sample.start,
                keys: Sample.keys(1).chain
            )
            #expect(try scratch.verify(heads: [mark]).flatMap(\.breaks).map(\.kind) == [.forgedHead])
        }
    }

    // MARK: Pruning

    @Test func `a time set back while a prune chooses takes nothing with it`() throws {
        let scratch = Scratch()
        try scratch.store(0..<30, scratch.chained())
        let cutoff = Timestamp(microseconds: Sample.start.microseconds + 10_000)
        // Whoever may write to the table calls every event old.
        try scratch.change("UPDATE audit_events SET at = 1 WHERE seq > 10")
        let found = try scratch.report(prunableBefore: cutoff)
        #expect(!found.holds)
        // The attacker has restored everything before the verification, which then sees the times that it verifies.
        try scratch.change(
            "UPDATE audit_events SET at = \(Sample.start.microseconds) + (seq - 1) * 1000 WHERE seq > 10"
        )
        let again = try scratch.report(prunableBefore: cutoff)
        #expect(again.holds && again.chains.compactMap(\.prunable).map(\.sequence) == [10])
    }

    @Test func `what is verified and chosen is of one moment, whatever is written meanwhile`() throws {
        let scratch = Scratch()
        try scratch.store(0..<10, scratch.chained())
        let archive = try EventDatabase.sqlite(path: scratch.database).archive()
        var counts: [Int] = []
        try archive.snapshot { () throws(AuditError) in
            counts.append(try archive.count(AuditQuery()))
            #expect(throws: Never.self) { try scratch.change("DELETE FROM audit_events WHERE seq > 5") }
            counts.append(try archive.count(AuditQuery()))
        }
        #expect(counts == [10, 10])
        #expect(try archive.count(AuditQuery()) == 5)
    }

    @Test func `rows under numbers that no writer gives are never what a checkpoint covers`() throws {
        let scratch = Scratch()
        try scratch.store(0..<5, scratch.chained())
        try scratch.change("UPDATE audit_events SET seq = -3")
        #expect(try scratch.prunable(before: Sample.start + .seconds(60)).isEmpty)
        try scratch.change("UPDATE audit_events SET seq = 9223372036854775807")
        #expect(try scratch.prunable(before: Sample.start + .seconds(60)).isEmpty)
    }
}
