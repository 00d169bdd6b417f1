import GatehouseCore
import Glibc
import Testing

@testable import GatehouseAudit

/// Instances of one machine beside each other: each with a folder and a chain of its own, and nothing of one that has ended is lost.
@Suite struct SharedSpoolTests {
    private func system(_ scratch: Scratch, _ sink: sending any AuditSink = MemorySink()) throws -> AuditSystem {
        var settings = scratch.settings
        settings.sharesSpool = true
        return try AuditSystem(settings, sink: sink)
    }

    @Test func `each instance has a folder, and the one that left it first is taken again`() throws {
        let scratch = Scratch()
        var first: AuditSystem? = try system(scratch)
        let second = try system(scratch)
        #expect(first?.directory.path == scratch.spool)
        #expect(second.directory.path == "\(scratch.spool)/instance-1")
        let writer = first?.directory.writer
        #expect(writer != second.directory.writer)
        first = nil
        let third = try system(scratch)
        #expect(third.directory.path == scratch.spool)
        #expect(third.directory.writer == writer)
        withExtendedLifetime((second, third)) {}
    }

    @Test func `there is an end to them, and one that does not share waits for nobody`() throws {
        let scratch = Scratch()
        let all = try (0..<SharedSpool.maximumInstances).map { _ in try system(scratch) }
        #expect(Set(all.map(\.directory.path)).count == SharedSpool.maximumInstances)
        #expect { try system(scratch) } throws: { ($0 as? AuditError)?.code == .spoolInUse }
        #expect { try AuditSystem(scratch.settings, sink: MemorySink()) } throws: {
            ($0 as? AuditError)?.code == .spoolInUse
        }
        withExtendedLifetime(all) {}
    }

    /// Killed, with events in its ring and in its segments that no sink has.
    @Test func `what an instance left is brought to the sink under its own writer, once`() throws {
        let scratch = Scratch()
        let running = try system(scratch)
        let sink = MemorySink()
        var writer = ""
        do {
            let ended = try system(scratch)
            writer = ended.directory.writer
            let lane = try ended.lane(for: 0)
            for number in 0..<10 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            ended.writeAll()
            for number in 10..<20 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        }
        let leftovers = AuditLeftovers(scratch.settings) { Forwarding(sink) }
        #expect(leftovers.bringOnce() == 20)
        #expect(sink.records.map(\.sequence) == Array(1...20))
        #expect(sink.events.map(\.requestID) == (0..<20).map { Sample.requestID($0) })
        #expect(leftovers.bringOnce() == 0)
        // The chain goes on where it was, whoever takes the folder next.
        let next = try system(scratch)
        #expect(next.directory.writer == writer)
        let lane = try next.lane(for: 0)
        _ = Sample.decision(20) { lane.record($0) }
        next.writeAll()
        #expect(next.state(at: Sample.start).writtenThrough == 21)
        withExtendedLifetime(running) {}
    }

    @Test func `each of their chains is verified, pruned and sent again, on into its own folder`() throws {
        let scratch = Scratch()
        var settings = scratch.chained()
        settings.sharesSpool = true
        let systems = try (0..<2).map { _ in try AuditSystem(settings, sink: SQLiteSink(path: scratch.database)) }
        for (index, system) in systems.enumerated() {
            let lane = try system.lane(for: 0)
            let numbers = UInt64(index) * 100..<UInt64(index) * 100 + 15
            for number in numbers.prefix(10) { _ = Sample.decision(number) { lane.record($0) } }
            system.settleAll()
            for number in numbers.suffix(5) { _ = Sample.decision(number) { lane.record($0) } }
            system.writeAll()
        }
        func report() throws -> AuditReport {
            try AuditVerification.verify(
                EventDatabase.sqlite(path: scratch.database).archive(),
                spools: SharedSpool.walks(of: scratch.spool),
                keys: Sample.keys(1).chain,
                heads: []
            )
        }
        var found = try report()
        #expect(found.holds && found.chains.map(\.events) == [15, 15], "\(found)")
        // The newest of the second that the sink had: only its own folder knows of them.
        let second = systems[1].directory.writer
        try scratch.change("DELETE FROM audit_events WHERE writer = '\(second)' AND seq > 7")
        found = try report()
        #expect(found.chains.first { $0.writer == second }?.holds == false)
        var result = AuditRedelivery.Result()
        for walk in SharedSpool.walks(of: scratch.spool) {
            let sink = EventDatabase.sqlite(path: scratch.database).sink()
            result.add(try AuditRedelivery.send(walk, to: sink, since: Timestamp(seconds: 0)))
        }
        #expect(result.found == 20 && result.missing == 3)
        #expect(try report().holds)
        withExtendedLifetime(systems) {}
    }

    @Test func `the retention follows each of their chains, and deletes nothing when one is broken`() throws {
        let scratch = Scratch()
        var settings = scratch.chained()
        settings.sharesSpool = true
        let systems = try (0..<2).map { _ in try AuditSystem(settings, sink: SQLiteSink(path: scratch.database)) }
        let now = Sample.start
        for system in systems {
            let lane = try system.lane(for: 0)
            for number in 0..<20 as Range<UInt64> {
                _ = Sample.decision(number, at: now + .seconds((Int64(number) - 20) * 86_400)) { lane.record($0) }
                if number == 14 { system.settleAll() }
            }
            system.writeAll()
        }
        let run = RetentionRun(
            database: .sqlite(path: scratch.database),
            keep: .seconds(15 * 86_400),
            keys: Sample.keys(1),
            spool: scratch.spool,
            clockLead: { nil }
        )
        let second = systems[1].directory.writer
        try scratch.change(
            """
            CREATE TABLE kept AS SELECT * FROM audit_events WHERE writer = '\(second)' AND seq > 12;
            DELETE FROM audit_events WHERE writer = '\(second)' AND seq > 12
            """
        )
        guard case .refused(.broken(writer: second)) = run.run(at: now, moved: { _ in }) else {
            Issue.record("not refused")
            return
        }
        try scratch.change("INSERT INTO audit_events SELECT * FROM kept; DROP TABLE kept")
        guard case .pruned(10) = run.run(at: now, moved: { _ in }) else {
            Issue.record("not pruned")
            return
        }
        withExtendedLifetime(systems) {}
    }

    @Test func `what an instance that runs has recorded is its own to deliver`() throws {
        let scratch = Scratch()
        let running = try system(scratch)
        let beside = try system(scratch)
        for system in [running, beside] {
            let lane = try system.lane(for: 0)
            _ = Sample.decision(1) { lane.record($0) }
            system.writeAll()
        }
        let sink = MemorySink()
        #expect(AuditLeftovers(scratch.settings) { Forwarding(sink) }.bringOnce() == 0)
        #expect(sink.records.isEmpty)
    }

    /// Each folder gets a sink of its own.
    private final class Forwarding: AuditSink {
        private let sink: MemorySink
        init(_ sink: MemorySink) { self.sink = sink }
        func deliver(_ batch: AuditBatch) throws(AuditError) { try sink.deliver(batch) }
    }
}
