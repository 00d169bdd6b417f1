import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Sessions over sockets: tagged on the way back, checked and untagged on the way in, nobody else's.
@Suite struct SessionBindingTests {
    /// Opens a session and returns its id as the client has it.
    private func initialize(_ gateway: Gateway, _ client: RawSocket, id: String = "abc.def") throws -> (
        String, RawSocket
    ) {
        try client.send(Gateway.post(body: MCPGateway.request("initialize", params: "{}")))
        let connection = try gateway.upstream.accept()
        _ = try connection.receive(through: "\r\n\r\n")
        try connection.receive(exactly: MCPGateway.request("initialize", params: "{}"))
        try connection.send(MCPGateway.json("{}", "mcp-session-id: \(id)"))
        let answer = try client.receiveAnswer()
        return (try #require(answer["Mcp-Session-Id"]), connection)
    }

    /// Some servers put a token of kilobytes there.
    @Test(arguments: ["abc.def", String(repeating: "a", count: 4096)])
    func `the upstream sees its own id, the client one with a tag`(id: String) async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let (session, connection) = try initialize(gateway, client, id: id)
            #expect(session.hasPrefix("\(id)."))
            #expect(session.utf8.count == id.utf8.count + SessionTags.length)
            for method in ["GET", "DELETE"] {
                try client.send(Gateway.request(method, ["Mcp-Session-Id: \(session)"]))
                let head = try connection.receive(through: "\r\n\r\n")
                #expect(head.contains("\r\nMcp-Session-Id: \(id)\r\n"))
                // The same session gets the same name again.
                try connection.send("HTTP/1.1 200 OK\r\nMcp-Session-Id: \(id)\r\nContent-Length: 0\r\n\r\n")
                #expect(try client.receiveAnswer()["Mcp-Session-Id"] == session)
            }
            try gateway.audit.waitForOutcomes(3)
            let hashes = Set(gateway.audit.decisions.dropFirst().map(\.session))
            #expect(hashes.count == 1)
            #expect(hashes.first?.utf8.count == 32)
            #expect(hashes.first.map { !session.contains($0) } == true)
        }
    }

    /// Several servers answer so once they have forgotten a session: it says nothing of the injected token.
    @Test func `a 401 to a request that names a session is an unknown session`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let (session, connection) = try initialize(gateway, client)
            let unauthorized = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\nno"
            let body = MCPGateway.request("ping")
            try client.send(
                Gateway.request("POST", ["Mcp-Session-Id: \(session)", "Content-Length: \(body.utf8.count)"]) + body
            )
            _ = try connection.receive(through: "\r\n\r\n" + body)
            try connection.send(unauthorized)
            let answer = try client.receiveAnswer()
            #expect(answer.status == 404)
            #expect(answer["WWW-Authenticate"] == nil)
            #expect(try gateway.audit.waitForOutcomes(2).last?.refusal == .sessionUnknown)
            #expect(gateway.audit.outcomes.last?.upstreamStatus == 401)
            #expect(gateway.rejections.read { $0 } == 0)
            // The one that asks for a new session names none: there a rejected token shows.
            try client.send(Gateway.post(body: MCPGateway.request("initialize", params: "{}")))
            let next = try gateway.upstream.accept()
            _ = try next.receive(through: "\r\n\r\n")
            try next.send(unauthorized)
            #expect(try client.receiveAnswer().status == 502)
            #expect(try gateway.audit.waitForOutcomes(3).last?.refusal == .upstreamCredentialRejected)
            #expect(gateway.rejections.read { $0 } == 1)
        }
    }

    @Test func `a stolen, forged, cut or doubled session is unknown`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let (session, connection) = try initialize(gateway, client)
            let thefts: [(String, [String])] = [
                ("bob", ["Mcp-Session-Id: \(session)"]), ("alice", ["Mcp-Session-Id: abc.def"]),
                ("alice", ["Mcp-Session-Id: \(session)x"]), ("alice", ["Mcp-Session-Id: "]),
                ("alice", ["Mcp-Session-Id: \(session)", "Mcp-Session-Id: \(session)"]),
            ]
            for (caller, fields) in thefts {
                for method in ["GET", "DELETE"] {
                    let answer = try gateway.refused(client, Gateway.request(method, fields, as: caller))
                    #expect(answer.status == 404)
                    #expect(gateway.audit.decisions.last?.refusal == .sessionUnknown)
                }
                let body = MCPGateway.request("ping")
                let post = Gateway.request("POST", fields + ["Content-Length: \(body.utf8.count)"], as: caller) + body
                #expect(try gateway.refused(client, post).status == 404)
            }
            #expect(try connection.pendingBytes() == 0)
        }
    }

    @Test func `the legacy transport's endpoint is public and bound, and its query checked`() async throws {
        try await MCPGateway.run(upstreamPath: "/up", path: "/pub") { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("GET", [], to: "/pub/sse"))
            let connection = try gateway.upstream.accept()
            #expect(try connection.receive(through: "\r\n\r\n").hasPrefix("GET /up/sse "))
            let event = "event: endpoint\r\ndata: /up/messages/?session_id=5f\r\n\r\n"
            try connection.send(EventStreamTests.head + EventStreamTests.chunk(event))
            _ = try client.receive(through: "\r\n\r\n")
            _ = try client.receive(through: "event: endpoint\r\ndata: ")
            let address = try client.receive(through: "\r\n").dropLast(1)
            #expect(address.hasPrefix("/pub/messages/?session_id=5f."))

            let poster = try gateway.client()
            let body = MCPGateway.request("ping")
            try poster.send(Gateway.post(String(address), body: body))
            let posted = try gateway.upstream.accept()
            #expect(try posted.receive(through: "\r\n\r\n").hasPrefix("POST /up/messages/?session_id=5f HTTP/1.1\r\n"))
            try posted.send("HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\nAccepted")
            #expect(try poster.receiveAnswer().status == 202)
            for stolen in [(String(address), "bob"), ("/pub/messages/?session_id=5f", "alice")] {
                try poster.send(Gateway.post(stolen.0, as: stolen.1, body: body))
                #expect(try poster.receiveAnswer().status == 404)
            }
            connection.close()
            _ = try client.receiveToEnd(orReset: true)
        }
    }

    @Test func `an endpoint that names the upstream itself is made public`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/sse"))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            let event = "event: endpoint\ndata: \(gateway.upstream.url)/m?sessionId=5f\n\n"
            try connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + event)
            _ = try client.receive(through: "\r\n\r\n")
            _ = try client.receive(through: "data: ")
            #expect(try client.receive(through: "\n").hasPrefix("https://coda.example/m?sessionId=5f."))
            connection.close()
            _ = try client.receive(through: "0\r\n\r\n")
        }
    }
}
