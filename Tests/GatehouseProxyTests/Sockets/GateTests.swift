import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Requests that pass the MCP gate, requests that do not, and their records.
@Suite struct GateTests {
    @Test func `a call passes byte for byte and is recorded with what it says`() async throws {
        try await MCPGateway.run(["sea*"]) { gateway in
            let client = try gateway.client()
            let body = " " + MCPGateway.call("se\\u0061rch", id: #""x-1""#) + "\n"
            try client.send(Gateway.post("/mcp", as: "alice", "MCP-Protocol-Version: 2025-11-25", body: body))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: body)
            let answer = #"{"jsonrpc":"2.0","id":"x-1","result":{"content":[],"isError":true}}"#
            try connection.send(MCPGateway.json(answer))
            #expect(try client.receiveAnswer().text == answer)
            let decision = try #require(
                try gateway.audit.waitForOutcomes().isEmpty ? nil : gateway.audit.decisions.first
            )
            #expect(decision.rpcMethod == "tools/call")
            #expect(decision.rpcID == #""x-1""#)
            #expect(decision.target == "search")
            #expect(decision.arguments == #"{"q": 1}"#)
            #expect(decision.version == "2025-11-25")
            #expect(decision.refusal == nil)
            #expect(gateway.audit.outcomes.first?.rpcError == "isError")
        }
    }

    /// A list without its beginning would pass unfiltered.
    @Test func `no part of an answer is asked for`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let body = MCPGateway.call("search")
            try client.send(
                Gateway.post("/mcp", as: "alice", "Range: bytes=1-", "If-Range: \"a\"", "X-Range: 1", body: body)
            )
            let connection = try gateway.upstream.accept()
            let head = try connection.receive(through: "\r\n\r\n")
            #expect(!head.contains("\r\nRange:") && !head.contains("If-Range:") && head.contains("\r\nX-Range: 1\r\n"))
            try connection.receive(exactly: body)
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test(arguments: ["0", #""a""#, "-12"])
    func `a denied call is an error in a 200 with its id, and the connection goes on`(id: String) async throws {
        try await MCPGateway.run(["get_*"]) { gateway in
            let client = try gateway.client()
            let answer = try gateway.refused(client, Gateway.post(body: MCPGateway.call("delete", id: id)))
            #expect(answer.status == 200)
            #expect(answer["Content-Type"] == "application/json")
            let requestID = try #require(answer["X-Request-Id"])
            #expect(
                answer.text == """
                    {"jsonrpc":"2.0","id":\(id),"error":{"code":4030,"message":"The caller may not make this call.",\
                    "data":{"reason":"tool_denied","request_id":"\(requestID)"}}}
                    """
            )
            let decision = try #require(gateway.audit.decisions.first)
            #expect(decision.refusal == .toolDenied)
            #expect(decision.target == "delete")
            #expect(gateway.audit.outcomes.first?.rpcError == "4030")
            #expect(gateway.audit.outcomes.first?.status == 200)
            try client.send(Gateway.post(body: MCPGateway.call("get_doc", id: id)))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: MCPGateway.call("get_doc", id: id))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test(arguments: [
        #"{"name":"","arguments":{}}"#, "{}", #"{"name":7}"#,
        #"{"name":"get_a","arguments":\#(String(repeating: "[", count: 600) + String(repeating: "]", count: 600))}"#,
    ])
    func `a call that names nothing is invalid to whom the kind is limited, and passes for others`(params: String)
        async throws
    {
        let body = MCPGateway.request("tools/call", id: #""m""#, params: params)
        try await MCPGateway.run(["get_*"]) { gateway in
            let client = try gateway.client()
            let answer = try gateway.refused(client, Gateway.post(body: body))
            #expect(answer.status == 200)
            #expect(answer.text.hasPrefix(#"{"jsonrpc":"2.0","id":"m","error":{"code":-32602,"#))
            #expect(answer.text.contains(#""reason":"target_malformed""#))
            #expect(gateway.audit.decisions.first?.refusal == .targetMalformed)
            #expect(gateway.audit.outcomes.first?.rpcError == "-32602")
            // A notification has no answer that could say it.
            let note = #"{"jsonrpc":"2.0","method":"tools/call","params":\#(params)}"#
            #expect(try gateway.refused(client, Gateway.post(body: note)).status == 400)
        }
        try await MCPGateway.run { gateway in
            try gateway.passes(try gateway.client(), body: body)
        }
    }

    @Test func `one denied resource refuses the whole of what is listened to, and the row has them all`() async throws {
        func listen(_ uris: String) -> String {
            MCPGateway.request(
                "subscriptions/listen",
                params: #"{"notifications":{"toolsListChanged":true,"resourceSubscriptions":\#(uris)},"_meta":{}}"#
            )
        }
        try await MCPGateway.run(["memo://*"]) { gateway in
            let client = try gateway.client()
            let uris = #"["memo://one","file:///etc/passwd"]"#
            let answer = try gateway.refused(client, Gateway.post(body: listen(uris)))
            #expect(answer.text.contains(#""code":4030"#) && answer.text.contains("resource_denied"))
            #expect(gateway.audit.decisions.first?.target == uris)
            let body = listen(#"["memo://one"]"#)
            try gateway.passes(client, body: body)
            #expect(gateway.audit.decisions.last?.target == "memo://one")
        }
    }

    @Test func `a denied notification is a 403`() async throws {
        try await MCPGateway.run(["get_*"]) { gateway in
            let body = #"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"delete"}}"#
            let answer = try gateway.refused(try gateway.client(), Gateway.post(body: body))
            #expect(answer.status == 403)
            #expect(answer.text.contains(#""error":"forbidden""#))
            #expect(gateway.audit.decisions.first?.refusal == .toolDenied)
        }
    }

    @Test func `a batch with a denied call is answered with errors and does not pass`() async throws {
        try await MCPGateway.run(["get_*"]) { gateway in
            let client = try gateway.client()
            let note = #"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#
            let batch = "[\(MCPGateway.call("get_a", id: "1")),\(MCPGateway.call("delete", id: "2")),\(note)]"
            let answer = try gateway.refused(client, Gateway.post(body: batch))
            #expect(answer.status == 200)
            #expect(answer.text.hasPrefix(#"[{"jsonrpc":"2.0","id":1,"error":{"code":4030"#))
            #expect(answer.text.contains(#","id":2,"error""#))
            #expect(gateway.audit.decisions.map(\.rpcID) == ["1", "2", ""])
            // Each message says its own reason, or that it went down with the batch.
            #expect(gateway.audit.decisions.map(\.refusal) == [.batchDenied, .toolDenied, .batchDenied])
            #expect(gateway.audit.decisions.map(\.rpcPosition) == [1, 2, 3])

            let good = "[\(MCPGateway.call("get_a", id: "1")),\(MCPGateway.call("get_b", id: "2"))]"
            try client.send(Gateway.post("/mcp", as: "alice", "MCP-Protocol-Version: 2025-03-26", body: good))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: good)
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            let later = try gateway.refused(
                client,
                Gateway.post("/mcp", as: "alice", "MCP-Protocol-Version: 2025-06-18", body: good)
            )
            #expect(later.status == 400)
        }
    }

    @Test(arguments: [
        "", "{}", "hello", #"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call\u0000","params":{"name":"x"}}"#,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\u{A0}\",\"params\":{\"name\":\"x\"}}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ｔools/call\",\"params\":{\"name\":\"x\"}}",
        "\u{FEFF}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", #"[[{"jsonrpc":"2.0","id":1,"method":"ping"}]]"#,
        #"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"result":{}}]"#,
    ])
    func `what two readers could read differently does not reach the upstream`(body: String) async throws {
        try await MCPGateway.run(["x"]) { gateway in
            let client = try gateway.client()
            let answer = try gateway.refused(client, Gateway.post(body: body))
            #expect(answer.status == 400)
            #expect(answer.text.contains(#""error":"bad_request""#))
            #expect(gateway.audit.decisions.first?.refusal == .rpcMalformed)
            // The connection goes on.
            #expect(try gateway.refused(client, Gateway.post(body: body)).status == 400)
        }
    }

    @Test(arguments: [
        "Content-Type: application/json; charset=utf-7", "Content-Type: application/json; Charset = \"UTF-16\"",
        "Content-Encoding: gzip", "Content-Type: application/json\r\nContent-Type: text/plain",
        "Content-Type: application/json; charset=utf-8; charset=utf-7",
    ])
    func `a body that the upstream would decode first is refused`(field: String) async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            #expect(
                try gateway.refused(client, Gateway.post("/mcp", as: "alice", field, body: MCPGateway.request("ping")))
                    .status == 400
            )
        }
    }

    @Test(arguments: [
        "Content-Type: application/json; charset=UTF-8", "Content-Type: application/json;charset=\"utf-8\" ; x=y",
    ])
    func `UTF-8 may be named`(field: String) async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.post("/mcp", as: "alice", field, body: MCPGateway.request("ping")))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    // MARK: - 2026-07-28

    @Test(arguments: [
        ["Mcp-Method: tools/list", "Mcp-Name: get_a"], ["Mcp-Method: tools/call", "Mcp-Name: get_b"],
        ["Mcp-Method: tools/list"], ["Mcp-Name: get_b"], ["Mcp-Method:", "Mcp-Name: get_a"],
        ["Mcp-Method: tools/call", "Mcp-Name: get_a", "Mcp-Name: get_a"],
        ["Mcp-Method: tools/call", "Mcp-Method: tools/call", "Mcp-Name: get_a"],
    ])
    func `from 2026-07-28 on the mirrored fields must agree`(fields: [String]) async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let body = MCPGateway.call("get_a", id: "7")
            let all = fields + ["MCP-Protocol-Version: 2026-07-28", "Content-Length: \(body.utf8.count)"]
            let answer = try gateway.refused(client, Gateway.request("POST", all) + body)
            #expect(answer.status == 400)
            #expect(answer.text.contains(#""id":7,"error":{"code":-32020,"#))
            #expect(gateway.audit.decisions.first?.refusal == .rpcHeaderMismatch)
            // Before, they are not trusted and not needed.
            let older = fields + ["MCP-Protocol-Version: 2025-11-25", "Content-Length: \(body.utf8.count)"]
            try client.send(Gateway.request("POST", older) + body)
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test(arguments: [
        ([], MCPGateway.call("get_a")), (["Mcp-Method: tools/call"], MCPGateway.call("get_a")),
        (["Mcp-Name: get_a"], MCPGateway.call("get_a")), ([], #"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#),
    ])
    func `what must be mirrored is for the server to say`(fields: [String], body: String) async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            for version in ["2026-07-28", "9999-01-01"] {
                let all = fields + ["MCP-Protocol-Version: \(version)", "Content-Length: \(body.utf8.count)"]
                try client.send(Gateway.request("POST", all) + body)
                let connection = try gateway.upstream.accept()
                _ = try connection.receive(through: "\r\n\r\n")
                try connection.receive(exactly: body)
                try connection.send("HTTP/1.1 400 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
                #expect(try client.receiveAnswer().status == 400)
            }
        }
    }

    @Test func `a name in base64 agrees, and a version that stands twice does not`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let body = MCPGateway.call("grüß")
            let fields = [
                "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: =?base64?Z3LDvMOf?=",
                "Content-Length: \(body.utf8.count)",
            ]
            let twice = try gateway.refused(
                client,
                Gateway.request("POST", fields + ["MCP-Protocol-Version: 2025-11-25"]) + body
            )
            #expect(twice.status == 400)
            try client.send(Gateway.request("POST", fields) + body)
            let connection = try gateway.upstream.accept()
            #expect(try connection.receive(through: "\r\n\r\n").contains("Mcp-Name: =?base64?Z3LDvMOf?="))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test func `a websocket is no way round the grants`() async throws {
        try await MCPGateway.run(["x"]) { gateway in
            let upgrade = Gateway.request("GET", ["Connection: Upgrade", "Upgrade: websocket"])
            let answer = try gateway.refused(try gateway.client(), upgrade)
            #expect(answer.status == 403)
        }
    }
}
