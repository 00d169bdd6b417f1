import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Tasks, request states and event ids over sockets: tagged on the way back, checked and cut on the way in, nobody else's.
@Suite struct OwnershipTests {
    private static let modern = ["MCP-Protocol-Version: 2026-07-28"]
    private static let tasks = ["MCP-Protocol-Version: 2025-11-25"]
    private static let unknown = #""error":{"code":-32602,"message":"The task is unknown.","#

    private func post(
        _ body: String,
        _ fields: [String] = tasks,
        as caller: String = "alice",
        isChunked: Bool = false
    ) -> String {
        guard isChunked else {
            return Gateway.request("POST", fields + ["Content-Length: \(body.utf8.count)"], as: caller) + body
        }
        let half = body.utf8.count / 2
        let parts = [String(body.prefix(half)), String(body.dropFirst(half))]
        return Gateway.request("POST", fields + ["Transfer-Encoding: chunked", "Trailer: X-T"], as: caller)
            + parts.map { EventStreamTests.chunk($0) }.joined() + "0\r\nX-T: 1\r\n\r\n"
    }

    /// Sends a call and lets the upstream answer it.
    private func answer(
        _ gateway: Gateway,
        _ client: RawSocket,
        _ request: String,
        with answer: String,
        over open: RawSocket? = nil
    ) throws -> (RawAnswer, String, RawSocket) {
        try client.send(request)
        let connection = try open ?? gateway.upstream.accept()
        var head = try connection.receive(through: "\r\n\r\n")
        if let length = head.split(separator: "\r\n").first(where: { $0.lowercased().hasPrefix("content-length:") }) {
            let count = try #require(Int(length.drop { !$0.isNumber }))
            head += String(decoding: try connection.receive(count: count), as: UTF8.self)
        } else if head.lowercased().contains("transfer-encoding") {
            head += String(decoding: try connection.receiveChunked().body, as: UTF8.self)
        }
        try connection.send(answer)
        return (try client.receiveAnswer(), head, connection)
    }

    private func task(of text: String, after mark: String = #""taskId":""#) throws -> String {
        let range = try #require(text.firstRange(of: mark))
        return String(text[range.upperBound...].prefix { $0 != "\"" })
    }

    @Test func `a task is its caller's`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let call = MCPGateway.request("tools/call", params: #"{"name":"x","task":{}}"#)
            let created = #"{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"t-1","status":"working"}}}"#
            let (answer, head, connection) = try answer(gateway, client, post(call), with: MCPGateway.json(created))
            #expect(head.hasSuffix(call))
            let task = try task(of: answer.text)
            #expect(task.hasPrefix("t-1.") && task.utf8.count == 3 + OwnedTags.length)
            #expect(answer.text == created.replacing("t-1", with: task))

            for isChunked in [false, true] {
                for method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/update"] {
                    func body(_ id: String) -> String {
                        MCPGateway.request(method, params: #"{"taskId":"\#(id)","x":"y"}"#)
                    }
                    let state = #"{"jsonrpc":"2.0","id":1,"result":{"taskId":"t-1","status":"working"}}"#
                    let (answer, head, _) = try self.answer(
                        gateway,
                        client,
                        post(body(task), Self.tasks + ["Mcp-Name: \(task)"], isChunked: isChunked),
                        with: MCPGateway.json(state),
                        over: connection
                    )
                    #expect(head.hasSuffix(body("t-1")), "\(head)")
                    #expect(head.contains("\r\nMcp-Name: t-1\r\n"))
                    #expect(answer.text == state.replacing("t-1", with: task))
                    // The same id of somebody else's, and one that bears no tag.
                    for (caller, id) in [("bob", task), ("alice", "t-1"), ("bob", "t-1")] {
                        try client.send(post(body(id), as: caller, isChunked: isChunked))
                        let refused = try client.receiveAnswer()
                        #expect(refused.status == 200)
                        #expect(refused.text.hasPrefix(#"{"jsonrpc":"2.0","id":1,"# + Self.unknown))
                        #expect(gateway.audit.decisions.last?.refusal == .taskUnknown)
                        #expect(gateway.audit.decisions.last?.target == "t-1")
                    }
                }
            }
            let other = post(
                MCPGateway.request("tasks/get", params: #"{"taskId":"\#(task)"}"#),
                Self.tasks + ["Mcp-Name: t-1"]
            )
            try client.send(other)
            #expect(try client.receiveAnswer().text.contains("-32020"))
            try client.send(post(MCPGateway.request("tasks/list", params: "{}")))
            let refused = try client.receiveAnswer()
            #expect(refused.status == 200)
            #expect(refused.text.contains(#""code":-32601"#))
            // A notification has no answer but its status.
            let meta = #"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t-1"}}}"#
            let note = #"{"jsonrpc":"2.0","method":"notifications/progress","params":\#(meta)}"#
            try client.send(post(note))
            #expect(try client.receiveAnswer().status == 403)
            #expect(try connection.pendingBytes() == 0)
        }
    }

