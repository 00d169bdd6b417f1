import GatehouseCore
import Testing

@testable import GatehouseProxy

/// Every state with every event that can come in it at any time, beyond the scripts of the machine's own tests.
@Suite struct ExchangeMachinePairTests {
    enum Place: CaseIterable {
        case accepted, reading, idle, deciding, awaitingVerdict, awaitingRecord, gathering, connecting, awaitingHead,
            awaitingHeadWithinBody, awaitingToken
        case streaming, streamingWithinBody, dropping, tunnelling, lingering, shut, closed
    }

    enum Event: CaseIterable {
        case clientClosed, deadlinePassed, assertionExpired, drainBegan, streamDrained, graceEnded, upstreamFailed
        case upstreamClosed, verdictSettled, tokenRenewed, tokenStays, decisionSettled, decisionFailed, connectFailed,
            inputExhausted,
            drainBeganForAnother, streamStalled, outputWritten
    }

    static let get = ExchangeMachine.Request(keepsAlive: true, isComplete: true)
    static let post = ExchangeMachine.Request(keepsAlive: true, isComplete: false)

    static func machine(at place: Place) -> ExchangeMachine {
        var machine = ExchangeMachine()
        switch place {
        case .accepted: break
        case .reading: _ = machine.headBegan()
        case .idle: return ExchangeMachineTests.kept()
        case .deciding: return ExchangeMachineTests.at(.gate, get)
        case .awaitingVerdict:
            machine = ExchangeMachineTests.at(.authentication, get)
            _ = machine.authenticated(.undecided(orElse: .identityUnavailable))
        case .awaitingRecord:
            machine = ExchangeMachineTests.at(.record, get)
            _ = machine.decisionRecorded(.pending(ticket: 1))
        case .gathering: return ExchangeMachineTests.gathering(post)
        case .connecting:
            machine = ExchangeMachineTests.at(.record, get)
            _ = machine.decisionRecorded(.recorded)
        case .awaitingHead: return ExchangeMachineTests.forwarding(get)
        case .awaitingHeadWithinBody: return ExchangeMachineTests.forwarding(post)
        case .awaitingToken:
            machine = ExchangeMachineTests.forwarding(get, renews: true)
            _ = TokenRejectionTests.reject(&machine)
        case .streaming, .streamingWithinBody:
            machine = ExchangeMachineTests.forwarding(place == .streaming ? get : post)
            _ = machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        case .dropping:
            _ = machine.headReceived(post)
            _ = machine.routed(false)
            _ = machine.refusalWritten(remaining: 10)
        case .tunnelling:
            machine = ExchangeMachineTests.forwarding(.init(keepsAlive: true, isComplete: true, isUpgrade: true))
            _ = machine.responseHeadReceived(reusesUpstream: false, isUpgrade: true)
        case .lingering, .shut:
            _ = machine.headRefused(.requestMalformed)
            _ = machine.refusalWritten(remaining: nil)
            if place == .shut { _ = machine.outputWritten() }
        case .closed: _ = machine.clientClosed()
        }
        return machine
    }

    static func happen(_ event: Event, to machine: inout ExchangeMachine) -> ExchangeAction {
        switch event {
        case .clientClosed: machine.clientClosed()
        case .deadlinePassed: machine.deadlinePassed()
        case .assertionExpired: machine.assertionExpired()
        case .drainBegan: machine.drainBegan()
        case .streamDrained: machine.streamDrained()
        case .graceEnded: machine.graceEnded()
        case .upstreamFailed: machine.upstreamFailed(.upstreamReset)
        case .upstreamClosed: machine.upstreamClosed()
        case .verdictSettled: machine.verdictSettled()
        case .tokenRenewed: machine.tokenRenewed(true)
        case .tokenStays: machine.tokenRenewed(false)
        case .decisionSettled: machine.decisionSettled(durable: true)
        case .decisionFailed: machine.decisionSettled(durable: false)
        case .connectFailed: machine.connectFailed()
        case .inputExhausted: machine.inputExhausted()
        case .drainBeganForAnother: machine.drainBegan(handsOver: true)
        case .streamStalled: machine.streamStalled()
        case .outputWritten: machine.outputWritten()
        }
    }

    /// Between requests, and once all is answered.
    private static let atRest: [Place] = [.accepted, .reading, .idle, .dropping, .lingering, .shut, .closed]
    private static let flowing: [Place] = [.streaming, .streamingWithinBody, .tunnelling]
    private static let awaiting: [Place] = [.awaitingHead, .awaitingHeadWithinBody]

