import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// The legacy HTTP+SSE transport: a client posts, and looks for every answer on its event stream.
@Suite struct LegacyTransportTests {
    private static let uuid = "5f0c1b0e-2f7a-4c0b-9f6e-0d8f7a1b2c3d"

    private struct Stream {
        let client: RawSocket
        let upstream: RawSocket
        /// The address that the client posts to.
        let address: String
    }

    /// Opens a stream whose server tells the given address.
    private func open(_ gateway: Gateway, telling address: String, as caller: String = "alice") throws -> Stream {
        let client = try gateway.client()
        try client.send(Gateway.get("/sse", as: caller, "Accept: text/event-stream"))
        let upstream = try gateway.upstream.accept()
        _ = try upstream.receive(through: "\r\n\r\n")
        let event = EventStreamTests.chunk("event: endpoint\ndata: \(address)\n\n")
        try upstream.send(EventStreamTests.head + event)
        _ = try client.receive(through: "event: endpoint\ndata: ")
        let told = String(try client.receive(through: "\n").dropLast())
        _ = try client.receive(through: "\r\n")
        return Stream(client: client, upstream: upstream, address: told)
    }

    private func event(_ reason: String, code: Int, id: String, in stream: Stream) throws -> String {
        let text = try stream.client.receive(through: "}}}\n\n\r\n")
        #expect(text.contains("event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":\(id),\"error\":{\"code\":\(code),"))
        #expect(text.contains("\"reason\":\"\(reason)\""))
        return text
    }

    // MARK: - Errors of calls

    @Test(arguments: [1, 3], ["/m?session_id=5f", "/messages/\(uuid)"])
    func `a denied call is answered on the stream, whichever loop holds it`(threads: Int, address: String) async throws
    {
        try await Gateway.run(
            threads: threads,
            routes: { upstream in
                [try Gateway.route(upstream.url, policy: MCPGateway.policy(["search"]), speech: .mcp)]
            }
        ) { gateway in
            let stream = try open(gateway, telling: address)
            // As many connections as it takes to come by every loop.
            for number in 0..<threads {
                let poster = try gateway.client()
                let call = MCPGateway.call("delete", id: "\"a\(number)\"")
                let answer = try gateway.refused(poster, Gateway.post(stream.address, body: call))
                #expect(answer.status == 202 && answer.text.isEmpty)
                _ = try event("tool_denied", code: 4030, id: "\"a\(number)\"", in: stream)
            }
            let outcomes = try gateway.audit.waitForOutcomes(threads)
            #expect(outcomes.allSatisfy { $0.status == 202 && $0.rpcError == "4030" })
            #expect(gateway.audit.decisions.last?.refusal == .toolDenied)
            // The stream goes on.
            try stream.upstream.send(EventStreamTests.chunk("data: 1\n\n"))
            try stream.client.receive(exactly: EventStreamTests.chunk("data: 1\n\n"))
        }
    }

