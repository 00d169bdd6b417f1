import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

/// What is just within a bound of the reader of answers and what is just beyond it.
@Suite struct AnswerBoundTests {
    private static func pass(
        _ text: String,
        _ edits: AnswerReader.Edits,
        isEventStream: Bool = false,
        by size: Int = .max
    ) -> String {
        let reader = AnswerReader(isEventStream: isEventStream, edits: edits)
        let permits = Bodies.permits(["get_*"])
        var passed: [UInt8] = []
        text.inParts(of: size) { part in
            reader.edit(
                part,
                permits: permits,
                tag: { _, value in Array(".\(value.count)".utf8) },
                address: { _ in Array("new".utf8) }
            ) { passed.append(contentsOf: $0) }
        }
        return String(decoding: passed, as: UTF8.self)
    }

    private static func outcome(_ text: String, after count: Int = 0) -> String? {
        let reader = AnswerReader(isEventStream: false, edits: [])
        if count > 0 { [UInt8](repeating: 0x20, count: count).withUnsafeBytes { reader.observe($0) } }
        Array(text.utf8).withUnsafeBytes { reader.observe($0) }
        return reader.outcome
    }

    @Test func `a name at the very end of an answer is found, and none in an empty one`() {
        for name in ["taskId", "requestState"] {
            #expect(Array(#"{"\#(name)"#.utf8).withUnsafeBytes { AnswerReader.mayHandOut($0) })
            #expect(!Array(#"{"\#(name.dropLast())"#.utf8).withUnsafeBytes { AnswerReader.mayHandOut($0) })
        }
        #expect(!AnswerReader.mayHandOut(UnsafeRawBufferPointer(start: nil, count: 0)))
    }

    @Test func `an answer says how it went within the bytes that are followed, and not beyond`() {
        let failed = #"{"result":{"isError":true}}"#
        #expect(Self.outcome(failed, after: (256 << 10) - 1) == "isError")
        #expect(Self.outcome(failed, after: 256 << 10) == nil)
    }

    @Test func `the code of an error has nine digits at most, and the last error counts`() {
        #expect(Self.outcome(#"{"error":{"code":-123456789}}"#) == "-123456789")
        #expect(Self.outcome(#"{"error":{"code":1234567890}}"#) == "error")
        #expect(Self.outcome(#"{"error":{"code":1},"error":{"code":2}}"#) == "2")
        #expect(Self.outcome(#"{"error":{"code":-1},"error":{"message":"x"}}"#) == "error")
    }

    @Test func `the longest address is replaced, and a longer one or one that nobody replaces passes as it is`() {
        func event(_ count: Int) -> String { "event: endpoint\ndata: \(String(repeating: "a", count: count))\n\n" }
        let longest = 8 << 10
        #expect(Self.pass(event(longest), [.endpoint], isEventStream: true) == "event: endpoint\ndata: new\n\n")
        #expect(Self.pass(event(longest + 1), [.endpoint], isEventStream: true) == event(longest + 1))
        #expect(Self.pass(event(5), [.lists], isEventStream: true) == event(5))
    }

    @Test func `a list is filtered under an event that is called an address`() {
        let event = "event: endpoint\ndata: {\"result\":{\"tools\":[{\"name\":\"delete\"}]}}\n\n"
        #expect(Self.pass(event, [.lists], isEventStream: true).contains("delete") == false)
    }

    @Test(arguments: [Int.max, 1, 7])
    func `a value that an event leaves open is nothing to the next`(size: Int) {
        let open = "data: {\"result\":{\"taskId\":\"abc\n\n"
        let whole = "data: {\"result\":{\"taskId\":\"abcd\"}}\n\n"
        let passed = Self.pass(open + whole, .values, isEventStream: true, by: size)
        #expect(passed.hasSuffix("data: {\"result\":{\"taskId\":\"abcd.4\"}}\n\n"), "\(passed)")
    }

    /// The longest name of a list, every character escaped, is the longest key that is kept.
    @Test(arguments: [Int.max, 1])
    func `a name is known in its longest spelling`(size: Int) {
        let key = "resourceTemplates".unicodeScalars.map { "\\u00" + String($0.value, radix: 16) }.joined()
        let list = #"{"result":{"\#(key)":[{"uriTemplate":"x:y","name":"x"}]}}"#
        #expect(Self.pass(list, .lists, by: size) == #"{"result":{"\#(key)":[]}}"#)
        let longer = #"{"result":{"\#(key)x":[{"uriTemplate":"x:y","name":"x"}]}}"#
        #expect(Self.pass(longer, .lists, by: size) == longer)
    }
}
