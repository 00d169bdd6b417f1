import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// The reuse of upstream connections, and requests on one that dies at that moment.
@Suite struct PoolTests {
    /// Waits until the loops count this many idle upstream connections.
    private func waitForIdle(_ count: Int, _ gateway: Gateway) async throws {
        try await Polling.until("\(count) idle connections") { try await gateway.idle() == count }
    }

    @Test func `a connection that died while idle is not used`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let first = try gateway.exchange(client)
            try await waitForIdle(1, gateway)
            first.close()
            try await waitForIdle(0, gateway)
            try client.send(Gateway.post(body: "x"))
            let second = try gateway.upstream.accept()
            _ = try second.receive(through: "\r\n\r\nx")
            try second.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test func `a safe request is sent again once when a reused connection closes`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let first = try gateway.exchange(client)
            try client.send(Gateway.get("/again"))
            let sent = try first.receive(through: "\r\n\r\n")
            first.close()
            let second = try gateway.upstream.accept()
            #expect(try second.receive(through: "\r\n\r\n") == sent)
            // A new connection that closes is an answer: not sent a third time.
            second.close()
            #expect(try client.receiveAnswer().status == 502)
            #expect(!gateway.upstream.hasConnection)
            #expect(gateway.audit.decisions.count == 2)
            #expect(gateway.audit.outcomes.last?.refusal == .upstreamReset)
        }
    }

    @Test func `a safe request that is sent again succeeds`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let first = try gateway.exchange(client)
            try client.send(Gateway.get("/again"))
            _ = try first.receive(through: "\r\n\r\n")
            first.reset()
            let second = try gateway.upstream.accept()
            _ = try second.receive(through: "\r\n\r\n")
            try second.send(Gateway.okay)
            #expect(try client.receiveAnswer().text == "{}")
            _ = try gateway.exchange(client, over: second)
        }
    }

    @Test func `other idle connections are not tried after one turned out dead`() async throws {
        try await Gateway.run { gateway in
            // Two exchanges at once leave two idle connections.
            let clients = [try gateway.client(), try gateway.client()]
            var connections: [RawSocket] = []
            for client in clients {
                try client.send(Gateway.get())
                connections.append(try gateway.upstream.accept())
            }
            for (client, connection) in zip(clients, connections) {
                _ = try connection.receive(through: "\r\n\r\n")
                try connection.send(Gateway.okay)
                _ = try client.receiveAnswer()
            }
            try await waitForIdle(2, gateway)
            try clients[0].send(Gateway.get("/again"))
            let used = try gateway.upstream.next(among: connections)
            _ = try used.receive(through: "\r\n\r\n")
            used.close()
            let fresh = try gateway.upstream.accept()
            _ = try fresh.receive(through: "\r\n\r\n")
            try fresh.send(Gateway.okay)
            #expect(try clients[0].receiveAnswer().status == 200)
        }
    }

    @Test func `a POST that may have arrived is not sent again`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let first = try gateway.exchange(client)
            try client.send(Gateway.post(body: "transfer"))
            _ = try first.receive(through: "transfer")
            first.close()
            #expect(try client.receiveAnswer().status == 502)
            #expect(!gateway.upstream.hasConnection)
        }
    }

    /// The loop is held while the upstream resets, so that it writes before it could have seen that.
    @Test(arguments: ["", "with more to come"])
    func `a POST whose write failed outright is sent again`(rest: String) async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let first = try gateway.exchange(client)
            try await waitForIdle(1, gateway)
            let held = Watched(false)
            let go = Watched(false)
            async let holding: [Void] = gateway.server.onEachLoop { _ in
                held.update { $0 = true }
                try? go.wait("the test") { $0 }
            }
            try held.wait("the loop to be held") { $0 }
            first.reset()
            let body = "transfer" + rest
            try client.send(
                Gateway.request("POST", ["Content-Length: \(body.utf8.count)"]) + "transfer"
            )
            go.update { $0 = true }
            _ = try await holding
            let second = try gateway.upstream.accept()
            _ = try second.receive(through: "\r\n\r\n")
            try client.send(rest)
            try second.receive(exactly: body)
            try second.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test func `idle connections are closed before the upstream does`() async throws {
        var limits = ServerLimits()
        limits.upstreamKeepAlive = .milliseconds(1)
        try await Gateway.run(limits: limits) { gateway in
            let client = try gateway.client()
            let first = try gateway.exchange(client)
            #expect(try first.receiveToEnd().isEmpty)
            _ = try gateway.exchange(client)
        }
    }

    @Test func `no more connections are kept than the bound`() async throws {
        var limits = ServerLimits()
        limits.upstreamIdle = 1
        try await Gateway.run(limits: limits) { gateway in
            let clients = try (0..<3).map { _ in try gateway.client() }
            let connections = try clients.map { client in
                try client.send(Gateway.get())
                return try gateway.upstream.accept()
            }
            for connection in connections { _ = try connection.receive(through: "\r\n\r\n") }
            for (connection, client) in zip(connections, clients) {
                try connection.send(Gateway.okay)
                _ = try client.receiveAnswer()
            }
            // The oldest go first.
            #expect(try connections[0].receiveToEnd().isEmpty)
            #expect(try connections[1].receiveToEnd().isEmpty)
            _ = try gateway.exchange(clients[0], over: connections[2])
        }
    }

    /// Both come while the loop is busy with others.
    @Test(arguments: [nil, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"])
    func `an idle connection that has ended or spoken is not used, although the loop has not been told yet`(
        said: String?
    )
        async throws
    {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            nonisolated(unsafe) let connection = try gateway.exchange(client)
            try await waitForIdle(1, gateway)
            let taken = try await gateway.server.onEachLoop { loop in
                if let said { try? connection.send(said) } else { connection.close() }
                return loop.pools.map { $0.take() != nil }
            }
            #expect(taken == [[false]])
            #expect(try await gateway.idle() == 0)
        }
    }

    @Test(arguments: ["garbage", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"])
    func `a connection with bytes behind its response serves no other`(extra: String) async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get() + Gateway.get("/next"))
            let first = try gateway.upstream.accept()
            _ = try first.receive(through: "\r\n\r\n")
            try first.send(Gateway.okay + extra)
            #expect(try client.receiveAnswer().text == "{}")
            #expect(try first.receiveToEnd(orReset: true).isEmpty)
            let second = try gateway.upstream.accept()
            _ = try second.receive(through: "\r\n\r\n")
            try second.send(Gateway.okay)
            #expect(try client.receiveAnswer().text == "{}")
        }
    }

    @Test func `a connection that speaks while idle is closed`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let first = try gateway.exchange(client)
            try await waitForIdle(1, gateway)
            try first.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
            #expect(try first.receiveToEnd(orReset: true).isEmpty)
            _ = try gateway.exchange(client)
        }
    }

    @Test(arguments: ["HTTP/1.1 200 OK\r\nConnection: close\r\n", "HTTP/1.0 200 OK\r\n"])
    func `an upstream that says it closes is not reused`(head: String) async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let first = try gateway.upstream.accept()
            _ = try first.receive(through: "\r\n\r\n")
            try first.send(head + "Content-Length: 2\r\n\r\n{}")
            let answer = try client.receiveAnswer()
            #expect(answer.text == "{}")
            #expect(answer["Connection"] == nil)
            #expect(try first.receiveToEnd().isEmpty)
            _ = try gateway.exchange(client)
        }
    }
}
