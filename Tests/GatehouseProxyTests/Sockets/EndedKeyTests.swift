import Foundation
import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Streams that are open when a key ends: what was opened by it ends at once, everything else goes on.
@Suite struct EndedKeyTests {
    private static let current = Secret("the key of this gateway's sessions")
    private static let older = Secret("the key of the year before")
    private static let newer = Secret("the key of the year after")
    private static let both = SessionTags(PurposeKeys(current: current, older: [older]))
    private static let olderAlone = SessionTags(PurposeKeys(current: older))
    private static let event = EventStreamTests.chunk("data: 1\n\n")

    private static func session(_ id: String, under keys: SessionTags) throws -> String {
        let route = try RouteName(parsing: "coda")
        let alice = Principal(kind: .user, name: "alice@example.com")
        let tag = try #require(Array(id.utf8).withUnsafeBytes { keys.tag(for: $0, route: route, principal: alice) })
        return id + String(decoding: tag, as: UTF8.self)
    }

    private static func lastEvent(_ id: String, under keys: SessionTags) throws -> String {
        let route = try RouteName(parsing: "coda")
        let alice = Principal(kind: .user, name: "alice@example.com")
        let tag = try #require(
            Array(id.utf8).withUnsafeBytes { keys.owned.tag(.event, $0, route: route, principal: alice) }
        )
        return id + String(decoding: tag, as: UTF8.self)
    }

    @Test(arguments: ["GET", "POST", "resumed"])
    func `a stream that a key opened ends with the key, one by the other goes on`(kind: String) async throws {
        try await MCPGateway.run { gateway in
            gateway.server.replaceSessions(Self.both)
            func request(_ keys: SessionTags) throws -> String {
                let session = "Mcp-Session-Id: \(try Self.session("s-0123456789", under: keys))"
                return switch kind {
                case "GET": Gateway.get("/mcp", as: "alice", session)
                case "POST": Gateway.post("/mcp", as: "alice", session, body: MCPGateway.call("search"))
                case _: Gateway.get("/mcp", as: "alice", "Last-Event-ID: \(try Self.lastEvent("e-7", under: keys))")
                }
            }
            let (stays, staysUpstream) = try gateway.openStream(request(Self.both))
            let (ends, endsUpstream) = try gateway.openStream(request(Self.olderAlone))
            gateway.server.replaceSessions(Gateway.sessions)
            #expect(try ends.receiveTextToEnd() == "0\r\n\r\n")
            #expect(try endsUpstream.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .expired)
            try staysUpstream.send(Self.event)
            try stays.receive(exactly: Self.event)
            staysUpstream.close()
        }
    }

    @Test func `a stream that hands out what an ended key makes ends, a call without a session has its answer`()
        async throws
    {
        try await MCPGateway.run { gateway in
            let (listens, listensUpstream) = try gateway.openStream(Gateway.get())
            let (calls, callsUpstream) = try gateway.openStream(Gateway.post(body: MCPGateway.call("search")))
            gateway.server.replaceSessions(SessionTags(PurposeKeys(current: Self.newer)))
            #expect(try listens.receiveTextToEnd() == "0\r\n\r\n")
            #expect(try listensUpstream.receiveToEnd(orReset: true).isEmpty)
            try callsUpstream.send(Self.event + "0\r\n\r\n")
            try calls.receive(exactly: Self.event + "0\r\n\r\n")
        }
    }

    @Test func `a key that is added ends nothing`() async throws {
        try await MCPGateway.run { gateway in
            let session = "Mcp-Session-Id: \(try Self.session("s-0123456789", under: Gateway.sessions))"
            let (stays, staysUpstream) = try gateway.openStream(Gateway.get("/mcp", as: "alice", session))
            gateway.server.replaceSessions(SessionTags(PurposeKeys(current: Self.newer, older: [Self.current])))
            // A stream under a key that has ended shows that a sweep has held both against the keys.
            gateway.server.replaceSessions(SessionTags(PurposeKeys(current: Self.newer, older: [Self.current])))
            let (ends, endsUpstream) = try gateway.openStream(Gateway.get())
            gateway.server.replaceSessions(Gateway.sessions)
            #expect(try ends.receiveTextToEnd() == "0\r\n\r\n")
            #expect(try endsUpstream.receiveToEnd(orReset: true).isEmpty)
            try staysUpstream.send(Self.event)
            try stays.receive(exactly: Self.event)
            staysUpstream.close()
        }
    }
}
