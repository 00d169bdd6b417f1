import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// How long event streams last: a call that was begun in time ends in its own time, every other stream with its caller's credential.
@Suite struct CallGraceTests {
    private static let listen = MCPGateway.request("subscriptions/listen", id: #""listen-1""#, params: "{}")
    private static let call = MCPGateway.call("search")
    private static let event = EventStreamTests.chunk("data: 1\n\n")

    /// A caller whose credential lasts a minute.
    private func admitShort(_ gateway: Gateway) -> Caller {
        let caller = ScriptedCallers.person("short@example.com", expiresAt: gateway.clock.now() + .seconds(60))
        gateway.callers["short"] = .caller(caller)
        return caller
    }

    @Test func `the stream that answers a call outlasts its assertion by the grace`() async throws {
        try await MCPGateway.run { gateway in
            _ = admitShort(gateway)
            let (client, upstream) = try gateway.openStream(Gateway.post(as: "short", body: Self.call))
            let (other, otherUpstream) = try gateway.openStream(Gateway.get(as: "short"))
            gateway.clock.advance(by: .seconds(61))
            // The end of the stream that is no answer shows that a sweep has seen the time.
            #expect(try other.receiveTextToEnd() == "0\r\n\r\n")
            #expect(try otherUpstream.receiveToEnd(orReset: true).isEmpty)
            try upstream.send(Self.event)
            try client.receive(exactly: Self.event)
            gateway.clock.advance(by: ServerLimits.defaultCallGrace)
            #expect(try client.receiveTextToEnd() == "0\r\n\r\n")
            #expect(try gateway.audit.waitForOutcomes(2).allSatisfy { $0.ending == .expired })
        }
    }

    @Test func `whoever is shut out keeps no stream`() async throws {
        try await MCPGateway.run { gateway in
            let caller = admitShort(gateway)
            let (client, upstream) = try gateway.openStream(Gateway.post(as: "short", body: Self.call))
            caller.revoke()
            #expect(try client.receiveTextToEnd() == "0\r\n\r\n")
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .expired)
        }
    }

    @Test func `a drain waits for calls and ends all other streams`() async throws {
        try await MCPGateway.run { gateway in
            let (calling, answering) = try gateway.openStream(Gateway.post(body: Self.call))
            let (reading, readUpstream) = try gateway.openStream(Gateway.get())
            let (listening, listenUpstream) = try gateway.openStream(Gateway.post(body: Self.listen))
            defer {
                readUpstream.close()
                listenUpstream.close()
            }
            async let drained: Void = gateway.server.drain(within: .seconds(20))
            #expect(try reading.receiveTextToEnd() == "0\r\n\r\n")
            #expect(try listening.receiveTextToEnd().hasSuffix("0\r\n\r\n"))
            try answering.send(Self.event + "0\r\n\r\n")
            #expect(try calling.receiveTextToEnd() == Self.event + "0\r\n\r\n")
            await drained
            let endings = try gateway.audit.waitForOutcomes(3).compactMap(\.ending)
            #expect(endings == [.drained, .drained, .complete])
        }
    }

    @Test func `a listen ends with its assertion, by its result`() async throws {
        try await MCPGateway.run { gateway in
            _ = admitShort(gateway)
            let (client, upstream) = try gateway.openStream(Gateway.post(as: "short", body: Self.listen))
            defer { upstream.close() }
            gateway.clock.advance(by: .seconds(61))
            let result =
                #"{"jsonrpc":"2.0","id":"listen-1","result":{"resultType":"complete","# + #""_meta":"#
                + #"{"io.modelcontextprotocol/subscriptionId":"listen-1"}}}"#
            #expect(
                try client.receiveTextToEnd() == EventStreamTests.chunk("event: message\ndata: \(result)\n\n")
                    + "0\r\n\r\n"
            )
        }
    }

    @Test func `a stream that must end waits for the end of its event`() async throws {
        try await MCPGateway.run { gateway in
            _ = admitShort(gateway)
            let (client, upstream) = try gateway.openStream(Gateway.get(as: "short"))
            let (other, otherUpstream) = try gateway.openStream(Gateway.get(as: "short"))
            defer { otherUpstream.close() }
            try upstream.send(EventStreamTests.chunk("data: half"))
            try client.receive(exactly: EventStreamTests.chunk("data: half"))
            gateway.clock.advance(by: .seconds(61))
            #expect(try other.receiveTextToEnd() == "0\r\n\r\n")
            try upstream.send(EventStreamTests.chunk("\n\n"))
            #expect(try client.receiveTextToEnd() == EventStreamTests.chunk("\n\n") + "0\r\n\r\n")
        }
    }
}
