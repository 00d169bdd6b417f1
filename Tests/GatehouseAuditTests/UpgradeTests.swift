import Foundation
import GatehouseCore
import PostgresClient
import SQLiteClient
import Testing

@testable import GatehouseAudit

/// A database that release 0.1.0 has made goes on working.
struct UpgradeTests {
    /// Made by 0.1.0: four requests, one of them refused, and a batch of three, chained by ``Sample/keys(_:)`` with 1; a head at its end.
    private func old() throws -> Scratch {
        let scratch = Scratch()
        let made = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Databases/audit-0.1.0.db"
        )
        try FileManager.default.copyItem(atPath: made.path, toPath: scratch.database)
        return scratch
    }

    @Test func `it verifies, and its batches have a row a message`() throws {
        let scratch = try old()
        let report = try scratch.report()
        #expect(report.holds, "\(report)")
        #expect(report.chains.map(\.events) == [12] && report.chains.map(\.messages) == [7])
        #expect(report.chains.map(\.headsHeld) == [1])
        let archive = try EventDatabase.sqlite(path: scratch.database).archive()
        var rows: [AuditEvent] = []
        try archive.messages(AuditQuery()) {
            rows.append($0)
            return true
        }
        #expect(rows.map(\.requestID.low) == [0, 1, 2, 3, 4, 4, 4])
        #expect(rows.allSatisfy { $0.status == 200 })
        #expect(rows.map(\.reason) == [nil, nil, .toolDenied, nil, nil, nil, nil])
    }

    @Test func `its chain goes on, and it is pruned`() throws {
        let scratch = try old()
        scratch.put(Array("00c0ffee00c0ffee\n".utf8), into: "writer")
        let head = try #require(
            try EventDatabase.sqlite(path: scratch.database).archive().heads(of: "00c0ffee00c0ffee").first
        )
        let cursor = SpoolCursor(
            position: SpoolPosition(segment: 0, offset: 0),
            tip: ChainTip(sequence: head.sequence, hash: head.hash)
        )
        scratch.put(Array(cursor.text.utf8), into: "cursor")
        try scratch.store(10..<15, scratch.chained())
        var report = try scratch.report(besideSpool: true)
        #expect(report.holds && report.chains.map(\.events) == [17], "\(report)")
        let cutoff = Sample.start + .milliseconds(3)
        let marks = try scratch.prunable(before: cutoff).map { $0.checkpoint(at: Sample.start, keys: Sample.keys(1)) }
        #expect(try EventDatabase.sqlite(path: scratch.database).pruning().prune(marks, before: cutoff) { _ in } == 6)
        report = try scratch.report(besideSpool: true)
        #expect(report.holds && report.chains.map(\.events) == [11], "\(report)")
    }

    @Test(.enabled(if: AuditDatabase.server != nil, "GATEHOUSE_TEST_POSTGRES names no database"))
    func `in PostgreSQL the owner's next start brings the tables up to date, and rights stay`() throws {
        let database = try AuditDatabase()
        let session = try database.session()
        try session.migrate(PostgresSchema.component, through: Array(PostgresSchema.scripts.prefix(1)))
        let url = try database.insertOnlyURL()
        // Until then readers get an error that says so.
        #expect { try EventDatabase.postgres(url: database.url).archive() } throws: {
            "\($0)".contains("those of an older release")
        }
        // The gateway goes on, but events with values for missing columns stay in its spool.
        let gateway = Scratch()
        let system = try AuditSystem(gateway.chained(), sink: PostgresSink(url: url))
        let lane = try system.lane(for: 0)
        _ = Sample.decision(1) { lane.record($0) }
        system.settleAll()
        #expect(system.state(at: Sample.start).depthEvents == 0)
        Sample.message(2, 1, nil) { lane.record($0) }
        system.settleAll()
        #expect(system.state(at: Sample.start).depthEvents == 1)
        try PostgresSink(url: database.url).prepare()
        system.settleAll()
        #expect(system.state(at: Sample.start).depthEvents == 0)
        let scratch = try old()
        try AuditMigration.copy(
            EventDatabase.sqlite(path: scratch.database).archive(),
            to: PostgresSink(url: url)
        ).forEach { #expect($0.events == 12) }
        let report = try AuditVerification.verify(
            EventDatabase.postgres(url: database.url).archive(),
            keys: Sample.keys(1).chain,
            heads: []
        )
        #expect(report.holds && Set(report.chains.map(\.messages)) == [2, 7], "\(report)")
    }
}
