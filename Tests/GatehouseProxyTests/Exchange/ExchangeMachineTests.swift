import GatehouseCore
import Testing

@testable import GatehouseProxy

/// Scripts of events. `at(_:)` brings a machine to a phase of the decision; the rest of a test is what happens then.
@Suite struct ExchangeMachineTests {
    static let get = ExchangeMachine.Request(keepsAlive: true, isComplete: true)
    static let post = ExchangeMachine.Request(keepsAlive: true, isComplete: false)
    /// Of another proxy, about a request of its own.
    static let question = ExchangeMachine.Request(keepsAlive: true, isComplete: true, isQuestion: true)
    static let document = LocalResponse(status: 200, content: .document([]))

    /// A machine in which a phase is under way.
    static func at(_ phase: ExchangeMachine.Phase, _ request: ExchangeMachine.Request = get) -> ExchangeMachine {
        var machine = ExchangeMachine()
        _ = machine.headReceived(request)
        for ended in ExchangeMachine.Phase.allCases.prefix(while: { $0 != phase }) { _ = pass(ended, &machine) }
        return machine
    }

    /// The event that ends a phase well.
    static func pass(_ phase: ExchangeMachine.Phase, _ machine: inout ExchangeMachine) -> ExchangeAction {
        switch phase {
        case .route: machine.routed(true)
        case .publicAnswer: machine.publicAnswerSought(.none)
        case .authentication: machine.authenticated(.verified)
        case .authorization: machine.authorized(refusal: nil)
        case .gate: machine.gated(.passed)
        case .token: machine.tokenProvided(refusal: nil)
        case .record: machine.decisionRecorded(.recorded)
        }
    }

    static func forwarding(_ request: ExchangeMachine.Request = get, isReused: Bool = false, renews: Bool = false)
        -> ExchangeMachine
    {
        var machine = ExchangeMachine()
        #expect(machine.headReceived(request) == .route)
        #expect(machine.routed(true) == .seekPublicAnswer)
        #expect(machine.publicAnswerSought(.none) == .authenticate)
        #expect(machine.authenticated(.verified) == .authorize)
        #expect(machine.authorized(refusal: nil) == .gate)
        #expect(machine.gated(.passed) == .provideToken)
        #expect(machine.tokenProvided(refusal: nil, renews: renews) == .recordDecision)
        #expect(machine.decisionRecorded(.recorded) == .connect(again: false))
        #expect(machine.connected(isReused: isReused) == .forwardRequest)
        return machine
    }

    @Test func `a request passes the phases in order, and its connection serves another`() {
        var machine = Self.forwarding()
        #expect(machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false) == .wait)
        #expect(machine.responseCloses == false)
        #expect(machine.responseCompleted(mustClose: false) == .finish(upstream: .reuse))
        #expect(machine.isIdle == true)
        #expect(machine.headReceived(Self.get) == .route)
    }

    @Test func `nothing is forwarded before the decision is recorded`() {
        var machine = Self.at(.record)
        #expect(machine.decisionRecorded(.pending(ticket: 7)) == .awaitRecord(ticket: 7))
        #expect(machine.disposition == .hold)
        #expect(machine.isConnecting == false)
        #expect(machine.decisionSettled(durable: true) == .connect(again: false))
        // A second word of the same record changes nothing.
        #expect(machine.decisionSettled(durable: true) == .wait)
    }

    @Test func `a decision that cannot be recorded refuses`() {
        var waited = Self.at(.record)
        _ = waited.decisionRecorded(.pending(ticket: 1))
        #expect(waited.decisionSettled(durable: false) == .refuse(.auditUnavailable, close: false))
        var atOnce = Self.at(.record)
        #expect(atOnce.decisionRecorded(.unavailable) == .refuse(.auditUnavailable, close: false))
    }

