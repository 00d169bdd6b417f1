import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

@Suite struct RateTests {
    private static func run(_ body: (Gateway) async throws -> Void) async throws {
        try await Gateway.run(
            threads: 2,
            routes: { [try Gateway.route($0.url, limits: RouteLimits(rate: .init(count: 2, per: .seconds(86_400))))] },
            body
        )
    }

    @Test func `beyond the rate a caller gets 429 and when to come back, and the connection stays`() async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            let connection = try gateway.exchange(client)
            _ = try gateway.exchange(client, over: connection)
            try client.send(Gateway.post(body: "hello"))
            let answer = try client.receiveAnswer()
            #expect(answer.status == 429)
            let seconds = try #require(answer["Retry-After"].flatMap { Int($0) })
            #expect((1...43_200).contains(seconds))
            #expect(answer.text.contains(#""error":"rate_limited""#))
            #expect(answer["Connection"] == nil)
            #expect(gateway.audit.decisions.last?.refusal == .rateLimited)
            #expect(gateway.audit.decisions.last?.principal == "alice@example.com")
            // Another caller is not held to it, on the same connection.
            try client.send(Gateway.get(as: "bob"))
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test func `the rate holds over all event loops together`() async throws {
        try await Self.run { gateway in
            // Connections go round the loops, so the second one is on the other.
            var statuses: [Int] = []
            for _ in 0..<4 {
                let client = try gateway.client()
                try client.send(Gateway.get())
                if statuses.count < 2 {
                    let connection = try gateway.upstream.accept()
                    _ = try connection.receive(through: "\r\n\r\n")
                    try connection.send(Gateway.okay)
                }
                statuses.append(try client.receiveAnswer().status)
            }
            #expect(statuses == [200, 200, 429, 429])
        }
    }

