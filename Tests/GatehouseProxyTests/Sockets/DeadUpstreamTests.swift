import Foundation
import GatehouseCore
import GatehouseTestSupport
import SocketLoop
import Testing

@testable import GatehouseProxy

/// An upstream whose machine is gone: no packet of it comes any more, and none says so.
@Suite(.enabled(if: OwnNetwork.isAllowed, "\(OwnNetwork.need)"), .timeLimit(.minutes(2)))
struct DeadUpstreamTests {
    /// A gateway whose upstream is in a network of its own, while its clients come by a unix socket.
    private func run(_ body: (Gateway, OwnNetwork) async throws -> Void) async throws {
        let network = try OwnNetwork()
        defer { network.close() }
        let upstream = try network.run { try RawListener() }
        let path = "/tmp/gatehouse-dead.\(UUID().uuidString.prefix(8))"
        defer { unlink(path) }
        try await Gateway.run(
            limits: EventStreamTests.impatient,
            listener: path,
            upstream: upstream,
            network: network,
            deadPeer: DeadPeer(timeout: .seconds(2), idle: .seconds(1), interval: .seconds(1))
        ) { gateway in try await body(gateway, network) }
    }

    /// Comments of Gatehouse's own must not make a client wait for ever for one that sends nothing any more.
    @Test func `an event stream ends, with its comments`() async throws {
        try await run { gateway, network in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(EventStreamTests.head + EventStreamTests.chunk("data: 1\n\n"))
            _ = try client.receive(through: EventStreamTests.chunk("data: 1\n\n"))
            for _ in 0..<2 { try client.receive(exactly: EventStreamTests.comment) }
            try network.goDown()
            let rest = try client.receiveTextToEnd(orReset: true)
            // Cut within its chunks, so that the client knows that more would have come.
            #expect(rest.replacing(EventStreamTests.comment, with: "").isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .upstreamClosed)
        }
    }

    @Test func `a websocket ends`() async throws {
        try await run { gateway, network in
            let client = try gateway.client()
            try client.send(Gateway.get("/ws", "Connection: Upgrade", "Upgrade: websocket"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
            #expect(try client.receiveAnswer().status == 101)
            try network.goDown()
            #expect(try client.receiveTextToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .upstreamClosed)
        }
    }
}
