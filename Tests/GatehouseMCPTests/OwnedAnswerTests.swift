import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseMCP

/// A value that an answer hands out gets a tag behind it, however the answer is cut, and every other byte stays.
@Suite struct OwnedAnswerTests {
    /// A tag that can be distinguished from the text, and names the kind that it binds.
    private static func mark(_ what: HandedOut, _ value: UnsafeRawBufferPointer) -> [UInt8]? {
        let kind =
            switch what {
            case .task: "T"
            case .event: "E"
            case .requestState: "S"
            }
        return Array("<\(kind)\(value.count)>".utf8)
    }

    private static func pass(
        _ text: String,
        _ edits: AnswerReader.Edits = [.values, .events],
        isEventStream: Bool = false,
        permits: Permits = Bodies.permits(["get_*"]),
        cut: (Int) -> Int = { _ in Int.max }
    ) -> String {
        let reader = AnswerReader(isEventStream: isEventStream, edits: edits)
        let bytes = Array(text.utf8)
        var passed: [UInt8] = []
        var at = 0
        while at < bytes.count {
            let size = min(max(1, cut(at)), bytes.count - at)
            bytes[at..<at + size].withUnsafeBytes { part in
                reader.edit(part, permits: permits, tag: mark, address: { Array($0) }) { passed.append(contentsOf: $0) }
            }
            at += size
        }
        return String(decoding: passed, as: UTF8.self)
    }

    private func expect(
        _ text: String,
        _ expected: String,
        _ edits: AnswerReader.Edits = [.values, .events],
        isEventStream: Bool = false,
        _ location: SourceLocation = #_sourceLocation
    ) {
        for size in [Int.max, 1, 2, 3, 5, 11] {
            let passed = Self.pass(text, edits, isEventStream: isEventStream, cut: { _ in size })
            #expect(passed == expected, "\(size)", sourceLocation: location)
        }
    }

    @Test func `tasks of either shape, related tasks and states`() {
        expect(
            #"{"jsonrpc":"2.0","id":1,"result":{"task":{"status":"working","taskId":"abc","x":{"taskId":"n"}}}}"#,
            #"{"jsonrpc":"2.0","id":1,"result":{"task":{"status":"working","taskId":"abc<T3>","x":{"taskId":"n"}}}}"#
        )
        expect(
            #"{"result":{"resultType":"task","taskId":"\u0061b\"c","result":{"taskId":"n"},"structuredContent":{"taskId":"n"}}}"#,
            #"{"result":{"resultType":"task","taskId":"\u0061b\"c<T4>","result":{"taskId":"n"},"structuredContent":{"taskId":"n"}}}"#
        )
        expect(
            #"{"id":"taskId","result":{"_meta":{"a":[{"taskId":"n"}],"io.modelcontextprotocol/related-task":{"taskId":"ü"}},"taskId":"t"}}"#,
            #"{"id":"taskId","result":{"_meta":{"a":[{"taskId":"n"}],"io.modelcontextprotocol/related-task":{"taskId":"ü<T2>"}},"taskId":"t<T1>"}}"#
        )
        expect(
            #"{"result":{"inputRequests":{"k":{"params":{"requestState":"n"}}},"requestState":"sealed","resultType":"input_required"}}"#,
            #"{"result":{"inputRequests":{"k":{"params":{"requestState":"n"}}},"requestState":"sealed<S6>","resultType":"input_required"}}"#
        )
        // The result of a task's call, in the task's own.
        expect(
            #"{"result":{"result":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a"}},"taskId":"n","x":{"taskId":"n"}}}}"#,
            #"{"result":{"result":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a<T1>"}},"taskId":"n","x":{"taskId":"n"}}}}"#
        )
        // Under an escaped name, twice, and where it is no string.
        expect(
            #"{"result":{"t\u0061skId":"a","taskId":"b","task":{"taskId":5},"requestState":null}}"#,
            #"{"result":{"t\u0061skId":"a<T1>","taskId":"b<T1>","task":{"taskId":5},"requestState":null}}"#
        )
        for same in [
            #"{"taskId":"a","requestState":"b","task":{"taskId":"c"},"error":{"code":1,"data":{"taskId":"d"}}}"#,
            #"{"result":["taskId","a"],"x":{"result":{"taskId":"b"}}}"#, #"{"result":"taskId"}"#,
            #"{"result":{"taskId":["a"],"task":"taskId","_meta":"taskId","taskId":{"taskId":"a"}}}"#,
        ] {
            expect(same, same)
        }
    }

