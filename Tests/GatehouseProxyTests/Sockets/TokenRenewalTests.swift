import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// An upstream answers 401 to a token that renews itself.
@Suite struct TokenRenewalTests {
    /// A request for a newer token.
    struct Asked: Sendable {
        let version: Int
        let stays: @Sendable () -> Void
    }

    static let unauthorized = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"

    private func run(
        speech: Route.Speech = .http,
        _ body: (Gateway, Watched<[Asked]>) async throws -> Void
    ) async throws {
        let asked = Watched<[Asked]>([])
        try await Gateway.run(
            renewal: { _, _, version, stays in asked.update { $0.append(Asked(version: version, stays: stays)) } },
            routes: { [try Gateway.route($0.url, speech: speech)] }
        ) { gateway in
            try await body(gateway, asked)
            // A waiting request holds its connection.
            asked.update { $0 = [] }
        }
    }

    private func renew(_ gateway: Gateway, to version: Int, speech: Route.Speech = .http, policy: Policy = .everyone)
        throws
    {
        let route = try Gateway.route(gateway.upstream.url, policy: policy, speech: speech)
        let token = "renewed-token-\(version)"
        gateway.server.replaceSnapshot(try Gateway.snapshot([route], token: token, version: version, renews: true))
    }

    private func reject(_ gateway: Gateway, through end: String = "\r\n\r\n") throws -> String {
        let connection = try gateway.upstream.accept()
        let request = try connection.receive(through: end)
        try connection.send(Self.unauthorized)
        return request
    }

    /// A client whose request was rejected, and for which a newer version is asked.
    private func rejected(_ gateway: Gateway, _ asked: Watched<[Asked]>) throws -> RawSocket {
        let client = try gateway.client()
        try client.send(Gateway.get())
        _ = try reject(gateway)
        try asked.wait("the renewal to be asked for") { $0.count == 1 }
        return client
    }

    @Test func `the request is sent once more with the newer token, and is otherwise the same`() async throws {
        try await run { gateway, asked in
            let client = try gateway.client()
            try client.send(Gateway.post("/mcp?a=1", "X-Mine: 1", body: "all of it"))
            let first = try reject(gateway, through: "all of it")
            try asked.wait("the renewal to be asked for") { $0.map(\.version) == [1] }
            try renew(gateway, to: 2)
            let again = try gateway.upstream.accept()
            let second = try again.receive(through: "all of it")
            #expect(second == first.replacing(Gateway.token, with: "renewed-token-2"))
            #expect(!second.contains(Gateway.token))
            try again.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            // The connections go on.
            _ = try gateway.exchange(client, over: again)
        }
    }

    @Test(arguments: ["Content-Length", "Transfer-Encoding: chunked"])
    func `a call that the gate has read is sent once more`(framing: String) async throws {
        try await run(speech: .mcp) { gateway, asked in
            let client = try gateway.client()
            let call = MCPGateway.call("add", id: "7")
            let isChunked = framing.contains("chunked")
            let body = isChunked ? "\(String(call.utf8.count, radix: 16))\r\n\(call)\r\n0\r\n\r\n" : call
            let field = isChunked ? framing : "Content-Length: \(call.utf8.count)"
            try client.send(Gateway.request("POST", [field, "Content-Type: application/json"]) + body)
            let first = try reject(gateway, through: body)
            try asked.wait("the renewal to be asked for") { $0.count == 1 }
            try renew(gateway, to: 2, speech: .mcp)
            let again = try gateway.upstream.accept()
            let second = try again.receive(through: body)
            #expect(second == first.replacing(Gateway.token, with: "renewed-token-2"))
            try again.send(MCPGateway.json(#"{"jsonrpc":"2.0","id":7,"result":{}}"#))
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test func `who was sent with an older version than the one in force asks for nothing`() async throws {
        try await run { gateway, asked in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try renew(gateway, to: 2)
            // Each loop has it by then.
            _ = try await gateway.server.onEachLoop { _ in 0 }
            try connection.send(Self.unauthorized)
            let again = try gateway.upstream.accept()
            #expect(try again.receive(through: "\r\n\r\n").contains("renewed-token-2"))
            try again.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            #expect(asked.read(\.count) == 0)
        }
    }

    @Test func `it is not sent a third time`() async throws {
        try await run { gateway, asked in
            let client = try rejected(gateway, asked)
            try renew(gateway, to: 2)
            _ = try reject(gateway)
            #expect(try client.receiveAnswer().status == 502)
            #expect(try gateway.audit.waitForOutcomes(1).last?.refusal == .upstreamCredentialRejected)
            // The renewer learns that the newer one was rejected, too.
            try asked.wait("the second rejection to be told") { $0.map(\.version) == [1, 2] }
            #expect(!gateway.upstream.hasConnection)
        }
    }

    @Test func `where none comes the rejection stands`() async throws {
        try await run { gateway, asked in
            let client = try rejected(gateway, asked)
            asked.read { $0[0].stays() }
            #expect(try client.receiveAnswer().status == 502)
            #expect(try gateway.audit.waitForOutcomes(1).last?.refusal == .upstreamCredentialRejected)
            #expect(!gateway.upstream.hasConnection)
        }
    }

    @Test func `a body of which a part has gone is not sent again, and the rejection is told`() async throws {
        try await run { gateway, asked in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Content-Length: 20"]) + "ten bytes.")
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "ten bytes.")
            try client.send("ten bytes!")
            _ = try connection.receive(through: "ten bytes!")
            try connection.send(Self.unauthorized)
            #expect(try client.receiveAnswer().status == 502)
            try asked.wait("the rejection to be told") { $0.map(\.version) == [1] }
        }
    }

    @Test func `a reload that lets others in meanwhile ends the wait`() async throws {
        try await run { gateway, asked in
            let client = try rejected(gateway, asked)
            try renew(gateway, to: 2, policy: Policy(grants: []))
            asked.read { $0[0].stays() }
            #expect(try client.receiveAnswer().status == 502)
            #expect(!gateway.upstream.hasConnection)
        }
    }

    @Test func `a client that goes meanwhile leaves nothing`() async throws {
        try await run { gateway, asked in
            let client = try rejected(gateway, asked)
            client.reset()
            try await gateway.expectNoConnections()
            try renew(gateway, to: 2)
            asked.read { $0[0].stays() }
            // A request of somebody else comes first, so nothing was sent for the one who went.
            let other = try gateway.client()
            try other.send(Gateway.get("/other"))
            let connection = try gateway.upstream.accept()
            #expect(try connection.receive(through: "\r\n\r\n").hasPrefix("GET /other "))
            try connection.send(Gateway.okay)
            #expect(try other.receiveAnswer().status == 200)
        }
    }
}