    @Test func `a question is answered when it is recorded, and no token is asked for`() {
        for receipt in [AuditReceipt.recorded, .pending(ticket: 1)] {
            var machine = Self.at(.gate, Self.question)
            #expect(machine.gated(.passed) == .recordDecision)
            if receipt == .recorded {
                #expect(machine.decisionRecorded(receipt) == .confirm(close: false))
            } else {
                #expect(machine.decisionRecorded(receipt) == .awaitRecord(ticket: 1))
                #expect(machine.decisionSettled(durable: true) == .confirm(close: false))
            }
            #expect(machine.isConnecting == false)
            #expect(machine.refusalWritten(remaining: 0) == .finish(upstream: .close))
            #expect(machine.isIdle == true)
        }
        var lost = Self.at(.gate, Self.question)
        _ = lost.gated(.passed)
        #expect(lost.decisionRecorded(.unavailable) == .refuse(.auditUnavailable, close: false))
    }

    @Test func `each phase ends in the next`() {
        let next: [ExchangeAction] = [
            .seekPublicAnswer, .authenticate, .authorize, .gate, .provideToken, .recordDecision, .connect(again: false),
        ]
        for (phase, action) in zip(ExchangeMachine.Phase.allCases, next) {
            var machine = Self.at(phase)
            #expect(Self.pass(phase, &machine) == action)
        }
    }

