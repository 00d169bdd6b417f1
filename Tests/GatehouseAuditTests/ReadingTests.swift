import Foundation
import GatehouseCore
import Synchronization
import Testing

@testable import GatehouseAudit

struct ReadingTests {
    @Test func `filters find what they say`() throws {
        let (archive, scratch) = try filled()
        defer { _ = scratch }
        func count(_ change: (inout AuditQuery) -> Void) throws -> Int {
            var query = AuditQuery()
            change(&query)
            var rows = 0
            try archive.events(query) { _ in
                rows += 1
                return true
            }
            #expect(try archive.count(query) == rows)
            return rows
        }
        #expect(try count { _ in } == 20)
        #expect(try count { $0.route = "coda" } == 20)
        #expect(try count { $0.route = "other" } == 0)
        #expect(try count { $0.principal = "ada@example.com" } == 20)
        #expect(try count { $0.principal = "*@example.com" } == 20)
        #expect(try count { $0.principal = "?da@example.com" } == 0)
        #expect(try count { $0.principal = "?da*" } == 0)
        #expect(try count { $0.principal = "[a]da*" } == 0)
        #expect(try count { $0.target = "list_*" } == 20)
        #expect(try count { $0.isAllowed = true } == 10)
        #expect(try count { $0.reason = "tool_denied" } == 10)
        #expect(try count { $0.requestID = Sample.requestID(4) } == 2)
        #expect(try count { $0.from = Timestamp(microseconds: Sample.start.microseconds + 8000) } == 4)
        #expect(try count { $0.until = Timestamp(microseconds: Sample.start.microseconds + 1000) } == 2)
        #expect(try count { $0.limit = 7 } == 7)
        #expect(try count { $0.reason = "tool_denied'; DROP TABLE audit_events; --" } == 0)
    }

    @Test func `order and stop are obeyed`() throws {
        let (archive, scratch) = try filled()
        defer { _ = scratch }
        var query = AuditQuery()
        query.order = .newestFirst
        var seen: [UInt64] = []
        try archive.messages(query) {
            seen.append($0.requestID.low)
            return seen.count < 3
        }
        #expect(seen == [9, 8, 7])
    }

    @Test func `following gives each event once`() throws {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.settings, sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        _ = Sample.decision(0) { lane.record($0) }
        system.settleAll()
        let archive = try EventDatabase.sqlite(path: scratch.database).archive()
        var place = try archive.end()
        var seen: [UInt64] = []
        for number in 1..<30 as Range<UInt64> {
            _ = Sample.decision(number, refusal: number % 3 == 0 ? .toolDenied : nil) { lane.record($0) }
            if number % 4 == 0 { system.settleAll() }
            var query = AuditQuery()
            query.isAllowed = false
            let more = try archive.events(after: place, query, limit: 100)
            seen += more.events.map(\.requestID.low)
            place = more.place
        }
        #expect(seen == [3, 6, 9, 12, 15, 18, 21, 24, 27])
    }

    @Test func `a database without audit is reported as one`() {
        let scratch = Scratch()
        #expect { try EventDatabase.sqlite(path: scratch.database).archive() } throws: {
            ($0 as? AuditError)?.code == .unreadable
        }
    }

    @Test func `text is rendered for its reader`() {
        var event = AuditEvent(
            id: EventID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0001),
            requestID: Sample.requestID(1),
            kind: .decision,
            at: Sample.start
        )
        event.set(.target, .text("a \"quoted\", \u{1B}[31mred"))
        event.set(.decision, .text("allow"))
        event.set(.durationMicroseconds, .integer(12_345))
        func render(_ form: AuditRenderer.Form) -> String {
            var bytes: [UInt8] = []
            let renderer = AuditRenderer(form) { bytes += $0 }
            renderer.begin()
            renderer.add(event)
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(
            render(.jsonLines) == """
                {"event_id":"01990000-0000-7000-8000-000000000001","request_id":"123456789abcdef00000000000000001",\
                "kind":"decision","at":"\(Sample.start.rfc3339)","decision":"allow",\
                "target":"a \\"quoted\\", \\u001b[31mred","duration_us":12345}

                """
        )
        let table = render(.table)
        #expect(table.split(separator: "\n").count == 2)
        #expect(!table.contains("\u{1B}"))
        #expect(table.contains("\\u{1b}[31mred"))
        #expect(table.contains("12.3"))
        let csv = render(.csv).split(separator: "\r\n")
        #expect(csv.count == 2)
        #expect(csv[0].hasPrefix("event_id,request_id,kind,at,writer,seq"))
        #expect(csv[1].contains(#""a ""quoted"", \u{1b}[31mred""#))
    }

    @Test(arguments: ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\u{FF1D}1"])
    func `no cell of a CSV is a formula`(text: String) throws {
        var event = AuditEvent(
            id: EventID(high: 1, low: 2),
            requestID: Sample.requestID(1),
            kind: .outcome,
            at: Sample.start
        )
        event.set(.clientIP, .text(text))
        event.set(.bytesIn, .integer(-5))
        var bytes: [UInt8] = []
        AuditRenderer(.csv) { bytes += $0 }.add(event)
        let cells = String(decoding: bytes, as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false)
        // Behind the quotes, where there are any, stands an apostrophe or an escape.
        let cell = cells[AuditColumn.clientIP.index].drop { $0 == "\"" }
        #expect(cell.hasPrefix("'") || cell.hasPrefix("\\u{"), "\(cell)")
        #expect(cells[AuditColumn.bytesIn.index] == "-5")
    }

    @Test func `nothing that is printed drives a terminal`() {
        let text = "a\u{9B}31m\u{202E}b\u{2028}c\u{7F}\u{E0041}é漢"
        var event = AuditEvent(
            id: EventID(high: 1, low: 2),
            requestID: Sample.requestID(1),
            kind: .outcome,
            at: Sample.start
        )
        event.set(.target, .text(text))
        for form in AuditRenderer.Form.allCases {
            var bytes: [UInt8] = []
            AuditRenderer(form) { bytes += $0 }.add(event)
            let written = String(decoding: bytes, as: UTF8.self)
            #expect(written.unicodeScalars.allSatisfy { !$0.isInvisible || $0 == "\n" || $0 == "\r" }, "\(form)")
            #expect(written.contains("é漢"))
            if form == .jsonLines {
                let json = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
                #expect(json?["target"] as? String == text)
            }
        }
    }

    /// Ten requests, every second one refused.
    private func filled() throws -> (any AuditArchive, Scratch) {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.settings, sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        for number in 0..<10 as Range<UInt64> {
            _ = Sample.decision(number, refusal: number % 2 == 1 ? .toolDenied : nil) { lane.record($0) }
            _ = Sample.outcome(number) { lane.record($0) }
        }
        system.settleAll()
        return (try EventDatabase.sqlite(path: scratch.database).archive(), scratch)
    }
}
