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
            for method in ["server/discover", "tasks/get", "notifications/cancelled"] {
                try Self.pass(Self.call(method), client, connection)
            }
            try Self.pass(Self.call("tools/call"), client, connection)
            for method in ["server/discover", "tasks/get"] { try Self.pass(Self.call(method), client, connection) }
            try client.send(Self.call("ping"))
            #expect(try client.receiveAnswer().status == 429)
            try client.send(Gateway.get())
            #expect(try client.receiveAnswer().status == 429)
        }
    }
}