    @Test func `a message of the server's own names its tasks, and one of the client's stays as it is`() {
        let status = #"data: {"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"a"}}"# + "\n\n"
        let extended = #"data: {"method":"notifications/tasks","params":{"status":"x","taskId":"a"}}"# + "\n\n"
        let request = #"data: {"id":1,"method":"tasks/get","params":{"taskId":"client's"}}"# + "\n\n"
        let ask =
            #"data: {"id":1,"method":"elicitation/create","params":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"a"}},"taskId":"x"}}"#
            + "\n\n"
        let taken =
            #"data: {"method":"notifications/subscriptions/acknowledged","params":{"notifications":{"taskIds":["a", 5, ["b"], "cd"]}}}"#
            + "\n\n"
        expect(
            status + request + extended + ask + taken + request,
            status.replacingOccurrences(of: #""a""#, with: #""a<T1>""#) + request
                + extended.replacingOccurrences(of: #""a""#, with: #""a<T1>""#)
                + ask.replacingOccurrences(of: #""a""#, with: #""a<T1>""#)
                + taken.replacingOccurrences(of: #""a""#, with: #""a<T1>""#)
                .replacingOccurrences(of: #""cd""#, with: #""cd<T2>""#) + request,
            isEventStream: true
        )
    }

    @Test func `the ids of events, in every way to write a line`() {
        expect(
            "id: 1\ndata: {}\n\nid:2\r\ndata: x\r\n\r\nid:  3 4\rdata: y\r\rid\nid:\nid: \nids: 5\n:id: 6\n id: 7\ndata: id: 8\n\nid: é\n\n",
            "id: 1<E1>\ndata: {}\n\nid:2<E1>\r\ndata: x\r\n\r\nid:  3 4<E3>\rdata: y\r\rid\nid:\nid: \nids: 5\n:id: 6\n id: 7\ndata: id: 8\n\nid: é<E2>\n\n",
            isEventStream: true
        )
        // Behind a byte order mark; and one whose line does not end gets none.
        expect("\u{FEFF}id: 1\n\nid: 2", "\u{FEFF}id: 1<E1>\n\nid: 2", isEventStream: true)
        for (size, tag) in [(1024, "<E1024>"), (1025, "")] {
            let id = String(repeating: "x", count: size)
            expect("id: \(id)\ndata: 1\n\nid: 2\n\n", "id: \(id)\(tag)\ndata: 1\n\nid: 2<E1>\n\n", isEventStream: true)
        }
    }

    @Test func `the id of an event stands in the midst of a list that is filtered`() {
        let stream = """
            data: {"result":{"cacheScope":"public","tools":[{"name":"get_a"},
            data: {"name":
            id: 8
            data: "b"}, {"name":
            id: 9
            data: "get_c"}],"taskId":"t"}}


            """
        let edited = """
            data: {"result":{"cacheScope":"private","tools":[{"name":"get_a"}
            data: \

            id: 8<E1>
            data: , {"name":
            id: 9<E1>
            data: "get_c"}],"taskId":"t<T1>"}}


            """
        expect(stream, edited, [.values, .events, .lists, .privateScope], isEventStream: true)
    }

    @Test func `a cache is told that the answer is private, where it is told anything`() {
        let edits: AnswerReader.Edits = [.lists, .privateScope]
        expect(
            #"{"result":{"ttlMs":5,"cacheScope":"public","tools":[{"name":"b","cacheScope":"public"},{"name":"get_a"}]}}"#,
            #"{"result":{"ttlMs":5,"cacheScope":"private","tools":[{"name":"get_a"}]}}"#,
            edits
        )
        expect(
            #"{"result":{"tools":[{"name":"get_a"}],"c\u0061cheScope" : "pu\u0062lic" }}"#,
            #"{"result":{"tools":[{"name":"get_a"}],"c\u0061cheScope" : "private" }}"#,
            edits
        )
        for same in [
            #"{"result":{"cacheScope":"private","contents":[{"cacheScope":"public"}],"_meta":{"cacheScope":"public"}}}"#,
            #"{"result":{"tools":[],"cacheScope":null}}"#, #"{"cacheScope":"public","result":{}}"#,
        ] {
            expect(same, same, edits)
        }
        let open = #"{"result":{"cacheScope":"public","tools":[]}}"#
        expect(open, open, .lists)
        expect(open, open, .values)
    }

    @Test func `a value beyond its bound passes as it came`() {
        for (size, isTagged) in [(64 << 10, true), ((64 << 10) + 1, false)] {
            let state = String(repeating: "x", count: size)
            let text = #"{"result":{"requestState":"\#(state)","taskId":"t"}}"#
            let expected = #"{"result":{"requestState":"\#(state)\#(isTagged ? "<S\(size)>" : "")","taskId":"t<T1>"}}"#
            for cut in [Int.max, 1000] { #expect(Self.pass(text, cut: { _ in cut }) == expected) }
        }
    }

    /// Names with escapes, quotes and nothing in them stand before those that matter.
    @Test(arguments: ["", #"a\"b"#, #"\\"#, #"\\\""#, #"\u0061"#, "taskI", "ü"])
    func `an odd name hides none of those behind it`(name: String) {
        expect(
            #"{"\#(name)":{},"result":{"\#(name)":"x","taskId":"t","\#(name)":{"\#(name)":"}"},"requestState":"s"}}"#,
            #"{"\#(name)":{},"result":{"\#(name)":"x","taskId":"t<T1>","\#(name)":{"\#(name)":"}"},"requestState":"s<S1>"}}"#
        )
        expect(
            #"{"\#(name)":{},"result":{"\#(name)":"x","tools":[{"name":"b"}]}}"#,
            #"{"\#(name)":{},"result":{"\#(name)":"x","tools":[]}}"#,
            .lists
        )
    }

    @Test func `what one event leaves open changes nothing in the next`() {
        let next = #"data: {"params":{"taskId":"client's"},"id":1,"method":"tasks/get"}"# + "\n\n"
        let told = #"data: {"method":"notifications/tasks","params":{"taskId":"t"}}"# + "\n\n"
        expect(told + next, told.replacing(#""t""#, with: #""t<T1>""#) + next, isEventStream: true)
        let open = #"data: {"result":{"cacheScope":""#
        expect("\(open)public\n\n\(next)", "\(open)\n\n\(next)", .privateScope, isEventStream: true)
    }

    @Test func `under a method of any length a client's task stays its own`() {
        let method = "notifications/tasks" + String(repeating: "x", count: 64 << 10)
        let text = #"{"method":"\#(method)","params":{"taskId":"a"}}"#
        for cut in [Int.max, 1000] { #expect(Self.pass(text, cut: { _ in cut }) == text) }
        let shorter = text.replacing(method, with: String(method.prefix(64 << 10)))
        #expect(Self.pass(shorter) == shorter.replacing(#""a""#, with: #""a<T1>""#))
    }

    @Test(arguments: [
        (#"{"method":"notifications/tools/list_changed"}"#, true),
        (#"{"method":"notifications\/tools\/list_changed"}"#, true),
        (#"{"method":"notifications/tools/list_changeds"}"#, false),
        (#"{"method":"notifications/prompts/list_changed"}"#, false),
        (#"{"method":"notifications/tools/list_change"}"#, false), (#"{"method":"ping"}"#, false),
        (#"{"params":{"method":"notifications/tools/list_changed"}}"#, false), ("{}", false),
    ])
    func `that the list of tools has changed is told once`(message: String, hasChanged: Bool) {
        let reader = AnswerReader(isEventStream: true, edits: .values)
        func read(_ text: String) {
            Array(text.utf8).withUnsafeBytes { bytes in
                reader.edit(bytes, permits: Bodies.permits([]), address: { Array($0) }) { _ in }
            }
        }
        #expect(!reader.takeChangeOfTools())
        read("data: \(message)\n\n")
        #expect(reader.takeChangeOfTools() == hasChanged)
        #expect(!reader.takeChangeOfTools())
        read("data: {\"method\":\"ping\"}\n\n")
        #expect(!reader.takeChangeOfTools())
    }

    @Test func `plain letters tell whether anything can be handed out`() {
        for (text, expected) in [
            (#"{"result":{"content":[]}}"#, false), ("", false), (#"{"result":{"taskId":"a"}}"#, true),
            (#"{"result":{"requestState":"a"}}"#, true), (#"{"result":{"t\u0061skId":"a"}}"#, false),
        ] {
            #expect(Array(text.utf8).withUnsafeBytes { AnswerReader.mayHandOut($0) } == expected)
        }
    }

    // MARK: - Against Foundation

    /// JSON of any shape, made of the names that matter in the places where they do and where they do not.
    private struct Maker {
        var random: SplitMix
        static let names = [
            "taskId", "task", "_meta", "io.modelcontextprotocol/related-task", "requestState", "cacheScope", "result",
            "params", "error", "notifications", "taskIds", "x",
        ]

        mutating func value(_ depth: Int) -> Any {
            switch Int.random(in: 0..<(depth > 0 ? 9 : 5), using: &random) {
            case 0: return Int.random(in: -5...5, using: &random)
            case 1: return NSNull()
            case 2, 3, 4: return text()
            case 5: return (0..<Int.random(in: 0...3, using: &random)).map { _ in value(depth - 1) }
            case _: return object(depth - 1)
            }
        }

        mutating func text() -> String {
            ["", "a", "public", "ü\"\\/", "taskId", "}],{[", "id: 5", "é\u{1F600}\t"].randomElement(using: &random)
                ?? ""
        }

        mutating func object(_ depth: Int) -> [String: Any] {
            var object: [String: Any] = [:]
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                object[Self.names.randomElement(using: &random) ?? "x"] = value(depth)
            }
            return object
        }
    }

    /// The same document with its tags, made of Foundation's reading of it.
    private func oracle(_ document: [String: Any]) -> [String: Any] {
        func tagged(_ value: Any?, _ kind: String) -> Any? {
            guard let text = value as? String else { return value }
            return text + "<\(kind)\(text.utf8.count)>"
        }
        func meta(_ value: Any?) -> Any? {
            guard var meta = value as? [String: Any] else { return value }
            let name = "io.modelcontextprotocol/related-task"
            if var related = meta[name] as? [String: Any] {
                related["taskId"] = tagged(related["taskId"], "T")
                meta[name] = related
            }
            return meta
        }
        // The result of a task.
        func ofTask(_ value: Any?) -> Any? {
            guard var result = value as? [String: Any] else { return value }
            if result["cacheScope"] is String { result["cacheScope"] = "private" }
            result["_meta"] = meta(result["_meta"])
            return result
        }
        var document = document
        if var result = document["result"] as? [String: Any] {
            result["result"] = ofTask(result["result"])
            result["taskId"] = tagged(result["taskId"], "T")
            result["requestState"] = tagged(result["requestState"], "S")
            if result["cacheScope"] is String { result["cacheScope"] = "private" }
            result["_meta"] = meta(result["_meta"])
            if var task = result["task"] as? [String: Any] {
                task["taskId"] = tagged(task["taskId"], "T")
                result["task"] = task
            }
            document["result"] = result
        }
        if var params = document["params"] as? [String: Any] {
            params["_meta"] = meta(params["_meta"])
            params["result"] = ofTask(params["result"])
            if var filter = params["notifications"] as? [String: Any] {
                if let ids = filter["taskIds"] as? [Any] {
                    filter["taskIds"] = ids.map { tagged($0, "T") ?? $0 }
                }
                params["notifications"] = filter
            }
            document["params"] = params
        }
        return document
    }

    @Test func `any document, cut anywhere, is what Foundation makes of it`() throws {
        var maker = Maker(random: SplitMix(seed: 0x0A5E7))
        for _ in 0..<1500 {
            var document = maker.object(5)
            document["result"] = maker.object(5)
            if Bool.random(using: &maker.random) { document["params"] = maker.object(5) }
            let options: [JSONSerialization.WritingOptions] = [
                .sortedKeys, [.sortedKeys, .prettyPrinted], [.sortedKeys, .withoutEscapingSlashes],
            ]
            let bytes = try JSONSerialization.data(
                withJSONObject: document,
                options: options.randomElement(using: &maker.random) ?? []
            )
            let text = String(decoding: bytes, as: UTF8.self)
            let isEventStream = Bool.random(using: &maker.random)
            let wrapped =
                isEventStream
                ? "event: message\nid: 1\ndata: " + text.replacingOccurrences(of: "\n", with: "\ndata: ") + "\n\n"
                : text
            let longest = Int.random(in: 1...40, using: &maker.random)
            var passed = Self.pass(
                wrapped,
                [.values, .events, .privateScope],
                isEventStream: isEventStream,
                cut: { _ in Int.random(in: 1...longest, using: &maker.random) }
            )
            if isEventStream {
                #expect(passed.hasPrefix("event: message\nid: 1<E1>\ndata: "))
                passed = passed.dropFirst("event: message\nid: 1<E1>\ndata: ".count)
                    .replacingOccurrences(of: "\ndata: ", with: "\n")
            }
            let read = try #require(
                try JSONSerialization.jsonObject(with: Data(passed.utf8)) as? NSDictionary,
                "\(passed)"
            )
            #expect(read == oracle(document) as NSDictionary, "\(text)\n\(passed)")
        }
    }
}
