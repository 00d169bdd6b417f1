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
}
