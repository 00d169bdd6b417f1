import Foundation
import GatehouseCore
import SQLiteClient
import Testing

@testable import GatehouseAudit

/// Changes are events of the chain, beside those of requests.
@Suite("Changes in the audit") struct ChangeTests {
    private static func change(_ action: AuditChange.Action, by author: AuditChange.Author = .operator("ann")) throws
        -> AuditChange
    {
        var change = AuditChange(action, by: author)
        change.token = try TokenName(parsing: "coda")
        change.version = 7
        change.target = "local"
        return change
    }

    private func recorded(_ changes: [AuditChange], _ settings: AuditSystem.Settings, _ sink: sending any AuditSink)
        throws
    {
        let system = try AuditSystem(settings, sink: sink)
        let lane = try system.lane(for: 0)
        for (index, change) in changes.enumerated() {
            #expect(Sample.decision(UInt64(index)) { lane.record($0) } == .recorded)
            #expect(lane.record(change, at: Sample.start + .seconds(index + 1)))
            #expect(Sample.outcome(UInt64(index)) { lane.record($0) } == .recorded)
        }
        system.settleAll()
    }

    private func rows(_ archive: any AuditArchive, _ change: (inout AuditQuery) -> Void = { _ in }) throws
        -> [AuditEvent]
    {
        var query = AuditQuery()
        change(&query)
        var rows: [AuditEvent] = []
        try archive.messages(query) {
            rows.append($0)
            return true
        }
        return rows
    }

    @Test func `a change reads back as it was written, whoever made it`() throws {
        let person = Principal(kind: .user, name: "ada@example.com", subject: "7335d417")
        for (author, columns) in [
            (AuditChange.Author.operator("ann"), ["operator", "ann", ""]), (.gatehouse, ["gatehouse", "", ""]),
            (.principal(person), ["user", "ada@example.com", "7335d417"]),
        ] {
            for action in AuditChange.Action.allCases {
                var change = try Self.change(action, by: author)
                change.owner = TokenOwner(subject: "7335d417")
                change.route = Sample.route.name
                let room = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: EventEncoder.maximumLength + 8,
                    alignment: 8
                )
                defer { room.deallocate() }
                var random = FastRandom()
                let id = EventID(at: Sample.start, using: &random)
                let start = try #require(room.baseAddress)
                let length = EventEncoder.encode(change, id: id, Sample.requestID(9), at: Sample.start, to: start)
                let bytes = UnsafeRawBufferPointer(rebasing: room[..<length])
                let event = try #require(EventDecoder.event(bytes))
                #expect(event.kind == .change && event.id == id && event.at == Sample.start)
                #expect(event.text(.change) == action.rawValue)
                #expect([.principalKind, .principal, .subject].map { event.text($0) } == columns)
                #expect(event.text(.tokenName) == "coda" && event.integer(.tokenVersion) == 7)
                #expect(event.text(.tokenOwner) == "7335d417" && event.target == "local" && event.route == "coda")
                #expect(event.isAllowed == nil && !EventDecoder.isOfNobody(bytes))
                for end in 0..<length {
                    let cut = EventDecoder.event(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
                    #expect(cut?.text(.tokenOwner) != "7335d417")
                }
            }
        }
    }

    @Test func `a chain with changes verifies, and a changed change does not`() throws {
        let scratch = Scratch()
        let changes = try [Self.change(.tokenSet), Self.change(.tokenRenew, by: .gatehouse), Self.change(.tokenDelete)]
        try recorded(changes, scratch.chained(), SQLiteSink(path: scratch.database))
        let report = try scratch.report()
        #expect(report.holds && report.chains.map(\.events) == [9] && report.chains.map(\.messages) == [3], "\(report)")
        for (column, value) in [
            ("principal", "'eve'"), ("change", "'token_rotate'"), ("token_owner", "'eve'"), ("kind", "'outcome'"),
        ] {
            let other = Scratch()
            try recorded(changes, other.chained(), SQLiteSink(path: other.database))
            try SQLiteConnection(path: other.database).execute(
                "UPDATE audit_events SET \(column) = \(value) WHERE change = 'token_delete'"
            )
            #expect(try other.report().chains.flatMap(\.breaks).map(\.kind) == [.altered], "\(column)")
        }
    }

