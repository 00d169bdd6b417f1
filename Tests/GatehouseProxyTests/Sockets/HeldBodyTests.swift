import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Bodies that come in pieces: held until they are whole, within bounds, and forwarded as they came.
@Suite struct HeldBodyTests {
    private static let body = MCPGateway.call("search")

    @Test func `nothing is forwarded before the body is whole`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            let half = Self.body.count / 2
            try client.send(
                Gateway.request("POST", ["Content-Length: \(Self.body.utf8.count)"]) + Self.body.prefix(half)
            )
            // Another request on the same loop is served meanwhile, so the first has been seen.
            let other = try gateway.client()
            let connection = try gateway.exchange(other)
            #expect(!gateway.upstream.hasConnection)
            #expect(gateway.audit.decisions.count == 1)
            try client.send(String(Self.body.dropFirst(half)))
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: Self.body)
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            #expect(try await gateway.server.onEachLoop { $0.heldBodies.bytes } == [0])
        }
    }

    @Test func `chunks pass as they came, trailers too, judged by what they hold together`() async throws {
        func chunked(_ body: String) -> String {
            let parts = [body.prefix(5), body.dropFirst(5).prefix(1), body.dropFirst(6)]
            return parts.map { "\(String($0.utf8.count, radix: 16));x=y\r\n\($0)\r\n" }.joined()
                + "0\r\nX-Sum: 1\r\n\r\n"
        }
        try await MCPGateway.run(["search"]) { gateway in
            let client = try gateway.client()
            let denied = Gateway.request("POST", ["Transfer-Encoding: chunked"]) + chunked(MCPGateway.call("delete"))
            #expect(try gateway.refused(client, denied).text.contains("tool_denied"))
            let whole = chunked(Self.body)
            try client.send(Gateway.request("POST", ["Transfer-Encoding: chunked"]))
            for byte in whole.utf8 { try client.send([byte]) }
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: whole)
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            #expect(gateway.audit.decisions.map(\.target) == ["delete", "search"])
        }
    }

    @Test func `a large body passes, and is dropped when its call is denied, and the connection goes on`() async throws
    {
        func large(_ tool: String) -> String {
            let text = String(repeating: "0123456789abcdef", count: 20_000)
            return MCPGateway.request("tools/call", params: #"{"name":"\#(tool)","arguments":{"t":"\#(text)"}}"#)
        }
        try await MCPGateway.run(["search"]) { gateway in
            let client = try gateway.client()
            let denied = try gateway.refused(client, Gateway.post(body: large("delete")))
            #expect(denied.status == 200)
            #expect(denied["Connection"] == nil)
            try client.send(Gateway.post(body: large("search")))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: large("search"))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test func `a body beyond the limit is refused, however its length is told`() async throws {
        try await MCPGateway.run(routeLimits: RouteLimits(body: 100)) { gateway in
            let long = MCPGateway.request("ping", params: #"{"x":"\#(String(repeating: "y", count: 100))"}"#)
            let answer = try gateway.refused(try gateway.client(), Gateway.post(body: long))
            #expect(answer.status == 413)
            let size = String(long.utf8.count, radix: 16)
            let chunked = Gateway.request("POST", ["Transfer-Encoding: chunked"]) + "\(size)\r\n\(long)\r\n0\r\n\r\n"
            let other = try gateway.refused(try gateway.client(), chunked)
            #expect(other.status == 413)
            // Framing alone does not fill the loop's memory either.
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Transfer-Encoding: chunked"]))
            let empty = "1;\(String(repeating: "x", count: 250))\r\n \r\n"
            _ = try? client.send(String(repeating: empty, count: 99 * 4))
            #expect(try client.receiveAnswer().status == 413)
        }
    }

    @Test func `malformed chunks are refused`() async throws {
        try await MCPGateway.run { gateway in
            let bad = Gateway.request("POST", ["Transfer-Encoding: chunked"]) + "5\r\n{\"jso\r\nxx"
            let answer = try gateway.refused(try gateway.client(), bad)
            #expect(answer.status == 400)
            #expect(answer["Connection"] == "close")
        }
    }

    @Test func `the loop holds no more than its bound`() async throws {
        var limits = ServerLimits()
        limits.heldBodies = 1000
        try await MCPGateway.run(limits: limits) { gateway in
            let client = try gateway.client()
            let answer = try gateway.refused(
                client,
                Gateway.request("POST", ["Content-Length: 5000"]) + String(repeating: " ", count: 2000)
            )
            #expect(answer.status == 503)
            #expect(gateway.audit.decisions.first?.refusal == .overloaded)
            // One that came whole needs no holding.
            let whole = MCPGateway.request("ping", params: #"{"x":"\#(String(repeating: "y", count: 1200))"}"#)
            let other = try gateway.client()
            try other.send(Gateway.post(body: whole))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: whole)
            try connection.send(Gateway.okay)
            #expect(try other.receiveAnswer().status == 200)
            #expect(try await gateway.server.onEachLoop { $0.heldBodies.bytes } == [0])
        }
    }

    @Test func `a client that waits to be asked for its body is asked by Gatehouse`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            try client.send(
                Gateway.request("POST", ["Content-Length: \(Self.body.utf8.count)", "Expect: 100-continue"])
            )
            try client.receive(exactly: "HTTP/1.1 100 Continue\r\n\r\n")
            #expect(!gateway.upstream.hasConnection)
            try client.send(Self.body)
            let connection = try gateway.upstream.accept()
            #expect(try !connection.receive(through: "\r\n\r\n").contains("100-continue"))
            try connection.receive(exactly: Self.body)
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            // The connection goes on.
            _ = try gateway.exchange(client, over: connection)
        }
    }

    @Test func `a client that goes away or stalls in its body leaves nothing behind`() async throws {
        var limits = ServerLimits()
        limits.bodyTimeout = .milliseconds(1)
        try await MCPGateway.run(limits: limits) { gateway in
            let stalled = try gateway.client()
            try stalled.send(Gateway.request("POST", ["Content-Length: 100"]) + "{")
            #expect(try stalled.receiveToEnd(orReset: true).isEmpty)
            let gone = try gateway.client()
            try gone.send(Gateway.request("POST", ["Content-Length: 100"]) + "{")
            gone.close()
            try await gateway.expectNoConnections()
            #expect(try await gateway.server.onEachLoop { $0.heldBodies.bytes } == [0])
            #expect(!gateway.upstream.hasConnection)
        }
    }

    // MARK: - Bodies that are held back

    private static func half(of length: Int, _ bytes: Int, as caller: String = "alice") -> String {
        Gateway.request("POST", ["Content-Length: \(length)"], as: caller) + String(repeating: " ", count: bytes)
    }

    /// Longer than a sweep takes to come by, which must not give it more time.
    @Test func `a body that stalls ends at its deadline and leaves a decision and an outcome`() async throws {
        var limits = ServerLimits()
        limits.bodyTimeout = .milliseconds(600)
        try await MCPGateway.run(limits: limits) { gateway in
            let client = try gateway.client()
            try client.send(Self.half(of: 100, 1))
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
            let outcome = try #require(try gateway.audit.waitForOutcomes().first)
            #expect(outcome.ending == .timeout && outcome.status == 0)
            let decision = try #require(gateway.audit.decisions.first)
            #expect(decision.refusal == .bodyIncomplete && decision.principal == "alice@example.com")
            #expect(decision.path == "/mcp")
            #expect(try await gateway.server.onEachLoop { $0.heldBodies.bytes } == [0])
        }
    }

    @Test func `dripping gives a body no more time than its bytes are worth`() async throws {
        var limits = ServerLimits()
        // On a busy machine a drip may come late by half of it.
        limits.bodyTimeout = .seconds(2)
        try await MCPGateway.run(limits: limits) { gateway in
            let client = try gateway.client()
            try client.send(Self.half(of: 4000, 1))
            // Far below the rate: the 4000 bytes would take two minutes and a half.
            let end = ContinuousClock.now + .seconds(RawSocket.patience)
            while ContinuousClock.now < end, gateway.audit.outcomes.isEmpty {
                _ = try? client.send(" ")
                try await Task.sleep(for: .milliseconds(40))
            }
            #expect(gateway.audit.outcomes.first?.ending == .timeout)
        }
    }

    @Test func `a client that goes away within its body was there, says the audit`() async throws {
        try await MCPGateway.run { gateway in
            let client = try gateway.client()
            try client.send(Self.half(of: 100, 1))
            try await Polling.until("the body to be held") {
                try await gateway.server.onEachLoop { $0.heldBodies.bytes > 0 } == [true]
            }
            client.close()
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .clientClosed)
            #expect(gateway.audit.decisions.first?.refusal == .bodyIncomplete)
        }
    }

    @Test func `one principal holds its share and leaves the others theirs`() async throws {
        var limits = ServerLimits()
        limits.heldBodies = 40_000
        try await MCPGateway.run(limits: limits) { gateway in
            func waitUntilHeld(_ count: Int) async throws {
                try await Polling.until("\(count) bytes to be held") {
                    try await gateway.server.onEachLoop { $0.heldBodies.bytes > count } == [true]
                }
            }
            // A single body may be larger than a share, else no route could allow it.
            let single = try gateway.client()
            try single.send(Self.half(of: 20_000, 6000))
            try await waitUntilHeld(6000)
            let answer = try gateway.refused(try gateway.client(), Self.half(of: 2000, 1000))
            #expect(answer.status == 503)
            #expect(gateway.audit.decisions.first?.refusal == .overloaded)
            // Bob has his own.
            let bob = try gateway.client()
            try bob.send(Self.half(of: 2000, 1000, as: "bob"))
            try await waitUntilHeld(7000)
            bob.close()
            single.close()
            try gateway.audit.waitForOutcomes(3)
            // Room that was released may be used again.
            let again = try gateway.client()
            try again.send(Gateway.request("POST", ["Content-Length: \(Self.body.utf8.count)"]) + Self.body.prefix(5))
            try await waitUntilHeld(0)
            try again.send(String(Self.body.dropFirst(5)))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: Self.body)
            try connection.send(Gateway.okay)
            #expect(try again.receiveAnswer().status == 200)
        }
    }

    @Test func `whoever is denied the route is told before the body and holds nothing`() async throws {
        let grant = Grant(users: [Glob("alice@*")], serviceTokens: [], tools: nil, prompts: nil, resources: nil)
        try await Gateway.run(routes: { upstream in
            [try Gateway.route(upstream.url, policy: Policy(grants: [grant]), speech: .mcp)]
        }) { gateway in
            let client = try gateway.client()
            let answer = try gateway.refused(client, Self.half(of: 1000, 500, as: "bob"))
            #expect(answer.status == 403)
            #expect(try await gateway.server.onEachLoop { $0.heldBodies.bytes } == [0])
        }
    }
}