    @Test func `a refused caller uses up nobody's rate`() async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            for _ in 0..<3 {
                try client.send(Gateway.get("/mcp", as: "forged"))
                #expect(try client.receiveAnswer().status == 401)
            }
            _ = try gateway.exchange(client)
        }
    }

    @Test func `another site's page is refused for its origin, whatever the rate`() async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            for _ in 0..<3 {
                try client.send(Gateway.get("/mcp", as: "alice", "Origin: https://evil.example"))
                #expect(try client.receiveAnswer().status == 403)
            }
            _ = try gateway.exchange(client)
        }
    }

    private static func call(_ method: String, id: String? = "1") -> String {
        let id = id.map { #","id":\#($0)"# } ?? ""
        let body = #"{"jsonrpc":"2.0"\#(id),"method":"\#(method)","params":{"name":"x"}}"#
        return Gateway.post("/mcp", as: "alice", "Content-Type: application/json", body: body)
    }

    private static func runGated(as200: Bool = false, _ body: (Gateway) async throws -> Void) async throws {
        try await Gateway.run(
            routes: { upstream in
                let limits = RouteLimits(rate: .init(count: 1, per: .seconds(86_400)))
                return [try Gateway.route(upstream.url, limits: limits, speech: .mcp, answersErrorsAs200: as200)]
            },
            body
        )
    }

    private static func pass(_ call: String, _ client: RawSocket, _ connection: RawSocket) throws {
        try client.send(call)
        _ = try connection.receive(through: "}}")
        try connection.send(Gateway.okay)
        #expect(try client.receiveAnswer().status == 200)
    }

    @Test func `each message of a batch counts, and a batch of more than is left is refused whole`() async throws {
        let limits = RouteLimits(rate: .init(count: 3, per: .seconds(86_400)))
        try await MCPGateway.run(routeLimits: limits) { gateway in
            let client = try gateway.client()
            func batch(_ ids: ClosedRange<Int>) -> String {
                let calls =
                    ids.map { MCPGateway.call("x", id: "\($0)") } + [MCPGateway.request("server/discover", id: "0")]
                return Gateway.post(body: "[\(calls.joined(separator: ","))]")
            }
            let answer = try gateway.refused(client, batch(1...4))
            #expect(answer.status == 429)
            for id in 0...4 { #expect(answer.text.contains(#""id":\#(id),"error":{"code":4290"#)) }
            try client.send(batch(1...2))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "discover\"}]")
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            try client.send(batch(1...2))
            #expect(try client.receiveAnswer().status == 429)
            // Refused messages have used none of the allowance.
            try client.send(batch(1...1))
            _ = try connection.receive(through: "discover\"}]")
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test(arguments: ["Content-Length: 4000000", "Transfer-Encoding: chunked"])
    func `a caller who has nothing left is refused before a body is held`(framing: String) async throws {
        try await Self.runGated { gateway in
            let client = try gateway.client()
            try client.send(Self.call("tools/call"))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "}}")
            try connection.send(Gateway.okay)
            _ = try client.receiveAnswer()
            // The body never comes.
            try client.send(Gateway.request("POST", [framing]))
            let answer = try client.receiveAnswer()
            #expect(answer.status == 429)
            #expect(answer["Retry-After"].flatMap { Int($0) } ?? 0 > 3600)
            // Another caller's is waited for.
            let other = try gateway.client()
            try other.send(Gateway.request("POST", [framing, "Expect: 100-continue"], as: "bob"))
            #expect(try other.receive(through: "\r\n\r\n").contains("100 Continue"))
        }
    }

    @Test func `a short call that comes in two parts is refused by its id`() async throws {
        try await Self.runGated { gateway in
            let client = try gateway.client()
            try client.send(Self.call("tools/call"))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "}}")
            try connection.send(Gateway.okay)
            _ = try client.receiveAnswer()
            let body = MCPGateway.call("x", id: "9")
            try client.send(Gateway.request("POST", ["Content-Length: \(body.utf8.count)", "Expect: 100-continue"]))
            #expect(try client.receive(through: "\r\n\r\n").contains("100 Continue"))
            try client.send(body)
            #expect(try client.receiveAnswer().text.contains(#""id":9,"error":{"code":4290"#))
        }
    }

    @Test(arguments: [false, true])
    func `a call beyond the rate is answered in JSON-RPC, with its id and when to come back`(as200: Bool) async throws {
        try await Self.runGated(as200: as200) { gateway in
            let client = try gateway.client()
            try client.send(Self.call("tools/call"))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "}}")
            try connection.send(Gateway.okay)
            _ = try client.receiveAnswer()
            try client.send(Self.call("tools/list", id: #""seven""#))
            let answer = try client.receiveAnswer()
            #expect(answer.status == (as200 ? 200 : 429))
            #expect(answer["Retry-After"].flatMap { Int($0) } ?? 0 > 3600)
            #expect(answer.text.contains(#""id":"seven""#) && answer.text.contains(#""code":4290"#))
            #expect(gateway.audit.decisions.last?.refusal == .rateLimited)
            // A notification has no answer that could say it.
            try client.send(Self.call("notifications/initialized", id: nil))
            #expect(try client.receiveAnswer().status == 429)
        }
    }

    @Test func `discovery and methods that Gatehouse does not know are never refused and never counted`() async throws {
        try await Self.runGated { gateway in
            let client = try gateway.client()
            try client.send(Self.call("server/discover"))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "}}")
            try connection.send(Gateway.okay)
            _ = try client.receiveAnswer()
            for method in ["server/discover", "x/unknown", "notifications/cancelled"] {
                try Self.pass(Self.call(method), client, connection)
            }
            try Self.pass(Self.call("tools/call"), client, connection)
            for method in ["server/discover", "x/unknown"] { try Self.pass(Self.call(method), client, connection) }
            for method in ["ping", "tasks/get", "subscriptions/listen"] {
                try client.send(Self.call(method))
                #expect(try client.receiveAnswer().status == 429)
            }
            try client.send(Gateway.get())
            #expect(try client.receiveAnswer().status == 429)
        }
    }
}
