import Foundation
import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

/// Lists lose the entries that a caller may not use, however the answer is cut, and nothing else changes.
@Suite struct AnswerReaderTests {
    private static func pass(
        _ text: String,
        _ edits: AnswerReader.Edits = .lists,
        isEventStream: Bool = false,
        allowing globs: [String] = ["get_*", "get:*"],
        cut: (Int) -> Int = { _ in Int.max },
        address: (UnsafeRawBufferPointer) -> [UInt8] = { Array($0) }
    ) -> String {
        let reader = AnswerReader(isEventStream: isEventStream, edits: edits)
        let permits = Bodies.permits(globs)
        let bytes = Array(text.utf8)
        var passed: [UInt8] = []
        var at = 0
        while at < bytes.count {
            let size = min(max(1, cut(at)), bytes.count - at)
            bytes[at..<at + size].withUnsafeBytes { part in
                reader.edit(part, permits: permits, address: address) { passed.append(contentsOf: $0) }
            }
            at += size
        }
        return String(decoding: passed, as: UTF8.self)
    }

    private static let get = #"{"name":"get_doc","inputSchema":{"type":"object","tools":[{"name":"x"}]}}"#
    private static let delete = #"{"inputSchema":{},"description":"a \"quoted\" ] , }","name":"delete_doc"}"#

    @Test func `only the list changes`() {
        func answer(_ list: String) -> String {
            #"{ "jsonrpc":"2.0","id":0,"result":{"x":[1,{"tools":[5]}],"tools":[\#(list)],"nextCursor":"c"},"tools":[3]} "#
        }
        let (get, delete) = (Self.get, Self.delete)
        #expect(Self.pass(answer("\(get),\(delete)")) == answer(get))
        #expect(Self.pass(answer(" \(delete) , \n\(get) ,\(delete), \(get)\n")) == answer("  \n\(get), \(get)\n"))
        #expect(Self.pass(answer(delete)) == answer(""))
        #expect(Self.pass(answer("")) == answer(""))
        #expect(Self.pass(answer(" \n ")) == answer(" \n "))
        #expect(Self.pass(answer("\(get), \(get)")) == answer("\(get), \(get)"))
    }

    @Test(arguments: [
        "5", "null", #""get_doc""#, #"["get_doc"]"#, "{}", #"{"name":5}"#, #"{"name":"get_a","name":"get_b"}"#,
        #"{"Name":"get_doc"}"#, #"{"title":"get_doc"}"#,
    ])
    func `an entry that names nothing clearly is left out`(entry: String) {
        let answer = #"{"result":{"tools":[\#(entry),\#(Self.get)]}}"#
        #expect(Self.pass(answer) == #"{"result":{"tools":[\#(Self.get)]}}"#)
        #expect(Self.pass(answer, cut: { _ in 1 }) == #"{"result":{"tools":[\#(Self.get)]}}"#)
    }

