import GatehouseCore
import Testing

@testable import GatehouseAudit

struct ArgumentsTests {
    private func event(
        _ arguments: String,
        _ form: AuditArguments,
        _ keys: AuditKeys = Sample.keys(1)
    ) throws -> AuditEvent {
        let scratch = Scratch()
        var settings = scratch.chained(keys)
        settings.arguments = form
        let system = try AuditSystem(settings, sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        #expect(Sample.call(1, arguments) { lane.record($0) } == .recorded)
        system.settleAll()
        #expect(try #require(try scratch.verify(keys).first).holds)
        var events: [AuditEvent] = []
        try EventDatabase.sqlite(path: scratch.database).archive().events(AuditQuery()) {
            events.append($0)
            return true
        }
        return try #require(events.first)
    }

    @Test func `a digest is keyed and covers every byte`() throws {
        let digest = try event(#"{"doc":"a"}"#, .digest).text(.argumentsDigest)
        #expect(digest.utf8.count == 64)
        #expect(try event(#"{"doc":"a"}"#, .digest).text(.argumentsDigest) == digest)
        #expect(try event(#"{"doc":"b"}"#, .digest).text(.argumentsDigest) != digest)
        #expect(try event(#"{"doc":"a"}"#, .digest, Sample.keys(2)).text(.argumentsDigest) != digest)
        #expect(try event(#"{"doc":"a"}"#, .digest)[.argumentsSealed] == .none)
    }

    @Test func `nothing is kept when they are omitted, or when there are none`() throws {
        #expect(try event(#"{"doc":"a"}"#, .omit)[.argumentsDigest] == .none)
        let none = try event("", .record)
        #expect(none[.argumentsDigest] == .none && none[.argumentsSealed] == .none)
    }

    @Test(arguments: [2, 1000, ArgumentsKeeper.maximumRecorded, ArgumentsKeeper.maximumRecorded + 1, 40_000])
    func `recorded arguments open with the key alone, long ones in part`(_ length: Int) throws {
        let text = "{" + String(repeating: "x", count: length - 2) + "}"
        let event = try event(text, .record)
        let revealed = try #require(try event.arguments(with: Sample.keys(2, 1)))
        #expect(revealed.length == length)
        #expect(revealed.bytes == Array(text.utf8.prefix(ArgumentsKeeper.maximumRecorded)))
        #expect(event.text(.argumentsDigest).utf8.count == 64)
        #expect { try event.arguments(with: Sample.keys(3)) } throws: { ($0 as? AuditError)?.code == .unreadable }
        // In another event's place they do not open.
        var moved = event
        moved.requestID = Sample.requestID(2)
        #expect { try moved.arguments(with: Sample.keys(1)) } throws: { ($0 as? AuditError)?.code == .unreadable }
        #expect(!event.json.contains("xx"))
    }

    @Test func `the smallest ring has room for the longest arguments`() throws {
        let scratch = Scratch()
        var settings = scratch.chained()
        settings.arguments = .record
        let sink = MemorySink()
        let system = try AuditSystem(settings, sink: sink)
        let lane = try system.lane(for: 0)
        let long = String(repeating: "y", count: 100_000)
        var recorded = 0
        for number in 0..<100 as Range<UInt64> {
            if Sample.call(number, long, { lane.record($0) }) == .recorded { recorded += 1 } else { system.settleAll() }
        }
        system.settleAll()
        #expect(recorded > 50 && sink.records.count == recorded)
    }

    @Test func `text that a database could not hold is mended when it is recorded`() throws {
        var facts = AuditFacts(.decision, of: Sample.requestID(1), at: Sample.start)
        let texts: [([UInt8], String)] = [
            ([0x61, 0, 0x62], "a\u{FFFD}b"), ([0xFF, 0x61], "\u{FFFD}a"), (Array("grün".utf8), "grün"),
            ([0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0, 0x69], "abcdefgh\u{FFFD}i"),
            ([UInt8](repeating: 0x7F, count: 9), String(repeating: "\u{7F}", count: 9)),
            ([0, 0, 0, 0, 0, 0, 0, 0], String(repeating: "\u{FFFD}", count: 8)),
            ([0x61] + [UInt8](repeating: 0xC3, count: 3000), "a" + String(repeating: "\u{FFFD}", count: 681) + "…"),
        ]
        for (bytes, wanted) in texts {
            let encoded = bytes.withUnsafeBytes { text in
                facts.path = text
                return Sample.encoded(facts, id: EventID(high: 1, low: 2))
            }
            let event = try #require(encoded.withUnsafeBytes { EventDecoder.event($0) })
            #expect(event.text(.path) == wanted)
        }
    }
}
