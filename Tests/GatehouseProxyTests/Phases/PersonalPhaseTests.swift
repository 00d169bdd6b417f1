import GatehouseCore
import GatehouseMCP
import Testing

@testable import GatehouseProxy

/// The choice of a token on a route where each caller has an own one, and the offer to connect one, without a socket.
@Suite struct PersonalPhaseTests {
    private static let route = Result { try Gateway.route("http://127.0.0.1:1", policy: .everyone, speech: .mcp) }
    private static let service = Caller(
        principal: Principal(kind: .service, name: "a.access"),
        expiresAt: Timestamp(seconds: 4_102_444_800),
        keyID: "k1"
    )

    private func personal(fallsBack: Bool = false) throws -> PersonalInjection {
        try #require(Gateway.snapshot([Self.route.get()], fallsBack: fallsBack).routes[0].personal)
    }

    private func offer(
        _ reason: Reason,
        to body: String,
        _ version: ProtocolVersion,
        _ caller: Caller = PhaseFixture.caller,
        opens: Bool = false
    ) throws -> ConnectOffer? {
        let session = try PhaseFixture.session(of: caller, opensAddresses: opens)
        let fixture = try PhaseFixture(
            GatePhaseTests.post(body, "Mcp-Session-Id: \(session)"),
            routes: [Self.route.get()]
        )
        #expect(try fixture.judge(caller).verdict == .passed)
        let personal = try personal()
        return Array(body.utf8).withUnsafeBytes {
            PersonalPhase.offer(reason, fixture.exchange, personal, version, $0)
        }
    }

    private static func call(_ method: String = "tools/call", says: Bool = true) -> String {
        let said = #""_meta":{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"url":{}}}}"#
        return MCPGateway.request(method, params: #"{"name":"a","uri":"a://b"\#(says ? "," + said : "")}"#)
    }

    enum Form {
        case input, error, message
    }

    private static let first = ProtocolVersion.dated(20_251_125)
    private static let second = ProtocolVersion.dated(20_260_728)

    @Test(
        arguments: [
            (call(), second, true, false, .input), (call(says: false), second, true, true, .message),
            (call(), second, false, false, .message), (call("resources/read"), second, true, false, .input),
            // Its answer cannot ask for anything.
            (call("resources/subscribe"), second, true, false, .message), (call(), first, true, true, .error),
            (call(), first, true, false, .message), (call(), first, false, true, .message),
            (call(), .dated(20_250_618), true, true, .message), (call(), .unstated, true, true, .message),
        ] as [(String, ProtocolVersion, Bool, Bool, Form)]
    )
    func `only a client that can opens an address, and only for a person`(
        body: String,
        version: ProtocolVersion,
        isPerson: Bool,
        opens: Bool,
        form: Form
    ) throws {
        let caller = isPerson ? PhaseFixture.caller : Self.service
        let offered = try offer(.tokenMissing, to: body, version, caller, opens: opens)
        let found: Form =
            switch try #require(offered).form {
            case .inputRequired: .input
            case .elicitationError: .error
            case .message: .message
            }
        #expect(found == form)
    }

    @Test func `an offer says whether there was a token, and nobody who waits for nothing gets one`() throws {
        #expect(try offer(.tokenMissing, to: Self.call(), .unstated)?.isAnew == false)
        #expect(try offer(.tokenNeedsConnecting, to: Self.call(), .unstated)?.isAnew == true)
        let notification = #"{"jsonrpc":"2.0","method":"notifications/progress"}"#
        #expect(try offer(.tokenMissing, to: notification, .unstated) == nil)
    }

    /// The audit names its version, and an upstream's 401 to it is not the caller's.
    @Test func `the shared token is noted as the operators' one`() throws {
        let fixture = try PhaseFixture(GatePhaseTests.post(Self.call()), routes: [Self.route.get()])
        _ = try fixture.judge()
        let choice = PersonalPhase.choose(fixture.exchange, try personal(fallsBack: true), PersonalTokens([:]))
        guard case .token = choice else {
            Issue.record("the shared token serves who has none")
            return
        }
        #expect(fixture.exchange.personal?.version == 1)
        #expect(fixture.exchange.personal?.rejection == .upstreamCredentialRejected)
    }
}
