import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// The requests that a route admits at all, and those of a caller whom it limits.
@Suite struct AdmissionTests {
    private static let stream = "Accept: application/json, text/event-stream"
    private static let okay =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    /// Sends a request that is forwarded, answers it, and returns what the upstream got and what the client did. The upstream's connection ends with
    /// its answer: one that was kept would be closed here just as the next request is sent over it, and a POST is not sent twice (RFC 9112
    /// section 9.3.1).
    private func pass(
        _ gateway: Gateway,
        _ request: String,
        _ answer: String = okay,
        isHEAD: Bool = false
    ) throws -> (head: String, answer: RawAnswer) {
        let client = try gateway.client()
        try client.send(request)
        let connection = try gateway.upstream.accept()
        let head = try connection.receive(through: "\r\n\r\n")
        let line = answer.firstRange(of: "\r\n").map { answer[..<$0.upperBound] } ?? ""
        try connection.send(line + "Connection: close\r\n" + answer.dropFirst(line.count))
        return (head, try client.receiveAnswer(toHEAD: isHEAD))
    }

    // MARK: - Methods

    @Test(arguments: [Route.Speech.http, .mcp], ["TRACE", "TRACK", "CONNECT", "trace", "Track"])
    func `what shows the token or opens a tunnel is forwarded by no route`(speech: Route.Speech, method: String)
        async throws
    {
        try await Gateway.run(routes: { [try Gateway.route($0.url, speech: speech)] }) { gateway in
            let client = try gateway.client()
            for fields in [[], ["Content-Length: 2"], ["Transfer-Encoding: chunked"]] {
                let body = fields.isEmpty ? "" : fields[0].hasPrefix("C") ? "{}" : "2\r\n{}\r\n0\r\n\r\n"
                let answer = try gateway.refused(client, Gateway.request(method, fields) + body)
                #expect(answer.status == 405)
                #expect(answer["Allow"]?.hasPrefix("GET, HEAD, POST") == true)
                #expect(answer.text.contains(#""error":"method_not_allowed""#))
                #expect(gateway.audit.decisions.last?.refusal == .methodDenied)
                #expect(gateway.audit.decisions.last?.method == method)
            }
        }
    }