    @Test(arguments: [true, false])
    func `a query finds changes by their kind, token and author`(isFile: Bool) throws {
        let scratch = Scratch()
        let database: EventDatabase
        var postgres: AuditDatabase?
        if isFile {
            database = .sqlite(path: scratch.database)
        } else {
            guard AuditDatabase.server != nil else { return }
            postgres = try AuditDatabase()
            database = .postgres(url: try #require(postgres).url)
        }
        var other = try Self.change(.tokenRotate, by: .operator("bob"))
        other.token = try TokenName(parsing: "other")
        try recorded([Self.change(.tokenSet), other], scratch.chained(), database.sink())
        let archive = try database.archive()
        #expect(try rows(archive).map(\.kind) == [.decision, .decision, .change, .change])
        let changes = try rows(archive) { $0.kind = .change }
        #expect(changes.map { $0.text(.change) } == ["token_set", "token_rotate"])
        #expect(try rows(archive) { $0.kind = .request }.map(\.kind) == [.decision, .decision])
        #expect(try rows(archive) { ($0.kind, $0.token) = (.change, "other") }.map(\.principal) == ["bob"])
        #expect(try rows(archive) { $0.principal = "ann" }.map { $0.text(.change) } == ["token_set"])
        #expect(try rows(archive) { $0.isAllowed = false }.isEmpty)
        // A change is over when it is made.
        #expect(try rows(archive) { ($0.kind, $0.isEnded) = (.change, true) }.count == 2)
        var query = AuditQuery()
        query.isEnded = true
        let (messages, place) = try archive.messages(endedAfter: AuditPlace(), query, limit: 100)
        #expect(messages.count { $0.kind == .change } == 2 && messages.count == 4)
        #expect(try archive.messages(endedAfter: place, query, limit: 100).messages.isEmpty)
        var exported: [EventKind] = []
        query = AuditQuery()
        query.kind = .change
        try archive.events(query) {
            exported.append($0.kind)
            return true
        }
        #expect(exported == [.change, .change])
        #expect(try archive.messageCount(AuditQuery()) == 4)
        withExtendedLifetime(postgres) {}
    }

    @Test func `statistics count messages, and no change as one`() throws {
        let scratch = Scratch()
        try recorded([Self.change(.tokenSet)], scratch.settings, SQLiteSink(path: scratch.database))
        var tally = AuditTally()
        for row in try rows(EventDatabase.sqlite(path: scratch.database).archive()) { tally.add(row) }
        #expect(tally.messages == 1)
    }

    @Test func `a row and a line say what was changed, of whom, by whom`() throws {
        let scratch = Scratch()
        var change = try Self.change(.tokenRevoke)
        change.owner = TokenOwner(subject: "ada")
        try recorded([change], scratch.settings, SQLiteSink(path: scratch.database))
        let row = try #require(
            try rows(EventDatabase.sqlite(path: scratch.database).archive()) { $0.kind = .change }.first
        )
        let line = AuditLine(isColoured: false).text(row)
        #expect(line.contains(" change ann token_revoke coda of ada "), "\(line)")
        let table = AuditTable(width: nil).line(row)
        for word in ["ann", "token_revoke", "coda of ada"] { #expect(table.contains(word), "\(table)") }
    }

    /// The check of a table that is there is changed in its text: no row is copied, and SQLite finds nothing wrong with the file afterwards.
    @Test func `a database of 0_1_0 takes changes, keeps its rows and its other checks`() throws {
        let scratch = Scratch()
        let made = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Databases/audit-0.1.0.db"
        )
        try FileManager.default.copyItem(atPath: made.path, toPath: scratch.database)
        try recorded([Self.change(.tokenSet)], scratch.chained(), SQLiteSink(path: scratch.database))
        let report = try scratch.report()
        #expect(report.holds && report.chains.map(\.events).sorted() == [3, 12], "\(report)")
        let connection = try SQLiteConnection(path: scratch.database)
        let check = try connection.prepare("PRAGMA integrity_check")
        #expect(try check.step() && check.text(0) == "ok")
        for kind in ["other", ""] {
            #expect(throws: SQLiteError.self) {
                try connection.execute(
                    "INSERT INTO audit_events (event_id, request_id, kind, at, writer, seq) VALUES ('e\(kind)', 'r', '\(kind)', 1, 'w', 1)"
                )
            }
        }
        let schema = try connection.prepare("PRAGMA writable_schema")
        #expect(try schema.step() && schema.integer(0) == 0)
    }
}
