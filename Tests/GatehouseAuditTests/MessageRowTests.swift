import Foundation
import GatehouseCore
import SQLiteClient
import Testing

@testable import GatehouseAudit

/// One row a message: a batch of three is three.
struct MessageRowTests {
    /// A single call, and a batch of three of which the second was denied.
    private func fill(_ database: EventDatabase, _ scratch: Scratch) throws {
        let system = try AuditSystem(scratch.chained(), sink: database.sink())
        let lane = try system.lane(for: 0)
        _ = Sample.decision(0) { lane.record($0) }
        _ = Sample.outcome(0) { lane.record($0) }
        for position in 1...3 {
            Sample.message(1, position, position == 2 ? .toolDenied : .batchDenied) { lane.record($0) }
        }
        _ = Sample.outcome(1) { lane.record($0) }
        system.settleAll()
    }

    private func rows(_ archive: any AuditArchive, _ query: AuditQuery = AuditQuery()) throws -> [AuditEvent] {
        var rows: [AuditEvent] = []
        try archive.messages(query) {
            rows.append($0)
            return true
        }
        #expect(try archive.messageCount(query) == rows.count)
        return rows
    }

    private func check(_ database: EventDatabase, _ verified: [ChainReport]) throws {
        let archive = try database.archive()
        let rows = try rows(archive)
        #expect(rows.map { $0.integer(.rpcPosition) } == [nil, 1, 2, 3])
        #expect(rows.map(\.reason) == [nil, .batchDenied, .toolDenied, .batchDenied])
        #expect(rows.map(\.target) == ["list_docs", "tool1", "tool2", "tool3"])
        // Each with the outcome of the one request.
        #expect(rows.allSatisfy { $0.status == 200 && $0.ending == .complete })
        #expect(verified.map(\.messages) == [4] && verified.map(\.events) == [6])
        var query = AuditQuery()
        query.target = "tool2"
        #expect(try self.rows(archive, query).map(\.reason) == [.toolDenied])
        query = AuditQuery()
        query.requestID = Sample.requestID(1)
        query.isEnded = true
        #expect(try self.rows(archive, query).count == 3)
        // The query that `tail --follow` polls.
        let first = try archive.messages(endedAfter: AuditPlace(), AuditQuery(), limit: 1)
        #expect(first.messages.map(\.target) == ["list_docs"])
        let rest = try archive.messages(endedAfter: first.place, AuditQuery(), limit: 10)
        #expect(rest.messages.map(\.target) == ["tool1", "tool2", "tool3"])
        #expect(try archive.messages(endedAfter: rest.place, AuditQuery(), limit: 10).messages.isEmpty)
    }

    @Test func `a batch that was refused before it counted is one row with its number`() throws {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.chained(), sink: EventDatabase.sqlite(path: scratch.database).sink())
        let lane = try system.lane(for: 0)
        Sample.message(0, 0, .rateLimited, of: 63) { lane.record($0) }
        _ = Sample.outcome(0) { lane.record($0) }
        system.settleAll()
        let rows = try rows(EventDatabase.sqlite(path: scratch.database).archive())
        #expect(rows.map { $0.integer(.requests) } == [63])
        #expect(rows.map(\.reason) == [.rateLimited] && rows.allSatisfy { $0.status == 200 })
        let verified = try scratch.verify()
        #expect(verified.map(\.messages) == [1] && verified.map(\.events) == [2])
    }

    @Test func `in SQLite`() throws {
        let scratch = Scratch()
        try fill(.sqlite(path: scratch.database), scratch)
        try check(.sqlite(path: scratch.database), scratch.verify())
    }

    @Test(.enabled(if: AuditDatabase.server != nil, "GATEHOUSE_TEST_POSTGRES names no database"))
    func `in PostgreSQL`() throws {
        let database = try AuditDatabase()
        let place = EventDatabase.postgres(url: database.url)
        try fill(place, Scratch())
        let report = try AuditVerification.verify(place.archive(), keys: Sample.keys(1).chain, heads: [])
        #expect(report.holds, "\(report.faults)")
        try check(place, report.chains)
    }

    @Test func `a request that has not ended is a row of a query and none that has ended`() throws {
        let scratch = Scratch()
        try scratch.store(0..<1, scratch.chained())
        let archive = try EventDatabase.sqlite(path: scratch.database).archive()
        #expect(try rows(archive).count == 1)
        var query = AuditQuery()
        query.isEnded = true
        #expect(try rows(archive, query).isEmpty)
        #expect(try archive.messages(endedAfter: AuditPlace(), AuditQuery(), limit: 10).messages.isEmpty)
    }
}

extension Sample {
    /// The decision on one message of a batch.
    static func message(
        _ number: UInt64,
        _ position: Int,
        _ refusal: Reason?,
        of messages: Int64 = 0,
        _ body: (borrowing AuditFacts) -> AuditReceipt
    ) {
        var facts = AuditFacts(.decision, of: requestID(number), at: start + .milliseconds(Int64(number)))
        facts.route = route
        facts.caller = caller
        facts.refusal = refusal
        facts.rpcPosition = position
        facts.requests = messages
        _ = bytes("tools/call", "tool\(position)") { texts in
            facts.rpcMethod = texts[0]
            facts.target = texts[1]
            return body(facts)
        }
    }
}
