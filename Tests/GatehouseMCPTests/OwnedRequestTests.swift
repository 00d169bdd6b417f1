import GatehouseCore
import Testing

@testable import GatehouseMCP

/// A value that a request presents must be its caller's; then it goes up as the upstream knows it, and every other byte as it came.
@Suite struct OwnedRequestTests {
    private enum Result: Equatable {
        case passed(String)
        case refused(Reason)
        case fault(RPCFault.Code)
    }

    /// The body that the upstream would get.
    private func pass(
        _ body: String,
        of principal: Principal = OwnedTagTests.ann,
        _ tags: SessionTags = OwnedTagTests.tags,
        isUnderOlderKey: Bool = false,
        answersOffer: Bool = false
    ) throws -> Result {
        let route = try RouteName(parsing: "coda")
        let bytes = Array(body.utf8)
        return bytes.withUnsafeBytes { buffer in
            let read: RPCBody
            do throws(RPCFault) { read = try RPCGate.scan(buffer, allowsBatch: true) } catch {
                return .fault(error.code)
            }
            var cuts = TagCuts()
            var refusal: Reason?
            read.forEach { message in
                if refusal == nil {
                    refusal = cuts.add(
                        message,
                        in: buffer,
                        tags.owned,
                        route: route,
                        principal: principal
                    )
                }
            }
            if let refusal { return .refused(refusal) }
            #expect(cuts.answersConnectOffer == answersOffer)
            #expect(cuts.isEmpty == (cuts.length == 0))
            #expect(cuts.isUnderOlderKey == isUnderOlderKey)
            var whole: [UInt8] = []
            cuts.remaining(of: 0..<bytes.count) { range in
                #expect(!range.isEmpty)
                whole += bytes[range]
            }
            #expect(whole.count == bytes.count - cuts.length)
            // However the payload is cut into parts.
            for size in [1, 2, 7, 23, 24] {
                var parts: [UInt8] = []
                for start in stride(from: 0, to: bytes.count, by: size) {
                    cuts.remaining(of: start..<min(start + size, bytes.count)) { range in
                        #expect(!range.isEmpty)
                        parts += bytes[range]
                    }
                }
                #expect(parts == whole)
            }
            return .passed(String(decoding: whole, as: UTF8.self))
        }
    }

    private func request(_ method: String, _ params: String, id: String = "7") -> String {
        #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":\#(params)}"#
    }

    // Whatever a later version does with a task, the task belongs to a caller.
    private static let methods = [
        "tasks/get", "tasks/result", "tasks/cancel", "tasks/update", "tasks/pause", "tasks/input/x", #"tasks\/resume"#,
        "tasks/",
    ]

