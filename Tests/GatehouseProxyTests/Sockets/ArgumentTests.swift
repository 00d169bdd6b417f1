import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Rules on the arguments of a call, on the wire.
@Suite struct ArgumentTests {
    private func run(_ body: (Gateway) async throws -> Void) async throws {
        let policy = try MCPGateway.ruledPolicy()
        try await Gateway.run(
            routes: { upstream in [try Gateway.route(upstream.url, policy: policy, speech: .mcp)] },
            body
        )
    }

    private func passes(_ body: String, _ fields: String..., in gateway: Gateway) throws {
        let client = try gateway.client()
        let head = ["MCP-Protocol-Version: 2026-07-28"] + fields
        try client.send(Gateway.post("/mcp", as: "alice", head.joined(separator: "\r\n"), body: body))
        let connection = try gateway.upstream.accept()
        _ = try connection.receive(through: "\r\n\r\n")
        try connection.receive(exactly: body)
        try connection.send(Gateway.okay)
        #expect(try client.receiveAnswer().status == 200)
    }

    @Test func `a call with denied arguments is an error that names the argument and not its value`() async throws {
        try await run { gateway in
            let call = MCPGateway.call("create_row", #"{"docId":"not-this","x":1}"#)
            let answer = try gateway.refused(try gateway.client(), Gateway.post(body: call))
            #expect(answer.status == 200)
            let requestID = try #require(answer["X-Request-Id"])
            #expect(
                answer.text == """
                    {"jsonrpc":"2.0","id":1,"error":{"code":4030,"message":"The caller may not make this call with these \
                    arguments.","data":{"reason":"arguments_denied","request_id":"\(requestID)","argument":"docId"}}}
                    """
            )
            #expect(gateway.audit.decisions.first?.refusal == .argumentsDenied)
            #expect(gateway.audit.decisions.first?.target == "create_row")
            #expect(gateway.audit.outcomes.first?.rpcError == "4030")
            try passes(MCPGateway.call("create_row", #"{"docId":"\u0041bC1","x":1}"#), in: gateway)
            try passes(MCPGateway.call("get_row", #"{"docId":"not-this"}"#), in: gateway)
        }
    }

    @Test(arguments: [
        // A call without arguments, one in front of its name, one that asks for a task, one that goes on after questions.
        #"{"name":"create_row"}"#, #"{"arguments":{"docId":"x"},"name":"create_row"}"#,
        #"{"name":"create_row","arguments":{"docId":"x"},"task":{"ttl":1}}"#,
        #"{"name":"create_row","arguments":{"docId":"x"},"inputResponses":{"docId":{"result":{"docId":"AbC"}}}}"#,
        #"{"name":"create_row","arguments":{"docId":"AbC","doc_id":"x"}}"#,
    ])
    func `every form of a call is judged`(params: String) async throws {
        try await run { gateway in
            for version in ["2025-03-26", "2025-11-25", "2026-07-28"] {
                let body = MCPGateway.request("tools/call", params: params)
                let answer = try gateway.refused(
                    try gateway.client(),
                    Gateway.post("/mcp", as: "alice", "MCP-Protocol-Version: \(version)", body: body)
                )
                #expect(
                    answer.text.contains(#""reason":"arguments_denied""#)
                        && answer.text.contains(#""argument":"docId""#)
                )
            }
        }
    }

    @Test func `a denied notification is a 403, and a batch passes whole or not at all`() async throws {
        try await run { gateway in
            let params = #"{"name":"create_row","arguments":{}}"#
            let note = #"{"jsonrpc":"2.0","method":"tools/call","params":\#(params)}"#
            #expect(try gateway.refused(try gateway.client(), Gateway.post(body: note)).status == 403)
            let good = MCPGateway.call("create_row", id: "1", #"{"docId":"AbC"}"#)
            let bad = MCPGateway.call("create_row", id: "2", #"{"docId":1}"#)
            let answer = try gateway.refused(try gateway.client(), Gateway.post(body: "[\(good),\(bad)]"))
            #expect(answer.text.hasPrefix(#"[{"jsonrpc":"2.0","id":1,"error":{"code":4030"#))
            #expect(gateway.audit.decisions.suffix(2).map(\.refusal) == [.batchDenied, .argumentsDenied])
        }
    }

    /// A server, or whoever routes to one, may take an argument from the field that repeats it.
    @Test func `a field that repeats a ruled argument says what the body does`() async throws {
        try await run { gateway in
            let call = MCPGateway.call("create_row", #"{"docId":"AbC1","region":"eu","n":1}"#)
            try passes(call, "Mcp-Param-DocId: AbC1", "Mcp-Param-Region: eu", in: gateway)
            try passes(call, "mcp-param-doc-id: =?base64?QWJDMQ==?=", in: gateway)
            // What no rule names is the server's to compare.
            try passes(call, "Mcp-Param-Region: us", in: gateway)
            for field in [
                "Mcp-Param-DocId: other", "Mcp_Param_DocId: other", "MCP.PARAM.docid: other", "Mcp-Param-Doc-Id: other",
                "Mcp-Param-DocId: =?base64?b3RoZXI=?=", "Mcp-Param-DocId:", "Mcp-Param-doc_id: AbC1, AbC1",
                "Mcp-Param-DocId: AbC1\r\nMcp-Param-DocId: other",
            ] {
                let request = Gateway.post(
                    "/mcp",
                    as: "alice",
                    "MCP-Protocol-Version: 2026-07-28\r\n\(field)",
                    body: call
                )
                let answer = try gateway.refused(try gateway.client(), request)
                #expect(answer.text.contains(#""code":-32020"#), "\(field)")
            }
            try passes(MCPGateway.call("get_row", #"{"docId":"AbC1"}"#), "Mcp-Param-DocId: other", in: gateway)
        }
    }
}