    /// The action that each event leads to, by the first line that names the place; `.wait` where none does.
    private static func lines(_ event: Event) -> [([Place], ExchangeAction)] {
        switch event {
        case .clientClosed: [(atRest, .close), (Place.allCases, .abort(.clientClosed))]
        case .deadlinePassed:
            [
                (atRest, .cut), ([.awaitingVerdict], .refuse(.identityUnavailable, close: false)),
                ([.awaitingRecord], .refuse(.auditUnavailable, close: false)),
                ([.connecting], .refuse(.upstreamUnreachable, close: false)),
                ([.awaitingHead], .refuse(.upstreamTimeout, close: false)),
                ([.awaitingToken], .refuse(.upstreamCredentialRejected, close: false)),
                (Place.allCases, .abort(.timeout)),
            ]
        case .assertionExpired: [(flowing, .abort(.expired))]
        case .streamDrained: [(flowing, .abort(.drained))]
        case .streamStalled: [(flowing, .abort(.timeout))]
        case .drainBegan: [([.idle], .close), ([.accepted, .reading], .hasten(.ends))]
        case .drainBeganForAnother: [([.accepted, .reading, .idle], .hasten(.handsOver))]
        case .inputExhausted:
            // A whole request is answered.
            [
                ([.closed], .wait), (atRest, .close),
                (
                    [.gathering, .awaitingHeadWithinBody, .streamingWithinBody, .tunnelling], .abort(.clientClosed)
                ),
            ]
        case .graceEnded: [(atRest, .cut), (Place.allCases, .abort(.drained))]
        case .outputWritten: [([.lingering, .shut], .shutOutput), ([.closed], .cut)]
        case .upstreamFailed, .upstreamClosed:
            [(awaiting, .refuse(.upstreamReset, close: false)), (flowing, .abort(.upstreamClosed))]
        case .verdictSettled: [([.awaitingVerdict], .route)]
        case .tokenRenewed: [([.awaitingToken], .connect(again: false))]
        case .tokenStays: [([.awaitingToken], .refuse(.upstreamCredentialRejected, close: false))]
        case .decisionSettled: [([.awaitingRecord], .connect(again: false))]
        case .decisionFailed: [([.awaitingRecord], .refuse(.auditUnavailable, close: false))]
        case .connectFailed: [([.connecting], .refuse(.upstreamUnreachable, close: false))]
        }
    }

    static func expected(_ event: Event, at place: Place) -> ExchangeAction {
        lines(event).first { $0.0.contains(place) }?.1 ?? .wait
    }

    @Test(arguments: Event.allCases)
    func `each event has its answer in each state`(event: Event) {
        for place in Place.allCases {
            var machine = Self.machine(at: place)
            let got = Self.happen(event, to: &machine)
            #expect(got == Self.expected(event, at: place), "\(event) while \(place)")
            // An action that ends an exchange or a connection leaves nothing to wait for.
            switch got {
            case .abort, .cut: #expect(machine.isClosed == true, "\(event) while \(place)")
            case .close: #expect(machine.disposition == .discard, "\(event) while \(place)")
            case _: break
            }
        }
    }

    /// Any two such events in a row, in any state: the ordering preconditions are never met.
    @Test func `no two events trap`() {
        for place in Place.allCases {
            for first in Event.allCases {
                for second in Event.allCases {
                    var machine = Self.machine(at: place)
                    if case .refuse = Self.happen(first, to: &machine) {
                        // A refusal is answered before anything else can happen.
                        _ = machine.refusalWritten(remaining: 0)
                    }
                    _ = Self.happen(second, to: &machine)
                }
            }
        }
    }

    @Test func `each state has its disposition for bytes`() {
        let expected: [InboundDisposition] = [
            .head, .head, .head, .hold, .hold, .hold, .gatherBody, .hold, .hold, .forwardBody, .hold, .hold,
            .forwardBody, .dropBody, .tunnel, .discard, .discard, .discard,
        ]
        #expect(expected.count == Place.allCases.count)
        for (place, disposition) in zip(Place.allCases, expected) {
            let machine = Self.machine(at: place)
            #expect(machine.disposition == disposition, "\(place)")
            #expect(machine.isIdle == [.accepted, .reading, .idle].contains(place))
            #expect(machine.isConnecting == (place == .connecting))
            #expect(machine.isAwaitingToken == (place == .awaitingToken))
            #expect(machine.isRequestComplete == (place == .awaitingHead || place == .streaming))
        }
    }

