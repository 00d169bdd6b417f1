import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// List answers on their way to callers who may not use everything, and failures in the words of JSON-RPC.
@Suite struct FilteredListTests {
    private static let list = MCPGateway.request("tools/list")
    private static let full =
        #"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"del"}, {"name":"get_a"},{"name":"x"}]}}"#
    private static let filtered = #"{"jsonrpc":"2.0","id":1,"result":{"tools":[ {"name":"get_a"}]}}"#

    private func ask(_ gateway: Gateway, _ client: RawSocket, _ request: String = Gateway.post(body: list)) throws
        -> RawSocket
    {
        try client.send(request)
        let connection = try gateway.upstream.accept()
        _ = try connection.receive(through: "\r\n\r\n")
        return connection
    }

    private func expectGoesOn(_ gateway: Gateway, _ client: RawSocket, over connection: RawSocket) throws {
        let ping = MCPGateway.request("ping")
        try client.send(Gateway.post(body: ping))
        _ = try connection.receive(through: "\r\n\r\n")
        try connection.receive(exactly: ping)
        try connection.send(Gateway.okay)
        #expect(try client.receiveAnswer().text == "{}")
    }

    @Test func `a list in JSON loses what the caller may not use, and the connection goes on`() async throws {
        try await MCPGateway.run(["get_*"]) { gateway in
            let client = try gateway.client()
            let connection = try ask(gateway, client)
            try connection.receive(exactly: Self.list)
            try connection.send(MCPGateway.json(Self.full))
            let answer = try client.receiveAnswer()
            #expect(answer.text == Self.filtered)
            #expect(answer["Content-Length"] == nil)
            try expectGoesOn(gateway, client, over: connection)
        }
    }

