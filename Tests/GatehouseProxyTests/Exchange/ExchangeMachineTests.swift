import GatehouseCore
import Testing

@testable import GatehouseProxy

/// Scripts of events. `walked(to:)` brings a machine to the middle of the walk; the rest of a test is what happens then.
@Suite struct ExchangeMachineTests {
    static let get = ExchangeMachine.Request(keepsAlive: true, isComplete: true)
    static let post = ExchangeMachine.Request(keepsAlive: true, isComplete: false)

    static func forwarding(_ request: ExchangeMachine.Request = get) -> ExchangeMachine {
        var machine = ExchangeMachine()
        #expect(machine.headReceived(request) == .route)
        #expect(machine.routed(true) == .authenticate)
        #expect(machine.authenticated(.verified) == .authorize)
        #expect(machine.authorized(refusal: nil) == .gate)
        #expect(machine.gated(.passed) == .provideToken)
        #expect(machine.tokenProvided(true) == .recordDecision)
        #expect(machine.decisionRecorded(.recorded) == .connect)
        #expect(machine.connected() == .forwardRequest)
        return machine
    }

    @Test func aRequestWalksInOrderAndItsConnectionServesAnother() {
        var machine = Self.forwarding()
        #expect(machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false) == .wait)
        #expect(machine.responseCloses == false)
        #expect(machine.responseCompleted(mustClose: false) == .finish(upstream: .reuse))
        #expect(machine.isIdle == true)
        #expect(machine.headReceived(Self.get) == .route)
    }