    @Test func `a call with denied arguments is answered there, with the argument`() async throws {
        let policy = try MCPGateway.ruledPolicy()
        try await Gateway.run(
            routes: { upstream in [try Gateway.route(upstream.url, policy: policy, speech: .mcp)] }
        ) { gateway in
            let stream = try open(gateway, telling: "/m?sessionId=5f")
            let poster = try gateway.client()
            let call = MCPGateway.call("create_row", #"{"docId":"other"}"#)
            #expect(try gateway.refused(poster, Gateway.post(stream.address, body: call)).status == 202)
            let told = try event("arguments_denied", code: 4030, id: "1", in: stream)
            #expect(told.contains(#""argument":"docId"}}}"#) && !told.contains("other"))
        }
    }

    @Test func `an error waits for the end of the event that is under way`() async throws {
        try await MCPGateway.run(["search"]) { gateway in
            let stream = try open(gateway, telling: "/m?sessionId=5f")
            try stream.upstream.send(EventStreamTests.chunk("data: ha"))
            try stream.client.receive(exactly: EventStreamTests.chunk("data: ha"))
            let poster = try gateway.client()
            let answer = try gateway.refused(poster, Gateway.post(stream.address, body: MCPGateway.call("delete")))
            #expect(answer.status == 202)
            #expect(try stream.client.pendingBytes() == 0)
            try stream.upstream.send(EventStreamTests.chunk("lf\n\n"))
            try stream.client.receive(exactly: EventStreamTests.chunk("lf\n\n"))
            _ = try event("tool_denied", code: 4030, id: "1", in: stream)
        }
    }

    @Test func `a rate, and an upstream that fails, are told there too`() async throws {
        let limits = RouteLimits(rate: RouteLimits.Rate(count: 1, per: .seconds(3600)))
        try await MCPGateway.run(routeLimits: limits) { gateway in
            let spent = try open(gateway, telling: "/m?sessionid=5f")
            let poster = try gateway.client()
            let answer = try gateway.refused(poster, Gateway.post(spent.address, body: MCPGateway.call("x", id: "7")))
            #expect(answer.status == 202)
            _ = try event("rate_limited", code: 4290, id: "7", in: spent)
        }
        try await MCPGateway.run { gateway in
            let stream = try open(gateway, telling: "/m?transportId=5f")
            let poster = try gateway.client()
            try poster.send(Gateway.post(stream.address, body: MCPGateway.call("x", id: "8")))
            try gateway.upstream.accept().close()
            #expect(try poster.receiveAnswer().status == 202)
            _ = try event("upstream_failed", code: 5020, id: "8", in: stream)
        }
    }

    @Test func `without its stream a call is answered where it was made`() async throws {
        try await MCPGateway.run(["search"]) { gateway in
            let stream = try open(gateway, telling: "/m?session_id=5f")
            stream.client.close()
            _ = try stream.upstream.receiveToEnd(orReset: true)
            let poster = try gateway.client()
            let answer = try gateway.refused(poster, Gateway.post(stream.address, body: MCPGateway.call("delete")))
            #expect(answer.status == 200)
            #expect(answer.text.contains("tool_denied"))
        }
    }

    @Test func `messages that a client does not take are bounded`() async throws {
        try await MCPGateway.run(["search"]) { gateway in
            let stream = try open(gateway, telling: "/m?session_id=5f")
            // An event that never ends.
            try stream.upstream.send(EventStreamTests.chunk("data: ha"))
            try stream.client.receive(exactly: EventStreamTests.chunk("data: ha"))
            let poster = try gateway.client()
            let post = Gateway.post(stream.address, body: MCPGateway.call("delete"))
            for _ in 0...EventStream.maximumMessages {
                #expect(try gateway.refused(poster, post).status == 202)
            }
            #expect(try stream.client.receiveTextToEnd(orReset: true).isEmpty)
            #expect(try gateway.refused(poster, post).status == 200)
        }
    }

    // MARK: - Sessions

    @Test(arguments: [
        "session_id", "sessionId", "sessionid", "transportId", "session-id", "mcp-session-id", "transport_id",
        "SESSION_ID",
    ])
    func `a session in the query is its owner's under every spelling`(name: String) async throws {
        try await MCPGateway.run { gateway in
            let stream = try open(gateway, telling: "/m?\(name)=5f")
            let poster = try gateway.client()
            let body = MCPGateway.request("ping")
            try poster.send(Gateway.post(stream.address, body: body))
            let posted = try gateway.upstream.accept()
            #expect(try posted.receive(through: "\r\n\r\n").hasPrefix("POST /m?\(name)=5f HTTP/1.1\r\n"))
            try posted.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            #expect(try poster.receiveAnswer().status == 202)
            for (address, thief) in [
                (stream.address, "bob"), ("/m?\(name)=5f", "bob"), ("/m?\(name)=5f", "alice"),
                (stream.address.replacing("=", with: "[]="), "alice"), ("/m?%73\(name.dropFirst())=5f", "alice"),
            ] where name.hasPrefix("s") || !address.contains("%73") {
                let stolen = try gateway.refused(try gateway.client(), Gateway.post(address, as: thief, body: body))
                #expect(stolen.status == 404)
            }
        }
    }

    @Test(arguments: [1, 2])
    func `a session at the end of the path is its owner's`(threads: Int) async throws {
        try await Gateway.run(
            threads: threads,
            routes: { upstream in
                [try Gateway.route(upstream.url + "/up", path: "/pub", speech: .mcp)]
            }
        ) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/pub/sse"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            let told = EventStreamTests.chunk("event: endpoint\ndata: /up/messages/\(Self.uuid)\n\n")
            try upstream.send(EventStreamTests.head + told)
            _ = try client.receive(through: "data: ")
            let address = String(try client.receive(through: "\n").dropLast())
            #expect(address.hasPrefix("/pub/messages/\(Self.uuid)."))

            let body = MCPGateway.request("ping")
            for _ in 0..<2 {
                let poster = try gateway.client()
                try poster.send(Gateway.post(address + "?x=1", body: body))
                let posted = try gateway.upstream.accept()
                let head = try posted.receive(through: "\r\n\r\n")
                #expect(head.hasPrefix("POST /up/messages/\(Self.uuid)?x=1 HTTP/1.1\r\n"))
                try posted.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                #expect(try poster.receiveAnswer().status == 202)
                let row = try #require(gateway.audit.decisions.last)
                #expect(row.path == "/pub/messages/" && row.session.utf8.count == 32)
            }
            let bare = "/pub/messages/\(Self.uuid)"
            let stolen = [
                (address, "bob"), (bare, "bob"), (bare, "alice"), (address + "x", "alice"), (bare + "/", "bob"),
                (bare + ";x=1", "bob"), ("/pub/Messages/\(Self.uuid)", "bob"), ("/pub/messages;x/\(Self.uuid)", "bob"),
                (bare + "/x", "bob"), (bare + "/" + address.dropFirst("/pub/messages/".count), "alice"),
            ]
            for (stolen, thief) in stolen {
                let answer = try gateway.refused(try gateway.client(), Gateway.post(stolen, as: thief, body: body))
                #expect(answer.status == 404, "\(stolen) \(thief)")
                #expect(gateway.audit.decisions.last?.refusal == .sessionUnknown)
            }
            // A segment that is no id is no session.
            let other = try gateway.client()
            try other.send(Gateway.post("/pub/messages/status", body: body))
            let posted = try gateway.upstream.accept()
            #expect(try posted.receive(through: "\r\n\r\n").hasPrefix("POST /up/messages/status "))
            try posted.receive(exactly: body)
            try posted.send(Gateway.okay)
            #expect(try other.receiveAnswer().status == 200)
        }
    }