    @Test func `whoever may use all gets all, as it came`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let connection = try ask(gateway, client)
            try connection.send(MCPGateway.json(Self.full))
            let answer = try client.receiveAnswer()
            #expect(answer.text == Self.full)
            #expect(answer["Content-Length"] == "\(Self.full.utf8.count)")
        }
    }

    @Test func `a list in events too, cut anywhere, with a comment where it is silent`() async throws {
        try await MCPGateway.run(["get_*"], limits: EventStreamTests.impatient) { gateway in
            let client = try gateway.client()
            let connection = try ask(gateway, client)
            try connection.send(EventStreamTests.head)
            _ = try client.receive(through: "\r\n\r\n")
            try client.receive(exactly: EventStreamTests.comment)
            for byte in "event: message\ndata: \(Self.full)\n\n".utf8 {
                try connection.send(EventStreamTests.chunk(String(UnicodeScalar(byte))))
            }
            try connection.send("0\r\n\r\n")
            let body = String(decoding: try client.receiveChunked().body, as: UTF8.self)
            #expect(body.replacing(":\n\n", with: "").hasSuffix("data: \(Self.filtered)\n\n"))
            try expectGoesOn(gateway, client, over: connection)
        }
    }

    @Test(arguments: ["tasks/result", "tasks/get", "tasks/later", "x/y", "server/discover", "ping"])
    func `whatever is no call may be answered with a list`(method: String) async throws {
        try await MCPGateway.run(["get_*"]) { gateway in
            let client = try gateway.client()
            let route = try RouteName(parsing: "coda")
            let alice = ScriptedCallers.person("alice@example.com").principal
            let tag = Array("t-1".utf8).withUnsafeBytes {
                Gateway.sessions.owned.tag(.task, $0, route: route, principal: alice)
            }
            let task = try "t-1" + String(decoding: #require(tag), as: UTF8.self)
            let body = MCPGateway.request(method, params: #"{"taskId":"\#(task)"}"#)
            let connection = try ask(gateway, client, Gateway.post(body: body))
            try connection.send(MCPGateway.json(Self.full))
            #expect(try client.receiveAnswer().text == Self.filtered)
        }
    }

    @Test func `a resumed stream is filtered as well`() async throws {
        try await MCPGateway.run(["get_*"]) { gateway in
            let client = try gateway.client()
            let connection = try ask(
                gateway,
                client,
                Gateway.get("/mcp", as: "alice", "Accept: text/event-stream", "Last-Event-ID: 3")
            )
            try connection.send(
                EventStreamTests.head + EventStreamTests.chunk("id: 4\ndata: \(Self.full)\n\n") + "0\r\n\r\n"
            )
            let text = try client.receiveAnswer().text
            #expect(text.hasPrefix("id: 4.") && text.hasSuffix("\ndata: \(Self.filtered)\n\n"))
        }
    }

    @Test(arguments: ["gzip", "br", "identity, gzip"])
    func `a list that is compressed in spite of identity is refused`(coding: String) async throws {
        try await MCPGateway.run(["get_*"]) { gateway in
            let client = try gateway.client()
            let connection = try ask(gateway, client)
            try connection.send(MCPGateway.json(Self.full, "Content-Encoding: \(coding)"))
            let answer = try client.receiveAnswer()
            #expect(answer.status == 502)
            #expect(answer.text.contains(#""id":1,"error":{"code":5020"#))
            #expect(!answer.text.contains("del"))
        }
    }

    @Test func `a client of HTTP 1.0 gets a filtered list to the end of the connection`() async throws {
        try await MCPGateway.run(["get_*"]) { gateway in
            let client = try gateway.client()
            let connection = try ask(
                gateway,
                client,
                Gateway.post(body: Self.list).replacing("HTTP/1.1", with: "HTTP/1.0")
            )
            try connection.send(MCPGateway.json(Self.full))
            #expect(try client.receiveAnswer().text == Self.filtered)
        }
    }

    @Test func `an entry that cannot be held is left out and counted`() async throws {
        try await MCPGateway.run(["get_*"]) { gateway in
            let client = try gateway.client()
            let connection = try ask(gateway, client)
            let huge = #"{"name":"get_a","x":""# + String(repeating: "y", count: 2 << 20) + #""}"#
            try connection.send(MCPGateway.json(#"{"result":{"tools":[\#(huge),{"name":"get_b"}]}}"#))
            #expect(try client.receiveAnswer().text == #"{"result":{"tools":[{"name":"get_b"}]}}"#)
            #expect(try gateway.audit.waitForOutcomes().last?.ending == .complete)
            let counted = try await gateway.server.onEachLoop { $0.metrics.current.unreadable.values.map { $0 } }
            #expect(counted == [[1]])
            let told = gateway.warnings.read { $0 }.filter {
                $0.hasPrefix("list entries that cannot be read were withheld")
            }
            #expect(told.count == 1 && told.allSatisfy { $0.contains("entries=1") && $0.contains("route=") })
        }
    }

    // MARK: - Failures

    @Test(arguments: [false, true])
    func `failures of the upstream are JSON-RPC errors with the id`(as200: Bool) async throws {
        try await MCPGateway.run(errorsAs200: as200) { gateway in
            let client = try gateway.client()
            for (answer, upstreamStatus) in [
                ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401),
                ("HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\noops", 500), ("", 0),
            ] {
                let connection = try ask(gateway, client)
                if answer.isEmpty { connection.close() } else { try connection.send(answer) }
                let got = try client.receiveAnswer()
                #expect(got.status == (as200 ? 200 : 502))
                #expect(got.text.contains(#"{"jsonrpc":"2.0","id":1,"error":{"code":5020,"#))
                #expect(got.text.contains(#""reason":"upstream_failed""#))
                #expect(got["WWW-Authenticate"] == nil)
                #expect(gateway.audit.outcomes.last?.upstreamStatus == upstreamStatus)
                #expect(gateway.audit.outcomes.last?.rpcError == "5020")
            }
        }
    }

    @Test func `an upstream's own JSON-RPC answer in a 5xx passes, unless the route wants 200`() async throws {
        let error = #"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}"#
        let response = MCPGateway.json(error).replacing("200 OK", with: "500 Oops")
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            try ask(gateway, client).send(response)
            let answer = try client.receiveAnswer()
            #expect(answer.status == 500)
            #expect(answer.text == error)
            try gateway.audit.waitForOutcomes()
            #expect(gateway.audit.outcomes.last?.rpcError == "-32603")
        }
        try await MCPGateway.run(errorsAs200: true) { gateway in
            let client = try gateway.client()
            try ask(gateway, client).send(response)
            #expect(try client.receiveAnswer().status == 200)
            #expect(gateway.audit.outcomes.last?.refusal == .upstreamError)
        }
    }

    @Test func `a call that is not answered in time has its own code`() async throws {
        try await MCPGateway.run(timeouts: RouteTimeouts(response: .milliseconds(1))) { gateway in
            let client = try gateway.client()
            let silent = try ask(gateway, client)
            let answer = try client.receiveAnswer()
            #expect(answer.status == 504)
            #expect(answer.text.contains(#""code":5040"#))
            silent.close()
        }
    }

    @Test(arguments: [
        "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
    ])
    func `a 405 and a 202 pass as they are`(response: String) async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let connection = try ask(gateway, client, Gateway.request("DELETE"))
            try connection.send(response)
            #expect(try client.receiveAnswer().status == Int(response.dropFirst(9).prefix(3)))
        }
    }
}