    @Test func `the machine names the wait of each state`() {
        let expected: [ExchangeWait] = [
            .head, .head, .keepAlive, .decision, .decision, .decision, .gathering, .connection, .responseHead,
            .requestBody, .token, .silence, .silence, .linger, .silence, .output, .linger, .output,
        ]
        #expect(expected.count == Place.allCases.count)
        for (place, wait) in zip(Place.allCases, expected) { #expect(Self.machine(at: place).wait == wait, "\(place)") }
        #expect(Set(expected).count == ExchangeWait.allCases.count)
    }

    // MARK: - Bodies

    @Test func `a body that ends is remembered wherever it ends`() {
        var waiting = Self.machine(at: .awaitingHeadWithinBody)
        #expect(waiting.requestCompleted() == .wait)
        #expect(waiting.deadlinePassed() == .refuse(.upstreamTimeout, close: false))
        var streaming = Self.machine(at: .streamingWithinBody)
        #expect(streaming.requestCompleted() == .wait)
        #expect(streaming.responseCompleted(mustClose: false) == .finish(upstream: .reuse))
        var dropping = Self.machine(at: .dropping)
        #expect(dropping.requestCompleted() == .wait)
        #expect(dropping.isIdle == true)
        var draining = Self.machine(at: .dropping)
        _ = draining.drainBegan()
        #expect(draining.requestCompleted() == .close)
    }

    @Test func `a bad body is answered where an answer is still possible`() {
        var waiting = Self.machine(at: .awaitingHeadWithinBody)
        #expect(waiting.requestBodyRefused(.bodyTooLarge) == .refuse(.bodyTooLarge, close: true))
        var streaming = Self.machine(at: .streamingWithinBody)
        #expect(streaming.requestBodyRefused(.requestMalformed) == .abort(.clientClosed))
        var dropping = Self.machine(at: .dropping)
        #expect(dropping.requestBodyRefused(.requestMalformed) == .close)
    }

    // MARK: - Responses

    @Test func `a rejected credential is refused without the upstream's words`() {
        var machine = Self.machine(at: .awaitingHead)
        #expect(
            machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false, refusal: .upstreamCredentialRejected)
                == .refuse(.upstreamCredentialRejected, close: false)
        )
    }

    @Test func `an early answer to an expected 100 (Continue) closes`() {
        var machine = ExchangeMachineTests.forwarding(.init(keepsAlive: true, isComplete: false, expectsContinue: true))
        _ = machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(machine.responseCloses == true)
        #expect(machine.responseCompleted(mustClose: false) == .finishAndClose(upstream: .close))
        var sent = ExchangeMachineTests.forwarding(.init(keepsAlive: true, isComplete: false, expectsContinue: true))
        _ = sent.requestCompleted()
        _ = sent.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(sent.responseCloses == false)
    }

    @Test func `a response that ends with its connection closes the client`() {
        var machine = Self.machine(at: .streaming)
        #expect(machine.responseCompleted(mustClose: true) == .finishAndClose(upstream: .reuse))
        var within = Self.machine(at: .streamingWithinBody)
        #expect(within.responseCompleted(mustClose: true) == .finishAndClose(upstream: .close))
    }

    @Test func `a client that asked to close is closed`() {
        var machine = ExchangeMachineTests.forwarding(.init(keepsAlive: false, isComplete: true))
        _ = machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(machine.responseCloses == true)
        #expect(machine.responseCompleted(mustClose: false) == .finishAndClose(upstream: .reuse))
        var refused = ExchangeMachine()
        _ = refused.headReceived(.init(keepsAlive: false, isComplete: true))
        #expect(refused.routed(false) == .refuse(.routeUnknown, close: true))
        #expect(refused.refusalCloses(remaining: 0) == true)
        #expect(refused.refusalWritten(remaining: 0) == .finishAndClose(upstream: .close))
    }

    @Test func `a request that comes while draining is the last`() {
        var machine = ExchangeMachine()
        _ = machine.headReceived(Self.get)
        _ = machine.drainBegan()
        #expect(machine.routed(false) == .refuse(.routeUnknown, close: true))
        #expect(machine.refusalWritten(remaining: 0) == .finishAndClose(upstream: .close))
    }
}