    @Test func `prompts by name and resources by uri, in batches and under escaped names too`() {
        let one = #"{"id":1,"result":{"prompts":[{"name":"get_a"},{"name":"b"}]}}"#
        let two =
            #"{"id":2,"result":{"r\u0065sources":[{"uri":"x:x","name":"get_x"},{"uri":"get:..","name":"get_x"},{"uri":"get:\u0061"}]}}"#
        #expect(
            Self.pass("[\(one),\(two)]")
                == #"[{"id":1,"result":{"prompts":[{"name":"get_a"}]}},{"id":2,"result":{"r\u0065sources":[{"uri":"get:\u0061"}]}}]"#
        )
    }

    @Test func `the list that is a task's result, told by the task or of it`() {
        let told = #"{"method":"notifications/tasks","params":{"taskId":"t","result":{"tools":[L]}}}"#
        for whole in [
            #"{"id":1,"result":{"taskId":"t","status":"completed","result":{"x":{},"tools":[L],"_meta":{}},"tools":[L]}}"#,
            #"[{"result":{"r\u0065sult":{"tools":[L]},"result":{"tools":[L]}}},{"id":2,"result":{"tools":[L]}}]"#, told,
        ] {
            let full = whole.replacing("L", with: "\(Self.delete),\(Self.get)")
            let filtered = whole.replacing("L", with: Self.get)
            for size in [Int.max, 1, 7] {
                #expect(Self.pass(full, [.lists, .values], cut: { _ in size }) == filtered)
                let event = Self.pass("data: \(full)\n\n", [.lists, .values], isEventStream: true, cut: { _ in size })
                #expect(event == "data: \(filtered)\n\n")
            }
        }
        // Deeper it is what a tool has said.
        let deeper =
            #"{"result":{"result":{"result":{"tools":[\#(Self.delete)]}},"structuredContent":{"result":{"tools":[1]}}}}"#
        #expect(Self.pass(deeper) == deeper)
    }

    /// An id without a value, in the midst of an entry, was taken for a part of it: found by `Tests/Fuzzing/run.sh lists`.
    @Test func `a line without a value stays framing, however the stream is cut`() {
        let entry = { (name: String) in "{\"name\":\nid:\ndata: \"\(name)\"}" }
        let stream = "data: {\"result\":{\"tools\":[\(entry("delete_doc")),\(entry("get_doc"))]}}\n\n"
        let passed = "data: {\"result\":{\"tools\":[\nid:\ndata: \(entry("get_doc"))]}}\n\n"
        for size in [Int.max, 1, 3, 7] {
            #expect(Self.pass(stream, isEventStream: true, cut: { _ in size }) == passed)
        }
    }

    @Test func `what is no message is withheld where lists are filtered, but in events`() {
        let list = #"{"result":{"tools":[\#(Self.delete)]}}"#
        let empty = #"{"result":{"tools":[]}}"#
        for size in [Int.max, 1, 5] {
            for (text, passed) in [
                ("x\(list)", ""), (" \"\(list)", " "), ("5", ""), ("\(list)\n\(list)x\(list)", "\(empty)\n\(empty)"),
                ("\u{FEFF}\(list)", "\u{FEFF}\(empty)"), ("\0{\0}", ""),
            ] {
                #expect(Self.pass(text, cut: { _ in size }) == passed, "\(text)")
                #expect(Self.pass(text, .values, cut: { _ in size }) == text)
            }
            // Data of an event counts as an answer for readers of messages only.
            let stream = "data: x\nid: 4\n\ndata: \(list)\n\nevent: x\ndata: hello\ndata: there\n\n"
            let passed = stream.replacing(list, with: empty)
            #expect(Self.pass(stream, isEventStream: true, cut: { _ in size }) == passed)
        }
    }

    @Test(arguments: [
        ("get:{id}", true), ("get:a/{id}", true), ("{any}", true), ("g{rest}", true), ("get:a", true),
        ("get:{a:3}", true),
        ("a/{id}", false), ("get:../{id}", false), ("get:a/../b", false), ("got:{id}", false), ("a", false),
        ("", false),
    ])
    func `a template stays when something that it leads to may be allowed`(template: String, isKept: Bool) {
        for cut in [1, Int.max] {
            let passed = Self.pass(
                #"{"result":{"resourceT\u0065mplates":[{"name":"get_x","uri":"get_x","uriTemplate":"\#(template)"}]}}"#,
                cut: { _ in cut }
            )
            #expect(passed.contains("uriTemplate") == isKept, "\(passed)")
        }
        #expect(
            Self.pass(#"{"result":{"resourceTemplates":[{"uri":"get_x"}]}}"#) == #"{"result":{"resourceTemplates":[]}}"#
        )
    }

    @Test func `lists of a kind that is not restricted stay`() {
        let grant = Grant(users: [Glob("*")], serviceTokens: [], tools: [Glob("x")], prompts: nil, resources: nil)
        let permits = Permits(Policy(grants: [grant]), of: Principal(kind: .user, name: "a@b"))
        let reader = AnswerReader(isEventStream: false, edits: .lists)
        var passed: [UInt8] = []
        let text = #"{"result":{"prompts":[{"name":"p"}],"tools":[{"name":"t"}]}}"#
        Array(text.utf8).withUnsafeBytes { bytes in
            reader.edit(bytes, permits: permits, address: { Array($0) }) { passed += $0 }
        }
        #expect(String(decoding: passed, as: UTF8.self) == #"{"result":{"prompts":[{"name":"p"}],"tools":[]}}"#)
    }

    @Test func `within events, with data on several lines, comments and other fields between`() {
        let stream = """
            : hello\r
            event: message\r
            id: 7\r
            data: {"result":{"tools":[{"name":"get_a"},\r
            data: {"name":\r
            id: 8\r
            data: "b"}, {"name":"get_c"}\r
            data: ]}}\r
            \r
            data:{"result":{"tools":[{"name":"b"}]}}

            data: no JSON at all, "tools":[1]

            """
        let filtered = """
            : hello\r
            event: message\r
            id: 7\r
            data: {"result":{"tools":[{"name":"get_a"}\r
            data: \r
            id: 8\r
            data: , {"name":"get_c"}\r
            data: ]}}\r
            \r
            data:{"result":{"tools":[]}}

            data: no JSON at all, "tools":[1]

            """
        #expect(Self.pass(stream, isEventStream: true) == filtered)
        #expect(Self.pass(stream, isEventStream: true, cut: { _ in 1 }) == filtered)
    }

    @Test func `an event that ends within a list gives away nothing of it`() {
        let stream =
            "data: {\"result\":{\"tools\":[{\"name\":\"secret\"\n\ndata: {\"result\":{\"tools\":[{\"name\":\"get_a\"}]}}\n\n"
        #expect(
            Self.pass(stream, isEventStream: true)
                == "data: {\"result\":{\"tools\":[\n\ndata: {\"result\":{\"tools\":[{\"name\":\"get_a\"}]}}\n\n"
        )
    }

    /// A string or some other bytes of data a line, as a server could write it: each a frame of its own. A line's end within a string
    /// would be a line feed in it, which JSON has not.
    private static func dripped(_ text: String, by size: Int = 1) -> String {
        var lines = "event: message\n"
        for (index, piece) in text.split(separator: "\"", omittingEmptySubsequences: false).enumerated() {
            if index.isMultiple(of: 2) {
                var rest = piece.utf8
                while !rest.isEmpty {
                    lines += "data: \(Substring(rest.prefix(size)))\n"
                    rest = rest.dropFirst(size)
                }
            } else {
                lines += "data: \"\(piece)\"\n"
            }
        }
        return lines + "\n"
    }

    private static func data(of stream: String) -> String {
        stream.split(separator: "\n").filter { $0.hasPrefix("data: ") }.map { $0.dropFirst(6) }.joined()
    }

    @Test(arguments: [false, true])
    func `an entry beyond the bound is withheld and counted, and the others stay`(isEventStream: Bool) {
        let long = #"{"name":"get_long","x":["# + String(repeating: "1,", count: AnswerReader.maximumEntry / 2) + "1]}"
        let answer = #"{"result":{"tools":[{"name":"get_a"},\#(long),{"name":"get_b"},\#(long)]}}"#
        let reader = AnswerReader(isEventStream: isEventStream, edits: .lists)
        let bytes = Array((isEventStream ? Self.dripped(answer, by: 64) : answer).utf8)
        var passed: [UInt8] = []
        bytes.withUnsafeBytes { bytes in
            reader.edit(bytes, permits: Bodies.permits(["get_*"]), address: { Array($0) }) { passed += $0 }
        }
        let text = String(decoding: passed, as: UTF8.self)
        #expect(
            (isEventStream ? Self.data(of: text) : text) == #"{"result":{"tools":[{"name":"get_a"},{"name":"get_b"}]}}"#
        )
        #expect(reader.unreadableEntries == 2)
        #expect(!isEventStream || text.hasPrefix("event: message\ndata: {") && text.hasSuffix("\n\n"))
    }

    @Test(arguments: [Int.max, 1, 5])
    func `entries and commas on lines of their own are those of one list`(size: Int) {
        let (get, delete) = (#"{"name":"get_a"}"#, #"{"name":"delete"}"#)
        for (list, kept) in [
            ("\(get),\(get)", "\(get),\(get)"), ("\(get),\(delete),\(get)", "\(get),\(get)"),
            ("\(delete),\(get),\(delete)", get),
        ] {
            let passed = Self.pass(
                Self.dripped(#"{"result":{"tools":[\#(list)]}}"#),
                isEventStream: true,
                cut: { _ in size }
            )
            #expect(Self.data(of: passed) == #"{"result":{"tools":[\#(kept)]}}"#)
        }
    }

    /// As much of an entry as may be held, in lines of one byte. Work in the square of their number would take minutes.
    @Test func `many small lines are read in a time that grows with their number only`() {
        func time(_ count: Int) -> Duration {
            let answer =
                #"{"result":{"tools":[{"name":"get_a","x":["# + String(repeating: "1,", count: count / 2) + "1]}]}}"
            let bytes = Array(Self.dripped(answer).utf8)
            let reader = AnswerReader(isEventStream: true, edits: .lists)
            var passed = 0
            let time = ContinuousClock().measure {
                bytes.withUnsafeBytes { bytes in
                    reader.edit(bytes, permits: Bodies.permits(["get_*"]), address: { Array($0) }) {
                        passed += $0.count
                    }
                }
            }
            #expect(passed == bytes.count)
            #expect(reader.unreadableEntries == 0)
            return time
        }
        // Eight times the lines in the square is 64 times the work; a busy machine may make one measurement long.
        let small = (0..<5).map { _ in time(15_000) }.min() ?? .zero
        let large = (0..<3).map { _ in time(120_000) }.min() ?? .zero
        #expect(large < small * 24)
    }

    @Test(arguments: [
        #""d":"\ud800""#, #""x":{"a":1,"a":2}"#, #""d":1,"d":2"#,
        #""d":\#(String(repeating: "{\"a\":", count: 80))1\#(String(repeating: "}", count: 80))"#,
        (0..<400).map { "\"m\($0)\":[]" }.joined(separator: ","),
    ])
    func `an entry that is odd in something else than its name is kept`(member: String) {
        for entry in [#"{"name":"get_a",\#(member)}"#, #"{\#(member) , "name" : "get_a"}"#] {
            let answer = #"{"result":{"tools":[\#(entry),{"name":"b",\#(member)}]}}"#
            #expect(Self.pass(answer) == #"{"result":{"tools":[\#(entry)]}}"#)
        }
    }

    @Test(arguments: [
        #"{"name":"get_a","Name":"get_b"}"#, #"{"NAME":"get_a","name":"get_a"}"#, #"{"name":"get_\ud800"}"#,
        #"{"n\u0061me":"get_a","name":"get_a"}"#, #"{"name":"get_a","N\u0061me":"get_b"}"#, #"{"name":["get_a"]}"#,
        #"{"na\me":"get_a","name":"get_a"}"#,
        #"{"name" "get_a"}"#, #"{:"name":"get_a"}"#, #"{"name":}"#, #"{"name"}"#, #"{name:"get_a"}"#,
        // No JSON, so no reader takes the answer with it.
        #"{"name":"get_a","d":"\q"}"#, #"{"name":"get_a","d":01}"#,
    ])
    func `an entry whose name is not clear is withheld and counted`(entry: String) {
        let reader = AnswerReader(isEventStream: false, edits: .lists)
        var passed: [UInt8] = []
        Array(#"{"result":{"tools":[\#(entry),{"name":"get_c"},{"name":"b"}]}}"#.utf8).withUnsafeBytes { bytes in
            reader.edit(bytes, permits: Bodies.permits(["get_*"]), address: { Array($0) }) { passed += $0 }
        }
        #expect(String(decoding: passed, as: UTF8.self) == #"{"result":{"tools":[{"name":"get_c"}]}}"#)
        // An entry that is denied clearly is not counted.
        #expect(reader.unreadableEntries == 1)
    }

    /// Documents made at random, filtered by a reader with a tree, cut at random.
    @Test func `agrees with a filter that reads the whole`() throws {
        var random = SplitMix(seed: 0xF117E5)
        for _ in 0..<2000 {
            let kind = ["tools", "prompts", "resources"].randomElement(using: &random)!
            let entries = (0..<Int.random(in: 0...6, using: &random)).map { _ in Self.entry(kind, &random) }
            let document =
                #"{"jsonrpc":"2.0","id":1,"result":{"a":"b","\#(kind)":["# + entries.joined(separator: " ,\n") + "]}}"
            let expected =
                #"{"jsonrpc":"2.0","id":1,"result":{"a":"b","\#(kind)":["#
                + entries.filter { $0.contains("get_") || $0.contains("get:") }.joined(separator: ",") + "]}}"
            var generator = random
            let passed = Self.pass(document, cut: { _ in Int.random(in: 1...9, using: &generator) })
            let (one, other) = (try Self.tree(passed), try Self.tree(expected))
            #expect(one == other, "\(document)")
            let data = document.split(separator: "\n").map { "data: \($0)\r\n" }.joined()
            let event = Self.pass(
                "event: message\r\n\(data)\r\n",
                isEventStream: true,
                cut: { _ in Int.random(in: 1...9, using: &generator) }
            )
            #expect(event.hasPrefix("event: message\r\ndata: ") && event.hasSuffix("\r\n\r\n"))
            let lines = event.components(separatedBy: "\r\n").filter { $0.hasPrefix("data: ") }.map { $0.dropFirst(6) }
            #expect(try Self.tree(lines.joined(separator: "\n")) == other, "\(document)")
            _ = random.next()
        }
    }

    private static func tree(_ text: String) throws -> NSDictionary {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
    }

    private static func entry(_ kind: String, _ random: inout SplitMix) -> String {
        let key = kind == "resources" ? "uri" : "name"
        let names =
            kind == "resources"
            ? ["get:a", "del:a", "get:\\u0041", "x:\\u0041"] : ["get_a", "del", "get_\\\"", "x\\u0041"]
        let name = names.randomElement(using: &random)!
        let more = [#""d":"]},{[""#, #""d":{"tools":[{"name":"q"}]}"#, #""d":[[],{}]"#, #""d":-1.5e3"#]
            .randomElement(using: &random)!
        return Bool.random(using: &random)
            ? #"{"\#(key)":"\#(name)",\#(more)}"# : #"{ \#(more) , "\#(key)" : "\#(name)" }"#
    }

    // MARK: - Endpoint

    @Test func `the legacy endpoint gets another address, whole and once`() {
        let stream = "event: endpoint\r\ndata: /messages?session_id=abc\r\n\r\nevent: message\r\ndata: /x\r\n\r\n"
        for size in 1...20 {
            let passed = Self.pass(
                stream,
                .endpoint,
                isEventStream: true,
                cut: { _ in size },
                address: { Array("<\(String(decoding: $0, as: UTF8.self))>".utf8) }
            )
            #expect(
                passed
                    == "event: endpoint\r\ndata: </messages?session_id=abc>\r\n\r\nevent: message\r\ndata: /x\r\n\r\n"
            )
        }
    }

    // MARK: - Outcome

    @Test(arguments: [
        (#"{"id":1,"error":{"code":-32602,"message":"x"}}"#, "-32602"),
        (#"{"id":1,"error":{"message":"code","data":{"code":5},"code":4}}"#, "4"),
        (#"{"id":1,"error":{"code":"x"}}"#, "error"), (#"{"id":1,"error":{"code":12345678901234567890}}"#, "error"),
        (#"{"id":1,"result":{"content":[{"isError":true}],"isError":true}}"#, "isError"),
        (#"{"id":1,"result":{"content":[{"isError":true}],"isError":false}}"#, nil),
        (#"{"id":1,"result":{"isError":"true"}}"#, nil), (#"{"method":"x","params":{"error":{"code":1}}}"#, nil),
        (#"[{"id":1,"result":{}},{"id":2,"error":{"code":-1}}]"#, "-1"),
    ])
    func `the outcome is what the answer says`(answer: String, outcome: String?) {
        for isEventStream in [false, true] {
            for size in [1, 3, 1000] {
                let reader = AnswerReader(isEventStream: isEventStream, edits: [])
                let bytes = Array((isEventStream ? "event: message\ndata: \(answer)\n\n" : answer).utf8)
                for start in stride(from: 0, to: bytes.count, by: size) {
                    bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { reader.observe($0) }
                }
                #expect(reader.outcome == outcome)
            }
        }
    }
}
