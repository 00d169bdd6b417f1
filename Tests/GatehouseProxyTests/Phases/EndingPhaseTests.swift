import GatehouseCore
import GatehouseMCP
import NIOCore
import SocketLoop
import Testing

@testable import GatehouseProxy

/// The audit's events, the answer to a refusal and the head that goes upstream, each without a socket.
@Suite struct EndingPhaseTests {
    @Test func `a decision names each call, and a malformed head is not believed`() throws {
        let fixture = try PhaseFixture(GatePhaseTests.post(MCPGateway.call("denied")), routes: GatePhaseTests.routes())
        guard case .refused(let reason) = try fixture.judge().verdict else {
            Issue.record("a denied call is refused")
            return
        }
        fixture.exchange.answer.refusal = reason
        let recorder = PhaseRecorder()
        let phase = RecordPhase(recorder: recorder, exchange: fixture.exchange, peer: PeerName { "192.0.2.1" })
        #expect(fixture.exchange.decision == .open)
        #expect(phase.decision(fixture.inbound) == .recorded)
        #expect(fixture.exchange.decision == .recorded)
        #expect(recorder.lines == ["decision POST /mcp tools/call denied toolDenied 0"])
        fixture.inbound.passHead()
        _ = phase.decision(fixture.inbound)
        #expect(recorder.lines.last == "decision     toolDenied 0")
    }

    @Test func `a decision of nobody is counted, and the outcome tells the status`() throws {
        let fixture = try PhaseFixture(GatePhaseTests.post(""), routes: GatePhaseTests.routes())
        let recorder = PhaseRecorder(.counted)
        let phase = RecordPhase(recorder: recorder, exchange: fixture.exchange, peer: PeerName { "" })
        _ = phase.decision(fixture.inbound)
        #expect(fixture.exchange.decision == .counted)
        fixture.exchange.answer.status = 404
        phase.outcome(.complete, at: Timestamp(seconds: 1), .now())
        #expect(recorder.lines.last == "outcome     allowed 404")
    }

    @Test func `a denied call is answered in JSON-RPC, a denied notification by its status`() throws {
        let call = try PhaseFixture(GatePhaseTests.post(MCPGateway.call("denied")), routes: GatePhaseTests.routes())
        _ = try call.judge()
        let answer = RefusalPhase.answer(.toolDenied, call.exchange)
        #expect(answer.status == 200)
        guard case .answer(let json) = answer.content else {
            Issue.record("a call that waits is answered")
            return
        }
        #expect(String(decoding: json, as: UTF8.self).contains(#""id":1"#))
        #expect(!call.exchange.answer.rpcError.isEmpty)
        let notification = #"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"denied"}}"#
        let told = try PhaseFixture(GatePhaseTests.post(notification), routes: GatePhaseTests.routes())
        _ = try told.judge()
        let status = RefusalPhase.answer(.toolDenied, told.exchange)
        #expect(status.status == 403)
        #expect(status.content == .refusal(.toolDenied))
    }

    @Test(arguments: [(Reason.tokenMissing, true), (.tokenNeedsConnecting, true), (.toolDenied, false)])
    func `where to connect a token is told when one lacks alone`(reason: Reason, isTold: Bool) throws {
        let fixture = try PhaseFixture(GatePhaseTests.post(MCPGateway.call("a")), routes: GatePhaseTests.routes(nil))
        _ = try fixture.judge()
        let address = "https://coda.example/.gatehouse/"
        fixture.exchange.call.offer = ConnectOffer(
            .message,
            try TokenName(parsing: "coda"),
            at: address,
            isAnew: false
        )
        guard case .answer(let json) = RefusalPhase.answer(reason, fixture.exchange).content else {
            Issue.record("a call that waits is answered")
            return
        }
        #expect(String(decoding: json, as: UTF8.self).contains(address) == isTold)
    }

    /// The first bytes of a request as they go upstream, and the lines that were injected.
    private func opening(with field: String, room: Int = 0) throws -> (
        bytes: OpeningBytes, injected: Secret, authority: [UInt8]
    ) {
        let fixture = try PhaseFixture(
            "GET /mcp HTTP/1.1\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: a\r\n\(field)\r\n\r\n",
            routes: [Gateway.route("http://127.0.0.1:1")]
        )
        let route = try fixture.admit()
        let foundInjected = InjectPhase.lines(fixture.inbound, for: PhaseFixture.caller, on: route)
        let injected = try #require(foundInjected)
        let phase = ForwardPhase(exchange: fixture.exchange, route: route, injected: injected)
        let bound = phase.bound(fixture.inbound)
        var opening = OpeningBytes(head: ByteBuffer(), bound: bound + room)
        phase.writeHead(fixture.inbound, bound: bound, into: &opening)
        return (opening, injected, phase.authority(fixture.inbound))
    }

    @Test func `the head goes upstream with the injected lines and without the assertion`() throws {
        let (opening, _, authority) = try opening(with: "X-Coda-Api-Key: theirs")
        let head = String(buffer: opening.head)
        #expect(head.contains("\r\nX-Coda-Api-Key: \(Gateway.token)\r\n"))
        #expect(!head.contains("theirs"))
        #expect(!head.lowercased().contains("assertion"))
        #expect(String(decoding: authority, as: UTF8.self) == "coda.example")
    }

    @Test func `newer lines take the place of the injected ones, of whatever length, and what follows stays`() throws {
        for new in ["X-Coda-Api-Key: b\r\n", "X-Coda-Api-Key: \(String(repeating: "c", count: 9000))\r\n"] {
            var (opening, old, _) = try opening(with: "X-A: 1", room: ForwardPhase.joinedBody)
            opening.put(ByteBuffer(string: "a body"))
            let before = opening.head
            let text = String(buffer: before)
            opening.inject(Secret(new), inPlaceOf: old)
            let line = "X-Coda-Api-Key: \(Gateway.token)\r\n"
            #expect(text.contains(line))
            #expect(String(buffer: opening.head) == text.replacing(line, with: new))
            // The old token stands nowhere any more.
            #expect(before.readableBytesView.allSatisfy { $0 == 0 })
        }
    }
}