    @Test(arguments: methods)
    func `a task goes up under the upstream's id, and only for its owner`(method: String) throws {
        let task = try OwnedTagTests.bind(.task, "t-1")
        func body(_ id: String) -> String { request(method, #"{ "inputResponses":{"x":1}, "taskId" : "\#(id)" }"#) }
        #expect(try pass(body(task)) == .passed(body("t-1")))
        #expect(try pass(body(task), of: OwnedTagTests.bob) == .refused(.taskUnknown))
        for wrong in ["t-1", "", String(task.dropLast()), task + "x", try OwnedTagTests.bind(.event, "t-1")] {
            #expect(try pass(body(wrong)) == .refused(.taskUnknown), "\(wrong)")
        }
        for wrong in ["{}", #"{"taskId":5}"#, #"{"taskId":null}"#, #"{"taskId":["\#(task)"]}"#] {
            #expect(try pass(request(method, wrong)) == .refused(.taskUnknown), "\(wrong)")
        }
        // Twice, or as a reader of another kind would find it.
        #expect(
            try pass(request(method, #"{"taskId":"\#(task)","taskId":"t-2"}"#)) == .fault(.json("duplicateMember"))
        )
        for name in ["taskID", "TaskId", #"task\u0049d"#, "tas\u{212A}Id", "task_id"] {
            let fault = try pass(request(method, #"{"taskId":"\#(task)","\#(name)":"t-2"}"#))
            #expect(fault == .fault(.lookalike) || fault == .fault(.json("duplicateMember")), "\(name)")
        }
    }

    @Test func `escapes in an id are its own, those in a tag make it nobody's`() throws {
        let task = try OwnedTagTests.bind(.task, "ü/t")
        let tag = task.suffix(OwnedTags.length)
        #expect(
            try pass(request("tasks/get", #"{"taskId":"\u00fc\/t\#(tag)"}"#))
                == .passed(request("tasks/get", #"{"taskId":"\u00fc\/t"}"#))
        )
        let escaped = tag.dropFirst().first.map { "\\u00" + String($0.asciiValue ?? 0, radix: 16) } ?? ""
        #expect(
            try pass(request("tasks/get", #"{"taskId":"ü/t.\#(escaped)\#(tag.dropFirst(2))"}"#))
                == .refused(.taskUnknown)
        )
    }

    @Test func `a task id means nothing in another method, and the audit's target bears no tag`() throws {
        let body = request("tools/call", #"{"name":"echo","taskId":"t-1","TASKID":1,"arguments":{"taskId":"t-1"}}"#)
        #expect(try pass(body) == .passed(body))
        let task = try OwnedTagTests.bind(.task, "t-1")
        for id in [task, "t-1"] {
            #expect(try Bodies.read(request("tasks/get", #"{"taskId":"\#(id)"}"#)).first?.target == "t-1")
        }
    }

    @Test func `the task that a message is related to`() throws {
        let task = try OwnedTagTests.bind(.task, "t-1")
        func meta(_ id: String, _ key: String = "io.modelcontextprotocol/related-task") -> String {
            #"{"progressToken":1,"\#(key)":{"taskId":"\#(id)"},"x":{}}"#
        }
        func call(_ meta: String) -> String { request("tools/call", #"{"_meta":\#(meta),"name":"echo"}"#) }
        #expect(try pass(call(meta(task))) == .passed(call(meta("t-1"))))
        #expect(try pass(call(meta(task)), of: OwnedTagTests.bob) == .refused(.taskUnknown))
        #expect(try pass(call(meta("t-1"))) == .refused(.taskUnknown))
        #expect(try pass(call(meta("t-1", #"io.modelcontextprotocol\/related-task"#))) == .refused(.taskUnknown))
        #expect(try pass(call(meta("t-1", "other"))) == .passed(call(meta("t-1", "other"))))
        let twice = #"{"io.modelcontextprotocol/related-task":{"taskId":"\#(task)"},"# + meta("t-1").dropFirst()
        #expect(try pass(call(twice)) == .fault(.json("duplicateMember")))
        let other = #"{"io.modelcontextprotocol/related-task":{"taskId":"\#(task)","TaskID":"t-1"}}"#
        #expect(try pass(call(other)) == .fault(.lookalike))
        let lookalike = request("tools/call", #"{"_META":\#(meta("t-1")),"name":"echo"}"#)
        #expect(try pass(lookalike) == .fault(.lookalike))
        // Models of pydantic's may be filled by the attribute's name.
        #expect(try pass(request("tools/call", #"{"meta":\#(meta("t-1")),"name":"echo"}"#)) == .refused(.taskUnknown))
        #expect(try pass(request("x/y", #"{"_meta":\#(meta("t-1"))}"#)) == .refused(.taskUnknown))
        #expect(try pass(request("x/y", #"{"Meta":\#(meta("t-1"))}"#)) == .fault(.lookalike))
        // A notification names one in the same place.
        let told = #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"_meta":\#(meta("t-1"))}}"#
        #expect(try pass(told) == .refused(.taskUnknown))
    }

    @Test func `an answer may name a task that the client keeps itself`() throws {
        let task = try OwnedTagTests.bind(.task, "t-1")
        func answer(_ id: String) -> String {
            #"{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"c"},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"\#(id)"}}}}"#
        }
        #expect(try pass(answer(task)) == .passed(answer("t-1")))
        #expect(try pass(answer("c")) == .passed(answer("c")))
        #expect(try pass(answer(task), of: OwnedTagTests.bob) == .refused(.taskUnknown))
        let odd = answer("c").replacing(#""taskId":"c"}}}}"#, with: #""taskId":5}}}}"#)
        #expect(try pass(odd) == .passed(odd))
    }

    @Test func `what an older key has bound is its caller's, and known to be old`() throws {
        let rotated = SessionTags(PurposeKeys(current: Secret("second"), older: [Secret("first")]))
        let (old, new) = (try OwnedTagTests.bind(.task, "t-1"), try OwnedTagTests.bind(.task, "t-2", rotated))
        func body(_ id: String) -> String { request("tasks/get", #"{"taskId":"\#(id)"}"#) }
        #expect(try pass(body(old), rotated, isUnderOlderKey: true) == .passed(body("t-1")))
        #expect(try pass(body(new), rotated) == .passed(body("t-2")))
        func both(_ one: String, _ two: String) -> String {
            request("tasks/x", #"{"taskId":"\#(one)","taskIds":["\#(two)"]}"#)
        }
        #expect(try pass(both(old, new), rotated, isUnderOlderKey: true) == .passed(both("t-1", "t-2")))
    }

    /// The upstream has asked for nothing: it gets the call without the answer to Gatehouse's own request.
    @Test(arguments: [("tools/call", "name"), ("prompts/get", "name"), ("resources/read", "uri")])
    func `the answer to the offer to connect goes no further than here`(method: String, member: String) throws {
        let known = try #require(RPCMethod.allCases.first { "\($0.name)" == method })
        let rotated = SessionTags(PurposeKeys(current: Secret("second"), older: [Secret("first")]))
        let state = try Array("a:b".utf8).withUnsafeBytes {
            try OwnedTagTests.bind(.connectState(known, target: $0), ConnectOffer.state)
        }
        func body(_ rest: String, _ target: String = "a:b") -> String {
            request(method, #"{"\#(member)":"\#(target)"\#(rest)}"#)
        }
        let answer = #","requestState":"\#(state)","inputResponses":{"gatehouse-connect":{"action":"accept"}}"#
        #expect(try pass(body(answer), answersOffer: true) == .passed(body("")))
        #expect(try pass(body(answer), rotated, isUnderOlderKey: true, answersOffer: true) == .passed(body("")))
        #expect(try pass(body(answer, "c")) == .refused(.requestStateUnknown))
        #expect(try pass(body(answer), of: OwnedTagTests.bob) == .refused(.requestStateUnknown))
        // The offer's state under the tag of another kind is an upstream's, and goes up.
        let other = try Array("a:b".utf8).withUnsafeBytes {
            try OwnedTagTests.bind(.requestState(known, target: $0), ConnectOffer.state)
        }
        func own(_ state: String) -> String { body(#","requestState":"\#(state)""#) }
        #expect(try pass(own(other)) == .passed(own(ConnectOffer.state)))
        // Beside it the call may name a task, whose tag is cut too.
        let task = try OwnedTagTests.bind(.task, "t-1")
        func meta(_ id: String) -> String { #","_meta":{"io.modelcontextprotocol/related-task":{"taskId":"\#(id)"}}"# }
        #expect(try pass(body(meta(task) + answer), answersOffer: true) == .passed(body(meta("t-1"))))
        #expect(try pass(body(answer + meta(task)), answersOffer: true) == .passed(body(meta("t-1"))))
    }

    @Test(arguments: [("tools/call", "name"), ("prompts/get", "name"), ("resources/read", "uri")])
    func `a call goes on with its own state only`(method: String, member: String) throws {
        let known = try #require(RPCMethod.allCases.first { "\($0.name)" == method })
        let state = try Array("a:b".utf8).withUnsafeBytes {
            try OwnedTagTests.bind(.requestState(known, target: $0), "sealed")
        }
        func body(_ state: String, _ target: String = "a:b") -> String {
            request(method, #"{"requestState":"\#(state)","\#(member)":"\#(target)"}"#)
        }
        #expect(try pass(body(state)) == .passed(body("sealed")))
        #expect(try pass(body(state, #"a\u003ab"#)) == .passed(body("sealed", #"a\u003ab"#)))
        #expect(try pass(body(state, "c")) == .refused(.requestStateUnknown))
        #expect(try pass(body(state), of: OwnedTagTests.bob) == .refused(.requestStateUnknown))
        #expect(try pass(body("sealed")) == .refused(.requestStateUnknown))
        let none = request(method, #"{"requestState":null,"\#(member)":"a:b"}"#)
        #expect(try pass(none) == .passed(none))
        let other = request(method, #"{"requeststate":"sealed","\#(member)":"a:b"}"#)
        #expect(try pass(other) == .fault(.lookalike))
    }

    @Test func `the tasks of a subscription, each and no more than the bound`() throws {
        let task = try OwnedTagTests.bind(.task, "t-1")
        func body(_ ids: String) -> String {
            request("subscriptions/listen", #"{"notifications":{"toolsListChanged":true,"taskIds":\#(ids)}}"#)
        }
        #expect(try pass(body(#"["\#(task)", "\#(task)"]"#)) == .passed(body(#"["t-1", "t-1"]"#)))
        #expect(try pass(body(#"["\#(task)","t-1"]"#)) == .refused(.taskUnknown))
        #expect(try pass(body(#"["\#(task)"]"#), of: OwnedTagTests.bob) == .refused(.taskUnknown))
        #expect(try pass(body(#""t-1""#)) == .refused(.taskUnknown))
        #expect(try pass(body("[]")) == .passed(body("[]")))
        let many = "[" + Array(repeating: "\"\(task)\"", count: RPCGate.maximumListenedTasks + 1).joined(separator: ",")
        #expect(try pass(body(many + "]")) == .refused(.taskUnknown))
    }

    @Test func `all tasks are listed for nobody, and nothing that a server could take for it passes`() throws {
        #expect(try pass(request("tasks/list", "{}")) == .refused(.tasksListDenied))
        for method in [
            "Tasks/List", "TASKS/CANCEL", "Tasks/pause", "task_s/get", "tas\u{212A}s/pause", "subscriptions/Listen",
        ] {
            #expect(try pass(request(method, "{}")) == .fault(.method), "\(method)")
        }
    }

    @Test func `an unknown method of tasks names each of its tasks by its owner's id`() throws {
        let task = try OwnedTagTests.bind(.task, "t-1")
        func body(_ id: String, _ other: String) -> String {
            request("tasks/merge", #"{"taskId":"\#(id)","taskIds":["\#(other)"]}"#)
        }
        #expect(try pass(body(task, task)) == .passed(body("t-1", "t-1")))
        #expect(try pass(body(task, "t-2")) == .refused(.taskUnknown))
        #expect(try pass(body(task, task), of: OwnedTagTests.bob) == .refused(.taskUnknown))
        #expect(try pass(request("tasks/get ", #"{"taskId":"t-1"}"#)) == .refused(.taskUnknown))
        #expect(try pass(request("notifications/tasks/x", #"{"taskId":"client's"}"#)) != .refused(.taskUnknown))
    }

    @Test(arguments: [
        ("tools/call", #""name":"echo""#), ("prompts/get", #""name":"echo""#), ("resources/read", #""uri":"a:b""#),
        ("completion/complete", #""ref":{"type":"ref/prompt","name":"x"}"#), ("x/y", #""z":1"#),
        ("tools/list", #""z":1"#),
    ])
    func `a member that may be missing may be null, under whatever name`(method: String, member: String) throws {
        let task = try OwnedTagTests.bind(.task, "t-1")
        func body(_ id: String) -> String {
            request(
                method,
                #"{"meta":null,"request_state":null,"input_responses":null,"task":null,"Meta":null,\#(member),"#
                    + #""_meta":{"io.modelcontextprotocol/related-task":{"taskId":"\#(id)"}}}"#
            )
        }
        #expect(try pass(body(task)) == .passed(body("t-1")))
        #expect(try pass(body("t-1")) == .refused(.taskUnknown))
        // One name twice is two values to two readers all the same, where names matter.
        guard ["tools/call", "prompts/get", "resources/read", "completion/complete"].contains(method) else { return }
        #expect(
            try pass(body(task).replacing(#""task":null"#, with: #""meta":null"#)) == .fault(.json("duplicateMember"))
        )
    }

    @Test func `what a call cannot do without is named once, and null is no name`() throws {
        for params in [
            #"{"name":"echo","Name":null}"#, #"{"name":"echo","ARGUMENTS":null}"#, #"{"uri":"a:b","URI":null}"#,
        ] {
            let method = params.hasPrefix(#"{"uri"#) ? "resources/read" : "tools/call"
            #expect(try pass(request(method, params)) == .fault(.lookalike), "\(params)")
        }
    }

    @Test func `batches are cut at every place`() throws {
        let task = try OwnedTagTests.bind(.task, "t-1")
        func batch(_ id: String) -> String {
            "[" + request("tasks/get", #"{"taskId":"\#(id)"}"#) + ","
                + request("tasks/get", #"{"taskId":"\#(id)"}"#, id: "8") + "]"
        }
        #expect(try pass(batch(task)) == .passed(batch("t-1")))
    }

    @Test func `a field that mirrors the task is cut like it, plain or in base64`() throws {
        let task = try OwnedTagTests.bind(.task, "tä")
        let bytes = Array(request("tasks/get", #"{"taskId":"\#(task)"}"#).utf8)
        func untagged(_ field: String) throws -> String? {
            try bytes.withUnsafeBytes { buffer in
                guard case .single(let message) = try RPCGate.scan(buffer, allowsBatch: false) else { return nil }
                return Array(field.utf8).withUnsafeBytes { value in
                    MirroredFields.untaggedTask(value, of: message, in: buffer).map {
                        String(decoding: $0, as: UTF8.self)
                    }
                }
            }
        }
        #expect(try untagged(task) == "tä")
        #expect(try untagged("tä") == nil)
        let encoded = String(decoding: Base64.encode(Array(task.utf8)[...]), as: UTF8.self)
        #expect(try untagged("=?base64?\(encoded)?=") == "=?base64?dMOk?=")
        #expect(try untagged("=?base64?dMOk?=") == nil)
    }
}