    @Test func `CONNECT in the form of its own is malformed`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let answer = try gateway.refused(client, Gateway.request("CONNECT", to: "coda.example:443"))
            #expect(answer.status == 400)
        }
    }

    @Test(arguments: ["PUT", "PATCH", "PURGE", "MKCOL", "PROPFIND", "post", "Get", "X"])
    func `a route of MCP takes no other method, with or without a body`(method: String) async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let body = MCPGateway.request("ping")
            for request in [
                Gateway.request(method), Gateway.request(method, ["Content-Length: \(body.utf8.count)"]) + body,
            ] {
                let answer = try gateway.refused(client, request)
                #expect(answer.status == 405)
                #expect(answer["Allow"] == "GET, HEAD, POST, DELETE, OPTIONS")
            }
        }
    }

    @Test func `a route of plain HTTP forwards them`() async throws {
        try await Gateway.run { gateway in
            for method in ["PUT", "PATCH", "PURGE", "OPTIONS"] {
                let passed = try pass(gateway, Gateway.request(method))
                #expect(passed.head.hasPrefix("\(method) /mcp HTTP/1.1\r\n"))
            }
        }
    }

    // MARK: - Callers with limits

    @Test(arguments: ["GET", "HEAD", "OPTIONS"])
    func `a limited caller asks for event streams only`(method: String) async throws {
        try await MCPGateway.run([]) { gateway in
            for fields in [
                [], ["Accept: */*"], ["Accept: application/json"], ["Accept: text/event-stream;q=0"],
                ["Accept: text/event-stream; q=0.00, */*"], ["Accept: text/event-streams"],
                ["Accept: text/*"], ["X-Accept: text/event-stream"],
                ["Accept: text/event-stream", "Connection: accept"],
            ] {
                let client = try gateway.client()
                try client.send(Gateway.request(method, fields, to: "/items/2"))
                #expect(try client.receiveAnswer(toHEAD: method == "HEAD").status == 403, "\(fields)")
                #expect(!gateway.upstream.hasConnection)
                #expect(gateway.audit.decisions.last?.refusal == .principalDenied)
            }
        }
    }

    @Test(arguments: [
        "Accept: text/event-stream", "Accept: TEXT/Event-Stream ; q=0.5",
        "accept: application/json,text/event-stream;q=1",
        "Accept: */*\r\nAccept:text/event-stream",
    ])
    func `and gets them`(field: String) async throws {
        try await MCPGateway.run([]) { gateway in
            let events = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n"
            let answer = try pass(
                gateway,
                Gateway.get("/mcp", as: "alice", field),
                EventStreamTests.head + EventStreamTests.chunk(events) + "0\r\n\r\n"
            ).answer
            #expect(answer.status == 200)
            #expect(answer.text == events)
        }
    }

    @Test(arguments: ["GET", "HEAD", "OPTIONS"])
    func `a good answer that is no event stream is withheld`(method: String) async throws {
        try await MCPGateway.run([]) { gateway in
            for head in [
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Item: 7\r\n", "HTTP/1.1 200 OK\r\n",
                "HTTP/1.1 206 Partial\r\nContent-Type: text/event-streams\r\n",
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Type: application/json\r\n",
            ] {
                let (_, answer) = try pass(
                    gateway,
                    Gateway.request(method, [Self.stream], to: "/items/2"),
                    head + "Content-Length: 6\r\n\r\n" + (method == "HEAD" ? "" : "{\"a\":1}".dropLast()),
                    isHEAD: method == "HEAD"
                )
                #expect(answer.status == 502)
                #expect(answer["X-Item"] == nil)
                #expect(!answer.text.contains(#""a""#))
                #expect(try gateway.audit.waitForOutcomes().last?.refusal == .upstreamNotMCP)
            }
            #expect(try await gateway.server.onEachLoop { $0.metrics.current.health.values.map(\.isGood) } == [[true]])
        }
    }

    @Test(arguments: [
        "Content-Length: 11\r\n\r\n{\"secret\":1", "Transfer-Encoding: chunked\r\n\r\nb\r\n{\"secret\":1\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nb\r\n{\"secret\":1\r\n", "Content-Length: 100\r\n\r\n{\"secret\":1",
        "\r\n{\"secret\":1",
        "Content-Type: text/event-stream\r\n\r\n: {\"secret\":1", "Content-Length: 0\r\n\r\n",
    ])
    func `another status passes without its body, and the connection goes on`(rest: String) async throws {
        try await MCPGateway.run([]) { gateway in
            for version in ["1.1", "1.0"] {
                let client = try gateway.client()
                let fields = [Self.stream] + (version == "1.0" ? ["Connection: keep-alive"] : [])
                for _ in 0..<2 {
                    let request = Gateway.request("GET", fields).replacing("HTTP/1.1", with: "HTTP/\(version)")
                    try client.send(request)
                    let connection = try gateway.upstream.accept()
                    _ = try connection.receive(through: "\r\n\r\n")
                    try connection.send("HTTP/1.1 405 No\r\nAllow: POST\r\nConnection: close\r\n\(rest)")
                    let answer = try client.receiveAnswer()
                    #expect(answer.status == 405)
                    #expect(answer["Allow"] == "POST")
                    #expect(answer["Content-Length"] == "0")
                    #expect(answer.text.isEmpty)
                    connection.close()
                }
                #expect(try gateway.audit.waitForOutcomes(2).allSatisfy { $0.ending == .complete && $0.bytesOut == 0 })
            }
        }
    }

    @Test(arguments: [
        "200 OK\r\nContent-Type: text/plain", "200 OK", "201 Created\r\nContent-Type: text/html",
        "203 Other\r\nContent-Type: application/jsonx", "206 Partial\r\nContent-Type: application/json",
        "200 OK\r\nContent-Type: application/json\r\nContent-Type: text/plain",
        "200 OK\r\nContent-Type: application/json-seq",
        "299 X\r\nContent-Type: text/event-streams",
    ])
    func `a call of a limited caller is answered in JSON or an event stream`(head: String) async throws {
        for tools in [["x"], nil] {
            try await MCPGateway.run(tools) { gateway in
                let call = MCPGateway.call("x")
                let answer = try pass(
                    gateway,
                    Gateway.post("/mcp", body: call),
                    "HTTP/1.1 \(head)\r\nX-Item: 7\r\nContent-Length: 6\r\n\r\nsecret"
                ).answer
                #expect(answer.text.contains("secret") == (tools == nil))
                if tools != nil {
                    #expect(answer.status == 502)
                    #expect(answer["X-Item"] == nil)
                    #expect(answer.text.contains(#""id":1,"error":{"code":5020"#))
                    #expect(try gateway.audit.waitForOutcomes().last?.refusal == .upstreamNotMCP)
                }
            }
        }
    }

    @Test(arguments: [
        ("301 X\r\nLocation: /x\r\nContent-Type: text/html", ""), ("404 X", ""),
        ("400 X\r\nContent-Type: text/plain", ""),
        ("500 X\r\nContent-Type: application/json", "secret"),
        ("404 X\r\nContent-Type: application/json; charset=utf-8", "secret"),
        ("202 Accepted\r\nContent-Type: text/plain", ""),
    ])
    func `another status of an answer to it passes, its body if it is JSON`(head: String, body: String) async throws {
        try await MCPGateway.run(["x"]) { gateway in
            let answer = try pass(
                gateway,
                Gateway.post("/mcp", body: MCPGateway.call("x")),
                "HTTP/1.1 \(head)\r\nContent-Length: 6\r\n\r\nsecret"
            ).answer
            #expect(answer.status == Int(head.prefix(3)))
            #expect(answer.text == body)
        }
    }

    @Test func `nobody looks into the answer to a notification, and JSON that is no message is withheld`() async throws
    {
        try await MCPGateway.run(["x"]) { gateway in
            let told = #"{"jsonrpc":"2.0","method":"notifications/x"}"#
            for answer in [
                "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", "HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n",
            ] {
                #expect(try pass(gateway, Gateway.post(body: told), answer).answer.text.isEmpty)
            }
            for body in ["secret", #""secret""#, "{}secret", "+AHsAIg-secret", "\u{1}{\"secret\":1}"] {
                let answer = try pass(gateway, Gateway.post(body: MCPGateway.request("ping")), MCPGateway.json(body))
                    .answer
                #expect(answer.status == 200)
                #expect(!answer.text.contains("secret"))
            }
        }
    }

    @Test func `an upstream connection whose body was dropped whole serves another request`() async throws {
        try await MCPGateway.run([]) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/mcp", as: "alice", Self.stream))
            let connection = try gateway.upstream.accept()
            for _ in 0..<2 {
                _ = try connection.receive(through: "\r\n\r\n")
                try connection.send("HTTP/1.1 405 No\r\nContent-Length: 6\r\n\r\nsecret")
                #expect(try client.receiveAnswer().text.isEmpty)
                try client.send(Gateway.get("/mcp", as: "alice", Self.stream))
            }
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
            #expect(try client.receiveAnswer().status == 404)
        }
    }

    @Test func `a limited caller deletes nothing but sessions of its own`() async throws {
        try await MCPGateway.run([]) { gateway in
            let alice = try gateway.client()
            try alice.send(Gateway.post(body: MCPGateway.request("ping")))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: MCPGateway.request("ping"))
            try connection.send(MCPGateway.json("{}", "Mcp-Session-Id: s-1"))
            let session = try #require(try alice.receiveAnswer()["Mcp-Session-Id"])
            for (target, fields, reason) in [
                ("/items/1", [], .pathDenied), ("/items/1", ["Mcp-Session-Id: \(session)"], .pathDenied),
                ("/mcp", ["Mcp-Session-Id: s-1"], .sessionUnknown), ("/mcp?session_id=\(session)", [], .sessionUnknown),
            ] as [(String, [String], Reason)] {
                try alice.send(Gateway.request("DELETE", fields, to: target))
                let answer = try alice.receiveAnswer()
                #expect(answer.status == 404)
                #expect(gateway.audit.decisions.last?.refusal == reason)
            }
            try alice.send(Gateway.request("DELETE", ["Mcp-Session-Id: \(session)"]))
            #expect(try connection.receive(through: "\r\n\r\n").hasPrefix("DELETE /mcp HTTP/1.1\r\n"))
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
            let answer = try alice.receiveAnswer()
            #expect(answer.status == 200)
            #expect(answer.text.isEmpty)
        }
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","id":1,"method":"ping","name":"x","price":1}"#,
        #"{"name":"x","jsonrpc":"2.0","id":1,"method":"ping"}"#,
        #"{"jsonrpc":"2.0","method":"notifications/x","q":null}"#, #"{"jsonrpc":"2.0","id":1,"result":{},"q":1}"#,
        #"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping","q":1}]"#,
    ])
    func `a limited caller's message has the members of JSON-RPC and no other`(body: String) async throws {
        try await MCPGateway.run([]) { gateway in
            let answer = try gateway.refused(try gateway.client(), Gateway.post("/mcp", body: body))
            #expect(answer.status == 400)
            #expect(gateway.audit.decisions.last?.refusal == .rpcMalformed)
        }
        try await MCPGateway.run { gateway in
            let passed = try pass(gateway, Gateway.post("/items", body: body))
            #expect(passed.answer.status == 200)
        }
    }

    @Test func `who is not limited may ask for anything`() async throws {
        try await MCPGateway.run { gateway in
            for method in ["GET", "DELETE", "OPTIONS"] {
                let passed = try pass(gateway, Gateway.request(method, to: "/items/1"))
                #expect(passed.answer.text == "{}")
            }
        }
    }

    // MARK: - Endpoints

    @Test func `a limited caller posts where servers speak MCP, on a route that does not say where`() async throws {
        let body = MCPGateway.request("ping")
        try await MCPGateway.run([]) { gateway in
            let session = try session(gateway)
            for path in [
                "/items", "/items/1/publish", "/mcps", "/rpc", "/items/mcp/publish", "/messages",
                "/message/",
                "/items?session_id=\(session)", "/items/\(session)", "/messages/x/publish?session_id=\(session)",
            ] {
                let answer = try gateway.refused(try gateway.client(), Gateway.post(path, body: body))
                #expect(answer.status == 404, "\(path)")
                #expect(gateway.audit.decisions.last?.refusal == .pathDenied, "\(path)")
            }
            for path in [
                "/", "/mcp", "/mcp/", "/MCP", "/mcp/x", "/api/v1/mcp", "/sse", "/mcp_server/http", "/mcp-test/4f",
                "/messages/?session_id=\(session)", "/message?sessionId=\(session)", "/messages/\(session)",
            ] {
                #expect(try pass(gateway, Gateway.post(path, body: body)).answer.status == 200, "\(path)")
            }
        }
        // A caller without limits posts anywhere.
        try await MCPGateway.run { gateway in
            let passed = try pass(gateway, Gateway.post("/items", body: body))
            #expect(passed.answer.status == 200)
        }
    }

    /// One that looks as if it was drawn at random, as those in paths do.
    private func session(_ gateway: Gateway) throws -> String {
        let route = try RouteName(parsing: "coda")
        let alice = ScriptedCallers.person("alice@example.com").principal
        let id = Array("7335d417-61da-459d-899c-0a01c76a2f94".utf8)
        let tag = try #require(id.withUnsafeBytes { Gateway.sessions.tag(for: $0, route: route, principal: alice) })
        return String(decoding: id + tag, as: UTF8.self)
    }

    @Test func `beside the endpoints that a route names there is nothing for anybody`() async throws {
        let endpoints = EndpointPaths([try PathPrefix(parsing: "/mcp"), try PathPrefix(parsing: "/sse")])
        try await Gateway.run(routes: {
            [try Gateway.route($0.url, path: "/coda", speech: .mcp, endpoints: endpoints)]
        }) { gateway in
            let body = MCPGateway.request("ping")
            for path in ["/coda", "/coda/", "/coda/items", "/coda/mcps", "/coda/MCP", "/coda/mcp;x", "/coda/mcp%20"] {
                for request in [
                    Gateway.get(path, as: "alice", Self.stream), Gateway.post(path, body: body),
                    Gateway.request("DELETE", to: path), Gateway.request("OPTIONS", to: path),
                ] {
                    let answer = try gateway.refused(try gateway.client(), request)
                    #expect(answer.status == 404, "\(request)")
                    #expect(answer.text.contains(#""error":"not_found""#))
                    #expect(gateway.audit.decisions.last?.refusal == .pathDenied)
                }
            }
            for path in ["/coda/mcp", "/coda/mcp/", "/coda/mcp?x=1", "/coda/sse/x"] {
                let (head, answer) = try pass(gateway, Gateway.post(path, body: body))
                #expect(answer.status == 200)
                #expect(head.hasPrefix("POST \(path.dropFirst(5)) HTTP/1.1\r\n"))
            }
        }
    }

    // MARK: - Beside a gate

    @Test func `a route without a gate reaches no gated path under another spelling`() async throws {
        try await Gateway.run(routes: {
            [
                try Gateway.route($0.url + "/mcp", name: "gated", path: "/mcp", inject: [:], speech: .mcp),
                try Gateway.route($0.url),
            ]
        }) { gateway in
            for path in [
                "/MCP", "/mcp;x", "/mcp%3bx", "/mcp%20", "/Mcp/x", "/mcp%253b", "/mcp%c2%a0", "/%ef%bd%8dcp",
                "/m%c2%adcp",
                "/mcp%3fx", "/mcp%23", "/mcp.json",
            ] {
                let answer = try gateway.refused(
                    try gateway.client(),
                    Gateway.post(path, body: MCPGateway.call("delete"))
                )
                #expect(answer.status == 400, "\(path)")
                #expect(gateway.audit.decisions.last?.refusal == .pathAmbiguous)
            }
            for path in ["/items", "/mcps", "/x/mcp"] {
                #expect(try pass(gateway, Gateway.get(path)).answer.status == 200)
            }
        }
    }

    // MARK: - Bodies that are none

    @Test(arguments: ["GET", "HEAD", "DELETE", "OPTIONS"], [nil, []] as [[String]?])
    func `a chunked body that turns out empty is none`(method: String, tools: [String]?) async throws {
        try await MCPGateway.run(tools) { gateway in
            let sessions = Gateway.sessions
            let route = try RouteName(parsing: "coda")
            let id = Array("s-1".utf8)
            let alice = ScriptedCallers.person("alice@example.com").principal
            let tag = try #require(id.withUnsafeBytes { sessions.tag(for: $0, route: route, principal: alice) })
            let fields = [
                Self.stream, "Transfer-Encoding: chunked", "Content-Encoding: gzip",
                "Mcp-Session-Id: s-1\(String(decoding: tag, as: UTF8.self))",
            ]
            for parts in [["0\r\n\r\n"], ["0;a=b\r\n", "X-Trailer: 1\r\n\r\n"]] {
                let client = try gateway.client()
                try client.send(Gateway.request(method, fields))
                for part in parts { try client.send(part) }
                let connection = try gateway.upstream.accept()
                #expect(try connection.receive(through: "\r\n\r\n").hasPrefix("\(method) /mcp HTTP/1.1\r\n"))
                try connection.receive(exactly: parts.joined())
                try connection.send("HTTP/1.1 404 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                #expect(try client.receiveAnswer(toHEAD: method == "HEAD").status == 404)
                try client.send(Gateway.request("PUT"))
                #expect(try client.receiveAnswer().status == 405)
            }
        }
    }

    @Test func `one that is not is read, and a POST without one is refused`() async throws {
        try await MCPGateway.run(["x"]) { gateway in
            let fields = [Self.stream, "Transfer-Encoding: chunked"]
            let client = try gateway.client()
            let body = MCPGateway.call("delete")
            let chunk = EventStreamTests.chunk(body) + "0\r\n\r\n"
            #expect(try gateway.refused(client, Gateway.request("GET", fields) + chunk).text.contains("tool_denied"))
            #expect(try gateway.refused(client, Gateway.request("GET", fields) + "1\r\n{\r\n0\r\n\r\n").status == 400)
            #expect(try gateway.refused(client, Gateway.request("POST", fields) + "0\r\n\r\n").status == 400)
            let coded = fields + ["Content-Encoding: gzip"]
            #expect(try gateway.refused(client, Gateway.request("GET", coded) + chunk).status == 400)
        }
    }

    @Test(arguments: ["Content-Encoding: identity", "content-encoding: Identity", "Content-Encoding:"])
    func `identity is no coding`(field: String) async throws {
        try await MCPGateway.run(["x"]) { gateway in
            let body = MCPGateway.request("ping")
            #expect(try pass(gateway, Gateway.post("/mcp", as: "alice", field, body: body)).answer.status == 200)
            let both = Gateway.post("/mcp", as: "alice", field, "Content-Encoding: br", body: body)
            #expect(try pass(gateway, Gateway.post(body: body)).answer.status == 200)
            let client = try gateway.client()
            try client.send(both)
            #expect(try client.receiveAnswer().status == 400)
        }
    }
}