    // MARK: - Mcp-Session-Id

    @Test(arguments: ["", "a,b", String(repeating: "x", count: 2000)])
    func `an empty session id is none, a comma is part of one, and a long one is one`(id: String) async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let body = MCPGateway.request("initialize", params: "{}")
            try client.send(Gateway.post(body: body))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: body)
            try connection.send(MCPGateway.json("{}", "Mcp-Session-Id: \(id)"))
            let answer = try client.receiveAnswer()
            #expect(answer.status == 200)
            let session = answer["Mcp-Session-Id"] ?? ""
            guard !id.isEmpty else {
                #expect(session.isEmpty)
                return
            }
            #expect(session.hasPrefix(id + "."))
            try client.send(Gateway.request("DELETE", ["Mcp-Session-Id: \(session)"]))
            #expect(try connection.receive(through: "\r\n\r\n").contains("\r\nMcp-Session-Id: \(id)\r\n"))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            let stolen = Gateway.request("DELETE", ["Mcp-Session-Id: \(session)"], as: "bob")
            #expect(try gateway.refused(try gateway.client(), stolen).status == 404)
        }
    }

    @Test(arguments: [
        "Mcp-Session-Id: a\r\nMcp-Session-Id: b", "Mcp-Session-Id: \(String(repeating: "x", count: 5000))",
    ])
    func `a session that nobody could come back with fails at once`(fields: String) async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.post(body: MCPGateway.request("initialize", params: "{}")))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send(MCPGateway.json("{}", fields))
            #expect(try client.receiveAnswer().status == 502)
        }
    }
}
