import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Logging
import NIOCore
import SocketLoop
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

    static func post(_ body: String, to path: String = "/mcp", _ fields: String..., sent: Int? = nil) -> String {
        let head = ["POST \(path) HTTP/1.1", "Host: coda.example", "Content-Length: \(body.utf8.count)"] + fields
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
        let session = try PhaseFixture.session()
        let named = Self.post(MCPGateway.call("allowed"), "Mcp-Session-Id: \(session)")
        let own = try PhaseFixture(named, routes: Self.routes())
        #expect(try own.judge().verdict == .passed)
        #expect(own.exchange.session.bound?.tagged == Array(session.utf8))
        let early = try PhaseFixture(named, routes: Self.routes())
        let route = early.snapshot.routes[0]
        early.exchange.routed(to: route, prefix: 0)
        let nobody = GatePhase.judge(early.inbound, &early.body, early.exchange, on: route, &early.tables)
        #expect(nobody == .refused(.sessionUnknown))
    }

    /// Another instance began the session, so no stream of this one has named the path.
    @Test func `a path that ends with a session is one under which no session goes without its tag`() throws {
        let untagged = Self.post(MCPGateway.call("allowed"), to: "/messages/upstream-session-2")
        let before = try PhaseFixture(untagged, routes: Self.routes(nil))
        #expect(try before.judge().verdict == .passed)
        let own = try PhaseFixture(
            Self.post(MCPGateway.call("allowed"), to: "/messages/\(PhaseFixture.session())"),
            routes: Self.routes(nil)
        )
        #expect(try own.judge().verdict == .passed)
        #expect(own.exchange.session.bound != nil)
        let after = try PhaseFixture(untagged, routes: Self.routes(nil), legacy: own.tables.legacy)
        #expect(try after.judge().verdict == .refused(.sessionUnknown))
    }

    @Test func `a limited caller gets no tunnel, whatever it would take in its place`() throws {
        let upgrade = """
            GET /mcp HTTP/1.1\r
            Host: coda.example\r
            Connection: Upgrade\r
            Upgrade: websocket\r
            Sec-WebSocket-Version: 13\r
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
            Accept: text/event-stream\r
            \r

            """
        #expect(try PhaseFixture(upgrade, routes: Self.routes(nil)).judge().verdict == .passed)
        #expect(try PhaseFixture(upgrade, routes: Self.routes()).judge().verdict == .refused(.principalDenied))
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

    @Test(
        arguments: [
            (MCPGateway.call("allowed"), "2026-07-28", .toolsCall), (MCPGateway.call("allowed"), "2025-11-25", nil),
            (MCPGateway.request("resources/read", params: #"{"uri":"a://b"}"#), "2026-07-28", .resourcesRead),
            (MCPGateway.request("resources/subscribe", params: #"{"uri":"a://b"}"#), "2026-07-28", nil),
            (MCPGateway.request("ping"), "2026-07-28", nil),
        ] as [(String, String, RPCMethod?)]
    )
    func `a request state is bound to the calls that may go on alone`(body: String, version: String, call: RPCMethod?)
        throws
    {
        let fixture = try PhaseFixture(
            Self.post(body, "Mcp-Protocol-Version: \(version)"),
            routes: Self.routes(nil)
        )
        #expect(try fixture.judge().verdict == .passed)
        #expect(fixture.exchange.call.owned.call?.method == call)
    }

    private static let ended = GatePhase.Result(verdict: .passed, bodyIsWhole: true)

    /// Nothing of a coded body is waited for, unless it may turn out to be none.
    @Test(
        arguments: [
            ("POST", "Content-Encoding: gzip\r\nContent-Length: 5", "", .refused(.rpcMalformed)),
            ("POST", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked", "", .refused(.rpcMalformed)),
            ("GET", "Content-Encoding: gzip\r\nContent-Length: 5", "", .refused(.rpcMalformed)),
            ("GET", "Content-Encoding: gzip", "", GatePhase.Result(verdict: .passed)),
            (
                "GET", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked", "",
                GatePhase.Result(verdict: .needsBody)
            ),
            ("GET", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked", "0\r\n\r\n", ended),
            ("GET", "Transfer-Encoding: chunked", "0\r\n\r\n", ended),
            (
                "GET", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked", "2\r\nab\r\n0\r\n\r\n",
                GatePhase.Result(verdict: .refused(.rpcMalformed), bodyIsWhole: true)
            ),
        ] as [(String, String, String, GatePhase.Result)]
    )
    func `a body that cannot be read is refused, and no body has no coding`(
        method: String,
        fields: String,
        body: String,
        result: GatePhase.Result
    ) throws {
        let fixture = try PhaseFixture(
            "\(method) /mcp HTTP/1.1\r\nHost: coda.example\r\n\(fields)\r\n\r\n\(body)",
            routes: Self.routes(nil)
        )
        var judged = try fixture.judge()
        if !body.isEmpty {
            #expect(judged == GatePhase.Result(verdict: .needsBody))
            fixture.body.gatheringBegan(at: .now())
            #expect(fixture.body.gather(from: fixture.inbound, limit: 1000) == nil)
            judged = try fixture.judge()
        }
        #expect(judged == result)
    }

    @Test func `the log tells of a body that is refused for its text where the fault stands`() throws {
        let told = Watched<[String]>([])
        let logger = Logger(label: "test", factory: { _ in Gateway.Lines(told: told, logLevel: .debug) })
        let fixture = try PhaseFixture(Self.post(#"{"jsonrpc":"2.0",}"#), routes: Self.routes(), logger: logger)
        #expect(try fixture.judge().verdict == .refused(.rpcMalformed))
        let line = try #require(told.read { $0 }.first)
        #expect(line.hasPrefix("body refused request.id=\(fixture.exchange.id) rpc.fault="))
        #expect(line.hasSuffix(" rpc.offset=17"))
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

    private static let slow = RouteLimits.Rate(count: 1, per: .seconds(60), scope: .fleet)

    /// - Parameter spent: the rate under which the caller has sent one request before, now.
    private func judge(_ request: String, after spent: RouteLimits.Rate) throws -> GatePhase.Result {
        let fixture = try PhaseFixture(request, routes: Self.routes(nil, limits: RouteLimits(rate: Self.slow)))
        let now = UInt64(fixture.exchange.started.nanoseconds)
        let name = try RouteName(parsing: "coda")
        #expect(fixture.tables.rates.limit(PhaseFixture.caller.principal, on: name, to: spent, now: now) == nil)
        return try fixture.judge()
    }

    /// 16 KiB: a connection may keep as much anyway.
    @Test(arguments: [(16_384, ExchangeMachine.Gating.needsBody), (16_385, .refused(.rateLimited))])
    func `a caller with nothing left sends no more than a short body`(length: Int, verdict: ExchangeMachine.Gating)
        throws
    {
        let request = "POST /mcp HTTP/1.1\r\nHost: coda.example\r\nContent-Length: \(length)\r\n\r\n"
        #expect(try judge(request, after: Self.slow).verdict == verdict)
    }

    /// A fleet learns of its requests late, so a caller can owe some.
    @Test func `what counts against no rate passes even of a caller who owes requests`() throws {
        let hour = RouteLimits.Rate(count: 1, per: .seconds(3600))
        #expect(try judge(Self.post(MCPGateway.request("ping")), after: hour).verdict == .refused(.rateLimited))
        #expect(try judge(Self.post(MCPGateway.request("server/discover")), after: hour).verdict == .passed)
    }

    @Test func `a route without the gate passes what it cannot read`() throws {
        let fixture = try PhaseFixture(Self.post("no JSON"), routes: [Gateway.route("http://127.0.0.1:1")])
        #expect(try fixture.judge() == GatePhase.Result(verdict: .passed))
    }
}
