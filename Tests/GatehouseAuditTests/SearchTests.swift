import GatehouseCore
import Testing

@testable import GatehouseAudit

/// Searches for few rows among many, and what is shown of them.
struct SearchTests {
    private func filled() throws -> Scratch {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.chained(), sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        for number in 0..<300 as Range<UInt64> {
            let at = Sample.start + .seconds(Int64(number) * 3600)
            _ = Sample.decision(number, refusal: number % 50 == 7 ? .toolDenied : nil, at: at) { lane.record($0) }
            if number % 50 == 49 { system.settleAll() }
        }
        return scratch
    }

    @Test func `a search by pieces of time finds what one at once finds, in the same order`() throws {
        let scratch = try filled()
        let archive = try EventDatabase.sqlite(path: scratch.database).archive()
        for limit in [1, 3, 100] {
            for (from, until) in [(nil, nil), (100, nil), (nil, 200), (100, 208)] as [(Int64?, Int64?)] {
                var query = AuditQuery()
                query.reason = "tool_denied"
                query.order = .newestFirst
                query.limit = limit
                query.from = from.map { Sample.start + .seconds($0 * 3600) }
                query.until = until.map { Sample.start + .seconds($0 * 3600) }
                var whole: [EventID] = []
                try archive.messages(query) {
                    whole.append($0.id)
                    return true
                }
                var pieces: [EventID] = []
                var progress: [Timestamp] = []
                try archive.newestMessages(query, progress: { progress.append($0) }) {
                    pieces.append($0.id)
                    return true
                }
                #expect(pieces == whole && !whole.isEmpty)
                #expect(progress == progress.sorted(by: >))
                // One piece has no more than nine hours.
                #expect(limit == 1 ? !progress.isEmpty : progress.count > 5, "\(progress)")
                if limit == 100 { #expect(progress.last == Sample.start + .seconds((from ?? 0) * 3600)) }
            }
        }
        // Removed with its last use.
        withExtendedLifetime(scratch) {}
    }

    @Test func `no filter of an address or a status finds what is not asked for`() throws {
        let scratch = try filled()
        let archive = try EventDatabase.sqlite(path: scratch.database).archive()
        func count(_ change: (inout AuditQuery) -> Void) throws -> Int {
            var query = AuditQuery()
            change(&query)
            #expect(try archive.count(query) == archive.messageCount(query))
            return try archive.messageCount(query)
        }
        #expect(try count { $0.clientIP = "203.0.113.7" } == 300)
        #expect(try count { $0.clientIP = "203.0.113.*" } == 300)
        #expect(try count { $0.clientIP = "203.0.113" } == 0)
        // No request has ended.
        #expect(try count { $0.status = 100...599 } == 0)
    }

    @Test func `a watcher's line says who, what and why, and drives no terminal`() throws {
        var event = AuditEvent(
            id: EventID(high: 1, low: 2),
            requestID: Sample.requestID(7),
            kind: .decision,
            at: Sample.start
        )
        event.set(.decision, .text("deny"))
        event.set(.principal, .text("ada@example.com"))
        event.set(.route, .text("coda"))
        event.set(.rpcMethod, .text("tools/call"))
        event.set(.target, .text("x\u{1B}[2J"))
        event.set(.reason, .text("tool_denied"))
        event.set(.status, .integer(200))
        event.set(.durationMicroseconds, .integer(12_340))
        let words = #"200 ada@example.com coda tools/call x\u{1b}[2J"#
        let id = Sample.requestID(7).description
        #expect(AuditLine(isColoured: false).text(event).hasSuffix("Z deny \(words) tool_denied 12.3 ms \(id)"))
        #expect(
            AuditLine(isColoured: true).text(event).hasSuffix(
                "Z \u{1B}[31mdeny\u{1B}[0m \(words) \u{1B}[31mtool_denied\u{1B}[0m 12.3 ms \(id)"
            )
        )
    }

    @Test func `counts are bounded, and add up what was told by number`() {
        var tally = AuditTally()
        var event = AuditEvent(
            id: EventID(high: 1, low: 2),
            requestID: Sample.requestID(7),
            kind: .decision,
            at: Sample.start
        )
        event.set(.decision, .text("deny"))
        event.set(.requests, .integer(40))
        tally.add(event)
        #expect(tally.messages == 40 && tally.denied == 40 && tally.percentile(50) == nil)
        event.set(.requests, .none)
        for number in 0...AuditTally.maximumNames + 5 {
            event.set(.target, .text("t\(number)"))
            event.set(.durationMicroseconds, .integer(Int64(number) * 1000))
            tally.add(event)
        }
        let targets = tally.lists.first { $0.title == "targets" }?.counts ?? []
        #expect(targets.count == AuditTally.maximumNames + 1 && targets[0] == ("…", 6))
        #expect((5000...5100).contains(tally.percentile(50) ?? 0))
    }

    @Test func `arguments have their digest under every key and in the spellings of clients`() throws {
        let keys = Sample.keys(1)
        func digests(_ text: String) -> [String] { ArgumentsDigest.candidates(for: text, keys: keys) }
        #expect(digests(#"{"a":1,"b":"x, y: z"}"#).count == 2)
        #expect(digests(#"{"a": 1, "b": "x, y: z"}"#).contains(digests(#"{"a":1,"b":"x, y: z"}"#)[0]))
        #expect(!digests(#"{"b":"x, y: z","a":1}"#).contains(digests(#"{"a":1,"b":"x, y: z"}"#)[0]))
        #expect(
            String(decoding: ArgumentsDigest.spaced(#"{ "a\" : ," : [1 , 2] }"#, ""), as: UTF8.self)
                == #"{"a\" : ,":[1,2]}"#
        )
        #expect(ArgumentsDigest.candidates(for: "{}", keys: Sample.keys(1, 2)).count == 2)
    }
}