    @Test func nothingIsForwardedBeforeTheDecisionIsRecorded() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.get)
        _ = machine.routed(true)
        _ = machine.authenticated(.verified)
        _ = machine.authorized(refusal: nil)
        #expect(machine.tokenProvided(true) == .recordDecision)
        #expect(machine.decisionRecorded(.pending(ticket: 7)) == .awaitRecord)
        #expect(machine.disposition == .hold)
        #expect(machine.decisionSettled(durable: true) == .connect)
    }

    @Test func aDecisionThatCannotBeRecordedRefuses() {
        for settle in [false, true] {
            var machine = ExchangeMachine()
            _ = machine.headReceived(Self.get)
            if settle {
                _ = machine.decisionRecorded(.pending(ticket: 1))
                #expect(machine.decisionSettled(durable: false) == .refuse(.auditUnavailable, close: false))
            } else {
                #expect(machine.decisionRecorded(.unavailable) == .refuse(.auditUnavailable, close: false))
            }
        }
    }

    @Test func eachStepOfTheWalkCanRefuse() {
        func step(_ event: (inout ExchangeMachine) -> ExchangeAction) -> ExchangeAction {
            var machine = ExchangeMachine()
            _ = machine.headReceived(Self.get)
            return event(&machine)
        }
        #expect(step { $0.routed(false) } == .refuse(.routeUnknown, close: false))
        #expect(step { $0.authenticated(.refused(.assertionExpired)) } == .refuse(.assertionExpired, close: false))
        #expect(step { $0.authenticated(.undecided) } == .awaitKeys)
        #expect(step { $0.authorized(refusal: .principalDenied) } == .refuse(.principalDenied, close: false))
        #expect(step { $0.tokenProvided(false) } == .refuse(.tokenUnavailable, close: false))
    }

    @Test func `what Gatehouse tells everybody is told at once and drops the body like a refusal`() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.get)
        _ = machine.routed(true)
        #expect(machine.answeredOpenly() == .answerOpenly(close: false))
        #expect(machine.refusalWritten(remaining: 0) == .finish(upstream: .close))
        #expect(machine.isIdle == true)
        _ = machine.headReceived(Self.post)
        _ = machine.routed(true)
        #expect(machine.answeredOpenly() == .answerOpenly(close: false))
        #expect(machine.refusalCloses(remaining: ExchangeMachine.droppedBody + 1) == true)
        #expect(machine.refusalWritten(remaining: 10) == .finish(upstream: .close))
        #expect(machine.disposition == .dropBody)
        #expect(machine.bodyDropped(10) == .wait)
        #expect(machine.requestCompleted() == .wait)
        _ = machine.drainBegan()
        #expect(machine.isClosed == true)
    }

    @Test func aRefusalKeepsTheConnection() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.get)
        #expect(machine.authenticated(.refused(.assertionMissing)) == .refuse(.assertionMissing, close: false))
        #expect(machine.refusalWritten(remaining: 0) == .finish(upstream: .close))
        #expect(machine.isIdle == true)
    }

    @Test func theBodyOfARefusedRequestIsDroppedUpToTheBound() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.post)
        _ = machine.routed(false)
        #expect(machine.refusalWritten(remaining: 1000) == .finish(upstream: .close))
        #expect(machine.disposition == .dropBody)
        #expect(machine.bodyDropped(1000) == .wait)
        #expect(machine.requestCompleted() == .wait)
        #expect(machine.isIdle == true)
    }

    @Test func aLongBodyOfARefusedRequestClosesAfterTheAnswer() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.post)
        _ = machine.routed(false)
        #expect(machine.refusalCloses(remaining: ExchangeMachine.droppedBody + 1) == true)
        #expect(
            machine.refusalWritten(remaining: ExchangeMachine.droppedBody + 1)
                == .finishAndClose(upstream: .close, lingers: true)
        )
        #expect(machine.disposition == .discard)
    }

    @Test func aBodyOfUnknownLengthIsDroppedUntilTheBound() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.post)
        _ = machine.routed(false)
        #expect(machine.refusalWritten(remaining: nil) == .finish(upstream: .close))
        #expect(machine.bodyDropped(ExchangeMachine.droppedBody) == .wait)
        #expect(machine.bodyDropped(1) == .linger)
    }

    @Test func aClientThatWaitsForContinueIsNotKept() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(.init(keepsAlive: true, isComplete: false, expectsContinue: true))
        #expect(machine.routed(false) == .refuse(.routeUnknown, close: true))
        #expect(machine.refusalWritten(remaining: 5) == .finishAndClose(upstream: .close, lingers: true))
    }

    @Test func aMalformedHeadClosesTheConnection() {
        var machine = ExchangeMachine()
        #expect(machine.headRefused(.requestMalformed) == .refuse(.requestMalformed, close: true))
        #expect(machine.refusalWritten(remaining: nil) == .finishAndClose(upstream: .close, lingers: true))
    }

    @Test func anEarlyResponseDoesNotReuseTheUpstream() {
        var machine = Self.forwarding(Self.post)
        #expect(machine.disposition == .forwardBody)
        _ = machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(machine.responseCompleted(mustClose: false) == .finish(upstream: .close))
        #expect(machine.disposition == .dropBody)
        #expect(machine.requestCompleted() == .wait)
        #expect(machine.isIdle == true)
    }

    @Test func anUpstreamThatFailsBeforeItsAnswerIsRefusedAndAfterItIsCut() {
        var before = Self.forwarding()
        #expect(before.upstreamFailed(.upstreamReset) == .refuse(.upstreamReset, close: false))
        var after = Self.forwarding()
        _ = after.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(after.upstreamFailed(.upstreamReset) == .abort(.upstreamClosed))
        #expect(after.isClosed == true)
    }

    @Test func aClientThatGoesAwayEndsTheExchange() {
        var machine = Self.forwarding()
        #expect(machine.clientClosed() == .abort(.clientClosed))
        var idle = ExchangeMachine()
        #expect(idle.clientClosed() == .close)
    }

    @Test func timeoutsAreAnsweredAsTheStateAllows() {
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

    @Test func aDeadReusedConnectionIsReplacedOnce() {
        var machine = Self.forwarding()
        #expect(machine.deliveryFailed() == .connect)
        #expect(machine.connected() == .forwardRequest)
    }

    @Test func anUpgradeThatWasNotAskedForIsMalformed() {
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

    @Test func drainingClosesIdleConnectionsAtOnceAndOthersAfterTheirExchange() {
        var idle = ExchangeMachine()
        #expect(idle.drainBegan() == .close)
        var busy = Self.forwarding()
        #expect(busy.drainBegan() == .wait)
        _ = busy.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(busy.responseCloses == true)
        #expect(busy.responseCompleted(mustClose: false) == .finishAndClose(upstream: .reuse, lingers: false))
        #expect(busy.isClosed == true)
    }

    @Test func aStreamEndsWhenItsAssertionExpires() {
        var machine = Self.forwarding()
        #expect(machine.assertionExpired() == .wait)
        _ = machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(machine.assertionExpired() == .abort(.expired))
    }
}
