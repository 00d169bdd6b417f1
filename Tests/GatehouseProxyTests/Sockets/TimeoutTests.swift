import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Timeouts, and upstreams that fail.
@Suite struct TimeoutTests {
    @Test(arguments: ["", "GET /mcp HTTP/1.1\r\nHost: cod"])
    func `a head that does not come closes the connection`(begun: String) async throws {
        var limits = ServerLimits()
        limits.headTimeout = .milliseconds(1)
        try await Gateway.run(limits: limits) { gateway in
            let client = try gateway.client()
            try client.send(begun)
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
            #expect(gateway.audit.events.isEmpty)
        }
    }

    @Test func `an idle client is closed after its keep-alive`() async throws {
        var limits = ServerLimits()
        limits.keepAlive = .milliseconds(1)
        try await Gateway.run(limits: limits) { gateway in
            let client = try gateway.client()
            _ = try gateway.exchange(client)
            #expect(try client.receiveToEnd().isEmpty)
        }
    }

    @Test func `a stalled body ends the exchange`() async throws {
        var limits = ServerLimits()
        limits.bodyTimeout = .milliseconds(1)
        try await Gateway.run(limits: limits) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Content-Length: 10"]) + "12345")
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "12345")
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            let outcome = try #require(gateway.audit.waitForOutcomes().first)
            #expect(outcome.ending == .timeout)
            #expect(outcome.bytesIn == 5)
        }
    }

    @Test func `an upstream that does not answer in time is a 504`() async throws {
        try await Gateway.run(routes: {
            [try Gateway.route($0.url, timeouts: RouteTimeouts(response: .milliseconds(1)))]
        }) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get() + Gateway.get(as: "forged"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            let answer = try client.receiveAnswer()
            #expect(answer.status == 504)
            #expect(answer.text.contains(#""error":"upstream_timeout""#))
            #expect(try upstream.receiveToEnd().isEmpty)
            // The connection is kept, and what was sent behind is answered.
            #expect(try client.receiveAnswer().status == 401)
        }
    }

    @Test func `a response that has begun has no timeout on its total`() async throws {
        try await Gateway.run(routes: {
            [try Gateway.route($0.url, timeouts: RouteTimeouts(response: .milliseconds(600)))]
        }) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Content-Length: 2"]) + "1")
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n1")
            try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh")
            _ = try client.receive(through: "\r\n\r\nh")
            try client.send("2")
            try upstream.receive(exactly: "2")
            // Another exchange that runs out of this time shows that it has passed.
            let other = try gateway.client()
            try other.send(Gateway.get())
            #expect(try other.receiveAnswer().status == 504)
            try upstream.send("i")
            try client.receive(exactly: "i")
        }
    }

    @Test func `an upstream without a listener is a 502`() async throws {
        let dead = try DeadPort()
        try await Gateway.run(routes: { _ in [try Gateway.route("http://127.0.0.1:\(dead.number)")] }) { gateway in
            let client = try gateway.client()
            for _ in 0..<2 {
                try client.send(Gateway.post(body: "x"))
                #expect(try client.receiveAnswer().status == 502)
            }
            #expect(gateway.audit.outcomes.map(\.refusal) == [.upstreamUnreachable, .upstreamUnreachable])
        }
        withExtendedLifetime(dead) {}
    }

    @Test(arguments: [
        ("", Reason.upstreamReset), ("HTTP/1.1 200", .upstreamReset), ("HTTP/1.1 200 OK\r\nA: b\r\n", .upstreamReset),
        ("HTTP/1.1 103 E\r\n\r\n", .upstreamReset), ("nonsense\r\n\r\n", .upstreamMalformed),
        ("HTTP/2 200 OK\r\n\r\n", .upstreamMalformed), ("HTTP/1.1 200 OK\nA: b\n\n", .upstreamMalformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .upstreamMalformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .upstreamMalformed),
        ("HTTP/1.1 99 Low\r\n\r\n", .upstreamMalformed), ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .upstreamMalformed),
    ])
    func `an upstream that breaks off or speaks no HTTP is a 502`(text: String, reason: Reason) async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.post(body: "x"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\nx")
            try upstream.send(text)
            if reason == .upstreamReset { upstream.close() }
            var answer = try client.receiveAnswer()
            if answer.status == 103 { answer = try client.receiveAnswer() }
            #expect(answer.status == 502)
            #expect(gateway.audit.outcomes.last?.refusal == reason)
            _ = try gateway.exchange(client)
        }
    }

    @Test(arguments: ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nab"])
    func `an upstream that breaks off within the body cuts the client`(rest: String) async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 200 OK\r\n" + rest)
            upstream.close()
            let text = try client.receiveTextToEnd(orReset: true)
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(text.hasSuffix(rest.split(separator: "\r\n\r\n").last.map(String.init) ?? "?"))
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .upstreamClosed)
        }
    }

    @Test func `bad chunks from the upstream cut the client`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            _ = try client.receive(through: "abc\r\n")
            try upstream.send("zz\r\nabc\r\n0\r\n\r\n")
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
        }
    }

    @Test func `a rejected credential is not the caller's fault`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(
                "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 6\r\n\r\nleaked"
            )
            let answer = try client.receiveAnswer()
            #expect(answer.status == 502)
            #expect(answer["WWW-Authenticate"] == nil)
            #expect(!answer.text.contains("leaked"))
            #expect(gateway.audit.outcomes.last?.refusal == .upstreamCredentialRejected)
            #expect(gateway.audit.outcomes.last?.upstreamStatus == 401)
            _ = try gateway.exchange(client)
        }
    }

    @Test func `a chunked body beyond the limit is a 413`() async throws {
        try await Gateway.run(routes: { [try Gateway.route($0.url, limits: RouteLimits(body: 8))] }) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Transfer-Encoding: chunked"]) + "8\r\n12345678\r\n")
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "12345678\r\n")
            try client.send("1\r\n9\r\n0\r\n\r\n")
            #expect(try client.receiveAnswer().status == 413)
            #expect(try upstream.receiveTextToEnd(orReset: true).contains("9") == false)
            #expect(gateway.audit.outcomes.last?.refusal == .bodyTooLarge)
        }
    }

    @Test func `a chunked body up to the limit passes`() async throws {
        try await Gateway.run(routes: { [try Gateway.route($0.url, limits: RouteLimits(body: 8))] }) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Transfer-Encoding: chunked"]) + "8\r\n12345678\r\n0\r\n\r\n")
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "0\r\n\r\n")
            try upstream.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }
}