    /// The order is the machine's: whoever skips a phase, repeats one, or comes with the event of another ends the process, and nothing is forwarded.
    @Test(arguments: ExchangeMachine.Phase.allCases)
    func `an event in another phase than its own traps`(phase: ExchangeMachine.Phase) async {
        switch phase {
        case .route:
            await #expect(processExitsWith: .failure) { _ = Self.pass(.authentication, &Self.box(.route).machine) }
        case .publicAnswer:
            await #expect(processExitsWith: .failure) {
                _ = Self.pass(.authorization, &Self.box(.publicAnswer).machine)
            }
        case .authentication:
            await #expect(processExitsWith: .failure) { _ = Self.pass(.gate, &Self.box(.authentication).machine) }
        case .authorization:
            await #expect(processExitsWith: .failure) { _ = Self.pass(.token, &Self.box(.authorization).machine) }
        case .gate:
            await #expect(processExitsWith: .failure) { _ = Self.pass(.record, &Self.box(.gate).machine) }
        case .token:
            await #expect(processExitsWith: .failure) { _ = Self.pass(.record, &Self.box(.token).machine) }
        case .record:
            await #expect(processExitsWith: .failure) { _ = Self.box(.record).machine.connected() }
        }
    }

    /// Holds a machine where only a copy could be written to.
    final class Box {
        var machine: ExchangeMachine
        init(_ machine: consuming ExchangeMachine) { self.machine = machine }
    }

    static func box(_ phase: ExchangeMachine.Phase) -> Box { Box(at(phase)) }

    @Test func `each phase can refuse`() {
        func step(_ phase: ExchangeMachine.Phase, _ event: (inout ExchangeMachine) -> ExchangeAction) -> ExchangeAction
        {
            var machine = Self.at(phase)
            return event(&machine)
        }
        #expect(step(.route) { $0.routed(false) } == .refuse(.routeUnknown, close: false))
        #expect(
            step(.publicAnswer) { $0.publicAnswerSought(.refused(.originDenied)) }
                == .refuse(.originDenied, close: false)
        )
        #expect(
            step(.authentication) { $0.authenticated(.refused(.assertionExpired)) }
                == .refuse(.assertionExpired, close: false)
        )
        #expect(
            step(.authorization) { $0.authorized(refusal: .principalDenied) } == .refuse(.principalDenied, close: false)
        )
        #expect(step(.gate) { $0.gated(.refused(.toolDenied)) } == .refuse(.toolDenied, close: false))
        #expect(
            step(.token) { $0.tokenProvided(refusal: .tokenUnavailable) } == .refuse(.tokenUnavailable, close: false)
        )
    }

    @Test func `a request whose verdict waits for keys is routed anew`() {
        var machine = Self.at(.authentication)
        #expect(machine.authenticated(.undecided(orElse: .keysUnavailable)) == .awaitVerdict)
        #expect(machine.disposition == .hold)
        #expect(machine.verdictSettled() == .route)
        #expect(machine.routed(true) == .seekPublicAnswer)
        #expect(machine.verdictSettled() == .wait)
    }

    @Test func `a wait that takes too long says what was waited for`() {
        var keys = Self.at(.authentication)
        _ = keys.authenticated(.undecided(orElse: .keysUnavailable))
        #expect(keys.deadlinePassed() == .refuse(.keysUnavailable, close: false))
        var record = Self.at(.record)
        _ = record.decisionRecorded(.pending(ticket: 3))
        #expect(record.deadlinePassed() == .refuse(.auditUnavailable, close: false))
    }

    @Test func `what Gatehouse tells everybody is told at once and drops the body like a refusal`() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.get)
        _ = machine.routed(true)
        #expect(machine.publicAnswerSought(.found(Self.document)) == .answerPublicly(Self.document, close: false))
        #expect(machine.refusalWritten(remaining: 0) == .finish(upstream: .close))
        #expect(machine.isIdle == true)
        _ = machine.headReceived(Self.post)
        _ = machine.routed(true)
        #expect(machine.publicAnswerSought(.found(Self.document)) == .answerPublicly(Self.document, close: false))
        #expect(machine.refusalCloses(remaining: ExchangeMachine.droppedBody + 1) == true)
        #expect(machine.refusalWritten(remaining: 10) == .finish(upstream: .close))
        #expect(machine.disposition == .dropBody)
        #expect(machine.bodyDropped(10) == .wait)
        #expect(machine.requestCompleted() == .wait)
        _ = machine.drainBegan()
        #expect(machine.isClosed == true)
    }

    /// A machine that waits for the whole body of a POST.
    static func gathering(_ request: ExchangeMachine.Request = post) -> ExchangeMachine {
        var machine = at(.gate, request)
        #expect(machine.gated(.needsBody) == .gatherBody)
        #expect(machine.disposition == .gatherBody)
        return machine
    }

    @Test func `a body is gathered before it is judged, and need not be dropped when it is refused`() {
        var machine = Self.gathering()
        #expect(machine.bodyGathered() == .gate)
        #expect(machine.gated(.refused(.toolDenied), bodyIsWhole: true) == .refuse(.toolDenied, close: false))
        #expect(machine.isRequestWhole == true)
        #expect(machine.refusalWritten(remaining: 0) == .finish(upstream: .close))
        #expect(machine.isIdle == true)
    }

    @Test func `a gathered body that passes is forwarded whole`() {
        var machine = Self.gathering()
        _ = machine.bodyGathered()
        #expect(machine.gated(.passed, bodyIsWhole: true) == .provideToken)
        _ = machine.tokenProvided(refusal: nil)
        _ = machine.decisionRecorded(.recorded)
        _ = machine.connected()
        #expect(machine.isRequestComplete == true)
        #expect(machine.disposition == .hold)
    }

    @Test func `whoever is asked for a body by the gate waits for it no more`() {
        var machine = Self.gathering(
            ExchangeMachine.Request(keepsAlive: true, isComplete: false, expectsContinue: true)
        )
        _ = machine.bodyGathered()
        // A refusal keeps the connection: where the next request starts is known.
        #expect(machine.gated(.refused(.rpcMalformed), bodyIsWhole: true) == .refuse(.rpcMalformed, close: false))
    }

    @Test func `what may befall a request whose body is gathered`() {
        func gathered(_ event: (inout ExchangeMachine) -> ExchangeAction) -> ExchangeAction {
            var machine = Self.gathering()
            return event(&machine)
        }
        #expect(gathered { $0.requestBodyRefused(.bodyTooLarge) } == .refuse(.bodyTooLarge, close: true))
        #expect(gathered { $0.gatheringOverflowed() } == .refuse(.overloaded, close: false))
        #expect(gathered { $0.clientClosed() } == .abort(.clientClosed))
        #expect(gathered { $0.deadlinePassed() } == .abort(.timeout))
        #expect(gathered { $0.graceEnded() } == .abort(.drained))
        #expect(gathered { $0.drainBegan() } == .wait)
        #expect(gathered { $0.assertionExpired() } == .wait)
        #expect(gathered { $0.verdictSettled() } == .wait)
        #expect(gathered { $0.upstreamFailed(.upstreamReset) } == .wait)
    }

    @Test func `a refusal keeps the connection`() {
        var machine = Self.at(.authentication)
        #expect(machine.authenticated(.refused(.assertionMissing)) == .refuse(.assertionMissing, close: false))
        #expect(machine.refusalWritten(remaining: 0) == .finish(upstream: .close))
        #expect(machine.isIdle == true)
    }

    @Test func `the body of a refused request is dropped up to the bound`() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.post)
        _ = machine.routed(false)
        #expect(machine.refusalWritten(remaining: 1000) == .finish(upstream: .close))
        #expect(machine.disposition == .dropBody)
        #expect(machine.bodyDropped(1000) == .wait)
        #expect(machine.requestCompleted() == .wait)
        #expect(machine.isIdle == true)
    }

    @Test func `a long body of a refused request closes after the answer`() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.post)
        _ = machine.routed(false)
        #expect(machine.refusalCloses(remaining: ExchangeMachine.droppedBody + 1) == true)
        #expect(
            machine.refusalWritten(remaining: ExchangeMachine.droppedBody + 1)
                == .finishAndClose(upstream: .close)
        )
        #expect(machine.disposition == .discard)
    }

    @Test func `a body of unknown length is dropped until the bound`() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.post)
        _ = machine.routed(false)
        #expect(machine.refusalWritten(remaining: nil) == .finish(upstream: .close))
        #expect(machine.bodyDropped(ExchangeMachine.droppedBody) == .wait)
        #expect(machine.bodyDropped(1) == .close)
    }

    @Test func `a client that waits for 100 (Continue) is not kept`() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(.init(keepsAlive: true, isComplete: false, expectsContinue: true))
        #expect(machine.routed(false) == .refuse(.routeUnknown, close: true))
        #expect(machine.refusalWritten(remaining: 5) == .finishAndClose(upstream: .close))
    }

    @Test func `a malformed head closes the connection`() {
        var machine = ExchangeMachine()
        #expect(machine.headRefused(.requestMalformed) == .refuse(.requestMalformed, close: true))
        #expect(machine.refusalWritten(remaining: nil) == .finishAndClose(upstream: .close))
    }

    @Test func `an early response does not reuse the upstream`() {
        var machine = Self.forwarding(Self.post)
        #expect(machine.disposition == .forwardBody)
        _ = machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(machine.responseCompleted(mustClose: false) == .finish(upstream: .close))
        #expect(machine.disposition == .dropBody)
        #expect(machine.requestCompleted() == .wait)
        #expect(machine.isIdle == true)
    }

    @Test func `an upstream that fails before its answer is refused, and one that fails after it is cut`() {
        var before = Self.forwarding()
        #expect(before.upstreamFailed(.upstreamReset) == .refuse(.upstreamReset, close: false))
        var after = Self.forwarding()
        _ = after.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(after.upstreamFailed(.upstreamReset) == .abort(.upstreamClosed))
        #expect(after.isClosed == true)
    }

    @Test func `a client that goes away ends the exchange`() {
        var machine = Self.forwarding()
        #expect(machine.clientClosed() == .abort(.clientClosed))
        var idle = ExchangeMachine()
        #expect(idle.clientClosed() == .close)
    }

    @Test func `timeouts are answered as the state allows`() {
        var waiting = Self.forwarding()
        #expect(waiting.deadlinePassed() == .refuse(.upstreamTimeout, close: false))
        var stalled = Self.forwarding(Self.post)
        #expect(stalled.deadlinePassed() == .abort(.timeout))
        var streaming = Self.forwarding()
        _ = streaming.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(streaming.deadlinePassed() == .abort(.timeout))
        var idle = ExchangeMachine()
        #expect(idle.deadlinePassed() == .cut)
    }

    static let safe = ExchangeMachine.Request(keepsAlive: true, isComplete: true, isSafe: true)

    @Test func `a dead reused connection is replaced once`() {
        var machine = Self.forwarding(Self.safe, isReused: true)
        #expect(machine.keepsOpening == true)
        #expect(machine.upstreamClosed() == .connect(again: true))
        #expect(machine.connected(isReused: false) == .forwardRequest)
        #expect(machine.keepsOpening == false)
        #expect(machine.upstreamClosed() == .refuse(.upstreamReset, close: false))
    }

    /// RFC 9110 section 9.2.2: what may have been done is not done twice.
    @Test func `a request that may change something is sent again only when not one byte of it has left`() {
        var sent = Self.forwarding(Self.get, isReused: true)
        #expect(sent.upstreamClosed() == .refuse(.upstreamReset, close: false))
        var unsent = Self.forwarding(Self.get, isReused: true)
        unsent.sendingFailed()
        #expect(unsent.upstreamClosed() == .connect(again: true))
    }

    @Test
    func `nothing is sent again once something came back, once more was sent than is kept, or over a new connection`() {
        var begun = Self.forwarding(Self.safe, isReused: true)
        begun.answerBegan()
        #expect(begun.keepsOpening == false)
        #expect(begun.upstreamClosed() == .refuse(.upstreamReset, close: false))
        var fresh = Self.forwarding(Self.safe)
        fresh.sendingFailed()
        #expect(fresh.upstreamClosed() == .refuse(.upstreamReset, close: false))
        var streaming = Self.forwarding(Self.safe, isReused: true)
        _ = streaming.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(streaming.upstreamClosed() == .abort(.upstreamClosed))
    }

    @Test func `an upgrade that was not asked for is malformed`() {
        var machine = Self.forwarding()
        #expect(
            machine.responseHeadReceived(reusesUpstream: false, isUpgrade: true)
                == .refuse(.upstreamMalformed, close: false)
        )
        var asked = Self.forwarding(.init(keepsAlive: true, isComplete: true, isUpgrade: true))
        #expect(asked.responseHeadReceived(reusesUpstream: false, isUpgrade: true) == .tunnel)
        #expect(asked.disposition == .tunnel)
        #expect(asked.assertionExpired() == .abort(.expired))
    }

    /// A connection that has served a request and waits for the next.
    static func kept() -> ExchangeMachine {
        var machine = forwarding()
        _ = machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        _ = machine.responseCompleted(mustClose: false)
        return machine
    }

    @Test func `a drain closes kept connections at once and others after their exchange`() {
        var idle = Self.kept()
        #expect(idle.drainBegan() == .close)
        var busy = Self.forwarding()
        #expect(busy.drainBegan() == .wait)
        _ = busy.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(busy.responseCloses == true)
        #expect(busy.responseCompleted(mustClose: false) == .finishAndClose(upstream: .reuse))
        #expect(busy.isClosed == true)
    }

    /// Closed at once, the connection would lose a request that no client may safely send again.
    @Test func `a drain keeps a connection on which a request may be under way`() {
        var accepted = ExchangeMachine()
        #expect(accepted.drainBegan() == .hasten(.ends))
        #expect(accepted.isIdle == true)
        var reading = Self.kept()
        #expect(reading.headBegan() == true)
        #expect(reading.drainBegan() == .hasten(.ends))
        var unread = Self.kept()
        #expect(unread.drainBegan(hasUnread: true) == .hasten(.ends))
        var handed = Self.kept()
        #expect(handed.drainBegan(handsOver: true) == .hasten(.handsOver))
        _ = handed.headReceived(Self.get)
        #expect(handed.routed(false) == .refuse(.routeUnknown, close: true))
    }

    @Test func `a head begins once`() {
        var machine = ExchangeMachine()
        #expect(machine.headBegan() == true)
        #expect(machine.headBegan() == false)
        #expect(machine.headReceived(Self.get) == .route)
    }

    /// RFC 9112 section 9.6: our answer must not be overtaken by a reset for bytes that came behind it.
    @Test func `a connection that lingers shuts its side once all is written`() {
        var machine = ExchangeMachine()
        _ = machine.headRefused(.requestMalformed)
        _ = machine.refusalWritten(remaining: nil)
        #expect(machine.wait == .output)
        #expect(machine.outputWritten() == .shutOutput)
        #expect(machine.wait == .linger)
        #expect(machine.inputExhausted() == .close)
        #expect(machine.outputWritten() == .cut)
    }

    @Test func `a stream ends when its assertion expires`() {
        var machine = Self.forwarding()
        #expect(machine.assertionExpired() == .wait)
        _ = machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(machine.assertionExpired() == .abort(.expired))
    }
}
