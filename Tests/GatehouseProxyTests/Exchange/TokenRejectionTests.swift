import GatehouseCore
import Testing

@testable import GatehouseProxy

/// A token that renews itself was rejected: the machine has the request sent once more, and never twice.
@Suite struct TokenRejectionTests {
    typealias Machines = ExchangeMachineTests

    @discardableResult
    static func reject(_ machine: inout ExchangeMachine, with refusal: Reason = .upstreamCredentialRejected)
        -> ExchangeAction
    {
        machine.answerBegan()
        return machine.responseHeadReceived(
            reusesUpstream: true,
            isUpgrade: false,
            refusal: refusal,
            rejectsToken: true
        )
    }

    @Test func `a request is sent once more with a newer token and not a third time`() {
        var machine = Machines.forwarding(Machines.get, renews: true)
        #expect(machine.keepsOpening == true)
        #expect(Self.reject(&machine) == .awaitToken)
        #expect(machine.keepsOpening == true)
        #expect(machine.disposition == .hold)
        #expect(machine.tokenRenewed(true) == .connect(again: false))
        #expect(machine.connected() == .forwardRequest)
        #expect(machine.keepsOpening == false)
        #expect(Self.reject(&machine) == .refuse(.upstreamCredentialRejected, close: false))
    }

    @Test func `the second answer is the answer`() {
        var machine = Machines.forwarding(Machines.get, renews: true)
        Self.reject(&machine)
        _ = machine.tokenRenewed(true)
        _ = machine.connected()
        #expect(machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false) == .wait)
        #expect(machine.responseCompleted(mustClose: false) == .finish(upstream: .reuse))
    }

    @Test(arguments: [Reason.upstreamCredentialRejected, .sessionUnknown])
    func `without a newer token the rejection stands`(refusal: Reason) {
        var machine = Machines.forwarding(Machines.get, renews: true)
        Self.reject(&machine, with: refusal)
        #expect(machine.tokenRenewed(false) == .refuse(refusal, close: false))
        // A second word changes nothing.
        #expect(machine.tokenRenewed(true) == .wait)
    }

    @Test func `a token that does not renew itself is not asked for`() {
        var machine = Machines.forwarding()
        #expect(machine.keepsOpening == false)
        #expect(Self.reject(&machine) == .refuse(.upstreamCredentialRejected, close: false))
    }

    @Test func `a request of which a part is no longer kept is not sent again`() {
        var machine = Machines.forwarding(Machines.post, renews: true)
        machine.bodyPassed()
        #expect(machine.keepsOpening == false)
        _ = machine.requestCompleted()
        #expect(Self.reject(&machine) == .refuse(.upstreamCredentialRejected, close: false))
        // Answered before its body was whole.
        var early = Machines.forwarding(Machines.post, renews: true)
        #expect(Self.reject(&early) == .refuse(.upstreamCredentialRejected, close: false))
    }

    @Test func `another answer passes, and nothing is kept for it`() {
        var machine = Machines.forwarding(Machines.get, renews: true)
        machine.answerBegan()
        #expect(machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false) == .wait)
        #expect(machine.keepsOpening == false)
    }

    @Test func `a drain lets it end`() {
        var machine = Machines.forwarding(Machines.get, renews: true)
        Self.reject(&machine)
        #expect(machine.drainBegan() == .wait)
        #expect(machine.tokenRenewed(true) == .connect(again: false))
        _ = machine.connected()
        _ = machine.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
        #expect(machine.responseCompleted(mustClose: false) == .finishAndClose(upstream: .reuse))
    }
}
