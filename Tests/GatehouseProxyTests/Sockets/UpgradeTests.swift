import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Websockets: the handshake is authenticated and injected like any request, then bytes pass unread.
@Suite struct UpgradeTests {
    private func open(_ gateway: Gateway, as caller: String = "alice") throws -> (
        client: RawSocket, upstream: RawSocket
    ) {
        let client = try gateway.client()
        try client.send(
            Gateway.get(
                "/ws",
                as: caller,
                "Connection: keep-alive, Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Key: k"
            )
        )
        let upstream = try gateway.upstream.accept()
        let head = try upstream.receive(through: "\r\n\r\n")
        #expect(head.contains("\r\nConnection: Upgrade\r\n"))
        #expect(head.contains("\r\nUpgrade: websocket\r\n"))
        #expect(head.contains("\r\nSec-WebSocket-Key: k\r\n"))
        #expect(head.contains("\r\nX-Coda-Api-Key: \(Gateway.token)\r\n"))
        #expect(!head.contains("Jwt-Assertion"))
        try upstream.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\nfirst"
        )
        let answer = try client.receiveAnswer()
        #expect(answer.status == 101)
        #expect(answer["Upgrade"] == "websocket")
        #expect(answer["Connection"] == "Upgrade")
        #expect(answer["Sec-WebSocket-Accept"] == "a")
        try client.receive(exactly: "first")
        return (client, upstream)
    }

    @Test func `bytes pass both ways`() async throws {
        try await Gateway.run { gateway in
            let (client, upstream) = try open(gateway)
            for text in ["\u{0}\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "0\r\n\r\n"] {
                try client.send(text)
                try upstream.receive(exactly: text)
                try upstream.send(text)
                try client.receive(exactly: text)
            }
            try upstream.send("last words")
            upstream.close()
            #expect(try client.receiveTextToEnd() == "last words")
            let outcome = try #require(gateway.audit.waitForOutcomes().first)
            #expect(outcome.status == 101)
            #expect(outcome.ending == .upstreamClosed)
            #expect(outcome.bytesIn == 28)
            #expect(outcome.bytesOut == 5 + 28 + 10)
        }
    }

    @Test func `a client that leaves closes the upstream`() async throws {
        try await Gateway.run { gateway in
            let (client, upstream) = try open(gateway)
            client.close()
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .clientClosed)
        }
    }

    @Test func `a refused upgrade passes unchanged`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/ws", "Connection: Upgrade", "Upgrade: websocket"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno")
            let answer = try client.receiveAnswer()
            #expect(answer.status == 426)
            #expect(answer.text == "no")
            _ = try gateway.exchange(client, over: upstream)
        }
    }

    @Test func `an upgrade that was not asked for is refused`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            #expect(try client.receiveAnswer().status == 502)
            #expect(gateway.audit.outcomes.first?.refusal == .upstreamMalformed)
            #expect(try upstream.receiveToEnd().isEmpty)
        }
    }

    @Test func `expiry ends the tunnel`() async throws {
        try await Gateway.run { gateway in
            gateway.callers["short"] = .caller(
                ScriptedCallers.person("short@example.com", expiresAt: gateway.clock.now() + .seconds(60))
            )
            let (client, upstream) = try open(gateway, as: "short")
            gateway.clock.advance(by: .seconds(61))
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .expired)
        }
    }

    @Test func `silence beyond the idle timeout ends the tunnel`() async throws {
        try await Gateway.run(routes: {
            [try Gateway.route($0.url, timeouts: RouteTimeouts(idle: .milliseconds(1)))]
        }) { gateway in
            let (client, upstream) = try open(gateway)
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .timeout)
        }
    }

    @Test func `a tunnel needs an assertion, too`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/ws", as: "forged", "Connection: Upgrade", "Upgrade: websocket"))
            #expect(try client.receiveAnswer().status == 401)
            #expect(!gateway.upstream.hasConnection)
        }
    }
}