    @Test func `an answer that hands nothing out keeps its length`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let text = #"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#
            let (answer, _, _) = try answer(
                gateway,
                client,
                post(MCPGateway.call("x")),
                with: MCPGateway.json(text)
            )
            #expect(answer.text == text)
            #expect(answer["Content-Length"] == "\(text.utf8.count)")
        }
    }

    @Test func `a request state goes on with its call, and no other`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            func body(_ tool: String, _ state: String) -> String {
                MCPGateway.request("tools/call", params: #"{"requestState":"\#(state)","name":"\#(tool)"}"#)
            }
            func fields(_ tool: String) -> [String] {
                Self.modern + ["Mcp-Method: tools/call", "Mcp-Name: \(tool)"]
            }
            let asked = #"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":"s1"}}"#
            let (answer, _, connection) = try answer(
                gateway,
                client,
                post(MCPGateway.call("x"), fields("x")),
                with: MCPGateway.json(asked)
            )
            let state = try task(of: answer.text, after: #""requestState":""#)
            #expect(state.hasPrefix("s1.") && state.utf8.count == 2 + OwnedTags.length)
            let (_, head, _) = try self.answer(
                gateway,
                client,
                post(body("x", state), fields("x")),
                with: MCPGateway.json(asked),
                over: connection
            )
            #expect(head.hasSuffix(body("x", "s1")))
            for (caller, tool, state) in [("bob", "x", state), ("alice", "y", state), ("alice", "x", "s1")] {
                try client.send(post(body(tool, state), fields(tool), as: caller))
                #expect(try client.receiveAnswer().text.contains(#""code":-32602"#))
                #expect(gateway.audit.decisions.last?.refusal == .requestStateUnknown)
            }
            #expect(try connection.pendingBytes() == 0)
        }
    }

    @Test func `a stream goes on for its caller, and begins anew for another`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let stream = EventStreamTests.head + EventStreamTests.chunk("id: 7\ndata: {}\n\n") + "0\r\n\r\n"
            let (answer, _, connection) = try answer(gateway, client, Gateway.get("/mcp"), with: stream)
            let id = String(try #require(answer.text.split(separator: "\n").first).dropFirst(4))
            #expect(id.hasPrefix("7.") && id.utf8.count == 1 + OwnedTags.length)
            for (caller, presented, expected) in [
                ("alice", [id], "7"), ("bob", [id], nil), ("alice", ["7"], nil), ("alice", [id, id], nil),
                ("alice", [id + ","], nil),
            ] as [(String, [String], String?)] {
                let fields = presented.map { "Last-Event-ID: \($0)" }
                let request = Gateway.request("GET", ["Accept: text/event-stream"] + fields, to: "/mcp", as: caller)
                let before = gateway.audit.outcomes.count
                let (_, head, _) = try self.answer(gateway, client, request, with: stream, over: connection)
                #expect(head.contains("\r\nLast-Event-ID: ") == (expected != nil), "\(presented)")
                if let expected { #expect(head.contains("\r\nLast-Event-ID: \(expected)\r\n")) }
                try gateway.audit.waitForOutcomes(before + 1)
                #expect(gateway.audit.outcomes.last?.rpcError == (expected == nil ? "event_id_unknown" : ""))
            }
        }
    }

    @Test func `a filtered list and a granted resource are for their caller's cache alone`() async throws {
        try await MCPGateway.run(["get:*"]) { gateway in
            let client = try gateway.client()
            func fields(_ method: String, _ name: String?) -> [String] {
                Self.modern + ["Mcp-Method: \(method)"] + (name.map { ["Mcp-Name: \($0)"] } ?? [])
            }
            let list = #"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"cacheScope":"public"}}"#
            let (listed, _, connection) = try answer(
                gateway,
                client,
                post(MCPGateway.request("tools/list", params: "{}"), fields("tools/list", nil)),
                with: MCPGateway.json(list)
            )
            #expect(listed.text == list.replacing("public", with: "private"))
            let (read, _, _) = try answer(
                gateway,
                client,
                post(
                    MCPGateway.request("resources/read", params: #"{"uri":"get:a"}"#),
                    fields("resources/read", "get:a")
                ),
                with: MCPGateway.json(list),
                over: connection
            )
            #expect(read.text == list.replacing("public", with: "private"))
        }
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let list = #"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"cacheScope":"public"}}"#
            let (listed, _, _) = try answer(
                gateway,
                client,
                post(MCPGateway.request("tools/list", params: "{}"), Self.modern + ["Mcp-Method: tools/list"]),
                with: MCPGateway.json(list)
            )
            #expect(listed.text == list)
        }
    }
}
