import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Overload, drain, and a configuration that is replaced while requests run.
@Suite struct LifecycleTests {
    @Test func `connections beyond the limit get the reason`() async throws {
        var limits = ServerLimits()
        limits.connections = 2
        try await Gateway.run(limits: limits) { gateway in
            let first = try gateway.client()
            let connection = try gateway.exchange(first)
            let second = try gateway.client()
            _ = try gateway.exchange(second, over: connection)
            for _ in 0..<3 {
                let third = try gateway.client()
                try? third.send(Gateway.get())
                let answer = try third.receiveAnswer()
                #expect(answer.status == 503)
                #expect(answer["Connection"] == "close")
                #expect(answer.text.contains(#""error":"unavailable""#))
                #expect(try third.receiveToEnd(orReset: true).isEmpty)
            }
            #expect(try await gateway.server.onEachLoop { $0.metrics.current.overloaded }.reduce(0, +) == 3)
            second.close()
            // The place is free once the close was seen.
            try await Polling.until("the place to be free") { gateway.server.openConnections <= 1 }
            _ = try gateway.exchange(try gateway.client(), over: connection)
        }
    }

    @Test func `draining ends what is under way in its own time`() async throws {
        try await Gateway.run { gateway in
            let idle = try gateway.client()
            let connection = try gateway.exchange(idle)
            let busy = try gateway.client()
            try busy.send(Gateway.get() + Gateway.get("/never"))
            _ = try connection.receive(through: "\r\n\r\n")
            async let drained: Void = gateway.server.drain(within: .seconds(10))
            #expect(try idle.receiveToEnd().isEmpty)
            #expect(throws: (any Error).self) { try gateway.client().receiveAnswer() }
            try connection.send(Gateway.okay)
            let answer = try busy.receiveAnswer()
            #expect(answer.text == "{}")
            #expect(answer["Connection"] == "close")
            #expect(try busy.receiveToEnd(orReset: true).isEmpty)
            #expect(try connection.receiveToEnd().isEmpty)
            await drained
            #expect(gateway.audit.outcomes.last?.ending == .complete)
            #expect(gateway.audit.decisions.count == 2)
        }
    }

    /// A client that has connected, and has not been accepted or has said nothing yet, has its first request on the way.
    @Test func `a fresh connection is served once more in a drain`() async throws {
        try await Gateway.run { gateway in
            let idle = try gateway.client()
            let connection = try gateway.exchange(idle)
            let fresh = try gateway.client()
            try await Polling.until("both connections") { gateway.server.openConnections == 2 }
            async let drained: Void = gateway.server.drain(within: .seconds(10))
            #expect(try idle.receiveToEnd().isEmpty)
            try fresh.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(Gateway.okay)
            let answer = try fresh.receiveAnswer()
            #expect(answer.text == "{}")
            #expect(answer["Connection"] == "close")
            #expect(try fresh.receiveToEnd().isEmpty)
            await drained
            _ = connection
        }
    }

    /// While another instance takes new connections, the idle ones learn that theirs closes from the answer to one more request.
    @Test func `an idle connection is served once more where another takes over`() async throws {
        try await Gateway.run { gateway in
            let idle = try gateway.client()
            _ = try gateway.exchange(idle)
            async let drained: Void = gateway.server.drain(within: .seconds(10), handsOver: true)
            try await Polling.until("the drain") { try await gateway.server.onEachLoop { $0.isDraining } == [true] }
            try idle.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(Gateway.okay)
            #expect(try idle.receiveAnswer()["Connection"] == "close")
            #expect(try idle.receiveToEnd().isEmpty)
            await drained
        }
    }

    @Test func `a drained stream ends at an event boundary`() async throws {
        try await Gateway.run { gateway in
            let idle = try gateway.client()
            let upstream = try gateway.exchange(idle)
            let client = try gateway.client()
            try client.send(Gateway.get())
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(EventStreamTests.head + EventStreamTests.chunk("data: ha"))
            _ = try client.receive(through: "data: ha\r\n")
            async let drained: Void = gateway.server.drain(within: .seconds(10))
            // Idle connections are closed when the drain begins: then half an event is still awaited.
            #expect(try idle.receiveToEnd().isEmpty)
            try upstream.send(EventStreamTests.chunk("lf\n\n"))
            #expect(try client.receiveTextToEnd() == EventStreamTests.chunk("lf\n\n") + "0\r\n\r\n")
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            await drained
            #expect(gateway.audit.outcomes.last?.ending == .drained)
        }
    }

    @Test func `a stream between events ends at once`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(EventStreamTests.head + EventStreamTests.chunk("data: 1\n\n"))
            _ = try client.receive(through: "data: 1\n\n\r\n")
            async let drained: Void = gateway.server.drain(within: .seconds(10))
            #expect(try client.receiveTextToEnd() == "0\r\n\r\n")
            await drained
        }
    }

    @Test func `what does not end in time is cut`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            await gateway.server.drain(within: .zero)
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            #expect(gateway.audit.outcomes.first?.ending == .drained)
        }
    }

    @Test func `a client that takes nothing does not outlive the grace`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client(receiveBuffer: 4 << 10)
            try client.send(Gateway.get("/", "Connection: close"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            let size = 16 << 20
            try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            _ = try upstream.sendUntilStalled([UInt8](repeating: 0x61, count: size), quiet: 0.2)
            await gateway.server.drain(within: .zero)
            try await gateway.expectNoConnections()
        }
    }

    @Test func `a new snapshot is used from the next request on`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let connection = try gateway.exchange(client)
            try client.send(Gateway.get("/old"))
            #expect(try connection.receive(through: "\r\n\r\n").contains("X-Coda-Api-Key: \(Gateway.token)\r\n"))
            let route = try Gateway.route(gateway.upstream.url)
            gateway.server.replaceSnapshot(try Gateway.snapshot([route], token: "coda-token-2", version: 2))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            // The same connections go on.
            try client.send(Gateway.get("/new"))
            #expect(try connection.receive(through: "\r\n\r\n").contains("X-Coda-Api-Key: coda-token-2\r\n"))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            #expect(gateway.audit.decisions.map(\.tokenVersion) == [1, 1, 2])
            #expect(try await gateway.server.onEachLoop { $0.metrics.current.requests.values.reduce(0, +) } == [3])
        }
    }

    @Test func `an upstream that leaves the configuration serves what is under way`() async throws {
        let other = try RawListener()
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            gateway.server.replaceSnapshot(try Gateway.snapshot([try Gateway.route(other.url)]))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().text == "{}")
            // Nobody will ask it again.
            #expect(try connection.receiveToEnd().isEmpty)
            try client.send(Gateway.get())
            let next = try other.accept()
            _ = try next.receive(through: "\r\n\r\n")
            try next.send(Gateway.okay)
            #expect(try client.receiveAnswer().text == "{}")
        }
    }

    @Test func `no request fails while snapshots are replaced`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            var connection = try gateway.exchange(client)
            for version in 2..<200 {
                let route = try Gateway.route(gateway.upstream.url)
                gateway.server.replaceSnapshot(try Gateway.snapshot([route], token: "t\(version)", version: version))
                connection = try gateway.exchange(client, over: connection)
            }
            #expect(!gateway.upstream.hasConnection)
            let versions = gateway.audit.decisions.compactMap(\.tokenVersion)
            #expect(versions == versions.sorted())
        }
    }
}
