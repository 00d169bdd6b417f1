import GatehouseCore
import Testing

@testable import GatehouseAudit

struct PruningTests {
    private func time(_ number: Int64) -> Timestamp {
        Timestamp(microseconds: Sample.start.microseconds + number * 1000)
    }

    @Test func `a pruned log still holds, and says through where it was pruned`() throws {
        let scratch = Scratch()
        try scratch.store(0..<100, scratch.chained())
        let pruning = try EventDatabase.sqlite(path: scratch.database).pruning()
        #expect(try scratch.prunable(before: time(0)).isEmpty)
        let chains = try scratch.prunable(before: time(60))
        #expect(chains.map(\.sequence) == [60])
        let checkpoints = chains.map { $0.checkpoint(at: Sample.start, keys: Sample.keys(1)) }
        #expect(try pruning.prune(checkpoints, before: time(60)) { _ in } == 60)
        #expect(try pruning.prune(checkpoints, before: time(60)) { _ in } == 0)
        var report = try #require(try scratch.verify(besideSpool: true).first)
        #expect(report.holds && report.events == 40 && report.prunedThrough == 60, "\(report.breaks)")
        // Further, and then everything.
        try scratch.store(100..<110, scratch.chained())
        for (cutoff, left) in [(70, 40), (500, 0)] as [(Int64, Int)] {
            let chains = try scratch.prunable(before: time(cutoff))
            let marks = chains.map { $0.checkpoint(at: Sample.start, keys: Sample.keys(1)) }
            _ = try pruning.prune(marks, before: time(cutoff)) { _ in }
            report = try #require(try scratch.verify(besideSpool: true).first)
            #expect(report.holds && report.events == left, "\(report.breaks)")
        }
        try scratch.store(110..<120, scratch.chained())
        report = try #require(try scratch.verify(besideSpool: true).first)
        #expect(report.holds && report.events == 10 && report.first == 111)
    }

    @Test func `deleting more than the checkpoint says, or the checkpoint, is noticed`() throws {
        let scratch = Scratch()
        try scratch.store(0..<50, scratch.chained())
        let pruning = try EventDatabase.sqlite(path: scratch.database).pruning()
        let marks = try scratch.prunable(before: time(20)).map {
            $0.checkpoint(at: Sample.start, keys: Sample.keys(1))
        }
        _ = try pruning.prune(marks, before: time(20)) { _ in }
        try scratch.change("DELETE FROM audit_events WHERE seq <= 25")
        var found = try #require(try scratch.verify().first?.breaks.first)
        #expect(found.kind == .missing && found.sequence == 21 && found.through == 25)
        try scratch.change("UPDATE audit_heads SET seq = 25 WHERE kind = 'checkpoint'")
        found = try #require(try scratch.verify().first?.breaks.first)
        #expect(found.kind == .forgedHead)
        try scratch.change("DELETE FROM audit_heads")
        found = try #require(try scratch.verify().first?.breaks.first)
        #expect(found.kind == .missing && found.sequence == 1)
    }

    @Test func `a prune that was interrupted is no break and is finished by the next`() throws {
        let scratch = Scratch()
        try scratch.store(0..<50, scratch.chained())
        let whole = "\(scratch.path)/whole.db"
        try scratch.change("VACUUM INTO '\(whole)'")
        let pruning = try EventDatabase.sqlite(path: scratch.database).pruning()
        let marks = try scratch.prunable(before: time(20)).map {
            $0.checkpoint(at: Sample.start, keys: Sample.keys(1))
        }
        _ = try pruning.prune(marks, before: time(20)) { _ in }
        // The state of a prune that stopped half-way: some of the old events are still there.
        try scratch.change(
            """
            ATTACH '\(whole)' AS w;
            INSERT INTO audit_events SELECT * FROM w.audit_events WHERE seq BETWEEN 12 AND 20
            """
        )
        #expect(try #require(try scratch.verify().first).holds)
        let again = try scratch.prunable(before: time(20)).map {
            $0.checkpoint(at: Sample.start, keys: Sample.keys(1))
        }
        #expect(try pruning.prune(again, before: time(20)) { _ in } == 9)
        #expect(try EventDatabase.sqlite(path: scratch.database).archive().count(AuditQuery()) == 30)
    }

    @Test func `several writers in one database are pruned and verified each by its own chain`() throws {
        let first = Scratch()
        let second = Scratch()
        try first.store(0..<30, first.chained())
        var settings = second.chained()
        settings.spool = "\(second.path)/spool"
        let system = try AuditSystem(settings, sink: SQLiteSink(path: first.database))
        let lane = try system.lane(for: 0)
        for number in 10..<60 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        system.settleAll()
        var reports = try first.verify()
        #expect(reports.count == 2 && reports.allSatisfy(\.holds))
        #expect(Set(reports.map(\.events)) == [30, 50])
        let pruning = try EventDatabase.sqlite(path: first.database).pruning()
        let chains = try first.prunable(before: time(20))
        #expect(Set(chains.map(\.sequence)) == [20, 10])
        let marks = chains.map { $0.checkpoint(at: Sample.start, keys: Sample.keys(1)) }
        _ = try pruning.prune(marks, before: time(20)) { _ in }
        reports = try first.verify()
        #expect(reports.allSatisfy(\.holds) && Set(reports.map(\.events)) == [10, 40])
    }
}
