import GatehouseCore
import GatehouseMCP
import NIOCore
import Testing

@testable import GatehouseProxy

/// The gate by itself, without a socket.
@Suite struct GatePhaseTests {
    static func routes(_ globs: [String]? = ["allowed"], limits: RouteLimits = RouteLimits()) throws -> [Route] {
        [
            try Gateway.route(
                "http://127.0.0.1:1",
                policy: MCPGateway.policy(globs),
                limits: limits,
                speech: .mcp
            )
        ]
    }

    static func post(_ body: String, _ fields: String..., sent: Int? = nil) -> String {
        let head = ["POST /mcp HTTP/1.1", "Host: coda.example", "Content-Length: \(body.utf8.count)"] + fields
        return head.joined(separator: "\r\n") + "\r\n\r\n" + body.prefix(sent ?? body.count)
    }

    @Test func `a call is judged by the grants`() throws {
        let allowed = try PhaseFixture(Self.post(MCPGateway.call("allowed")), routes: Self.routes())
        #expect(try allowed.judge() == GatePhase.Result(verdict: .passed, bodyIsWhole: true))
        #expect(allowed.exchange.call.received != nil)
        #expect(!allowed.exchange.call.waiting.isEmpty)
        let denied = try PhaseFixture(Self.post(MCPGateway.call("denied")), routes: Self.routes())
        #expect(try denied.judge() == GatePhase.Result(verdict: .refused(.toolDenied), bodyIsWhole: true))
    }

    @Test func `a body is waited for and then judged`() throws {
        let call = MCPGateway.call("denied")
        let fixture = try PhaseFixture(Self.post(call, sent: 10), routes: Self.routes())
        #expect(try fixture.judge() == GatePhase.Result(verdict: .needsBody))
        fixture.inbound.receive(ByteBuffer(string: String(call.dropFirst(10))))
        #expect(try fixture.judge().verdict == .refused(.toolDenied))
    }

    @Test func `a session that is not the caller's is refused, and the caller's is bound`() throws {
        let foreign = Self.post(MCPGateway.call("allowed"), "Mcp-Session-Id: not-tagged-by-anybody")
        let fixture = try PhaseFixture(foreign, routes: Self.routes())
        #expect(try fixture.judge().verdict == .refused(.sessionUnknown))
        let id = Array("upstream-session".utf8)
        let tag = try #require(
            id.withUnsafeBytes {
                PhaseFixture.key.tag(
                    for: $0,
                    route: try! RouteName(parsing: "coda"),
                    principal: PhaseFixture.caller.principal
                )
            }
        )
        let tagged = String(decoding: id + tag, as: UTF8.self)
        let own = try PhaseFixture(
            Self.post(MCPGateway.call("allowed"), "Mcp-Session-Id: \(tagged)"),
            routes: Self.routes()
        )
        #expect(try own.judge().verdict == .passed)
        #expect(own.exchange.session.bound?.tagged == id + tag)
    }

    @Test func `the head must mirror the body`() throws {
        let fields = "Mcp-Method: tools/list"
        let body = MCPGateway.call("allowed")
        let fixture = try PhaseFixture(
            Self.post(body, "Mcp-Protocol-Version: 2026-07-28", fields),
            routes: Self.routes()
        )
        #expect(try fixture.judge().verdict == .refused(.rpcHeaderMismatch))
    }

    private static let task = #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"allowed","task":{}}}"#

    /// Answers of all other calls pass as they came, whatever they hold.
    @Test(
        arguments: [
            (MCPGateway.call("allowed"), nil, false), (MCPGateway.call("allowed"), "2025-06-18", false),
            (MCPGateway.call("allowed"), "2025-11-25", true), (MCPGateway.call("allowed"), "2026-07-28", true),
            (MCPGateway.request("ping"), "2025-11-25", false), (MCPGateway.request("tools/list"), "2026-07-28", false),
            (task, nil, true), (MCPGateway.request("subscriptions/listen"), "2026-07-28", true),
            (MCPGateway.request("subscriptions/listen"), nil, true),
        ] as [(String, String?, Bool)]
    )
    func `values are bound in the answers that may hand some out`(body: String, version: String?, isHandedOut: Bool)
        throws
    {
        let fields = version.map { "Mcp-Protocol-Version: \($0)" } ?? "X-Other: 1"
        let fixture = try PhaseFixture(Self.post(body, fields), routes: Self.routes())
        #expect(try fixture.judge().verdict == .passed)
        #expect(fixture.exchange.call.owned.isHandedOut == isHandedOut)
    }

    @Test func `text that readers could read differently is no call`() throws {
        let twice = try PhaseFixture(
            Self.post(#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#),
            routes: Self.routes()
        )
        #expect(try twice.judge().verdict == .refused(.rpcMalformed))
        let coded = try PhaseFixture(
            Self.post(MCPGateway.call("allowed"), "Content-Encoding: gzip"),
            routes: Self.routes()
        )
        #expect(try coded.judge().verdict == .refused(.rpcMalformed))
        let empty = try PhaseFixture(Self.post(""), routes: Self.routes())
        #expect(try empty.judge().verdict == .refused(.rpcMalformed))
    }

    @Test func `a caller beyond the rate is refused with the time to wait`() throws {
        let limits = RouteLimits(rate: RouteLimits.Rate(count: 1, per: .seconds(60)))
        let fixture = try PhaseFixture(Self.post(MCPGateway.call("allowed")), routes: Self.routes(nil, limits: limits))
        #expect(try fixture.judge().verdict == .passed)
        #expect(try fixture.judge().verdict == .refused(.rateLimited))
        #expect((fixture.exchange.answer.retryAfter ?? 0) > 0)
    }

    @Test func `a route without the gate passes what it cannot read`() throws {
        let fixture = try PhaseFixture(Self.post("no JSON"), routes: [Gateway.route("http://127.0.0.1:1")])
        #expect(try fixture.judge() == GatePhase.Result(verdict: .passed))
    }
}
