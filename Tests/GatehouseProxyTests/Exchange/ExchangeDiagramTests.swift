import Foundation
import GatehouseCore
import Testing

@testable import GatehouseProxy

/// The diagram of states in docs/ARCHITECTURE.md is what the machine does: it is drawn by driving it. With GATEHOUSE_UPDATE_GOLDEN set, it is
/// written anew, to be read before it is committed.
@Suite struct ExchangeDiagramTests {
    typealias Machines = ExchangeMachineTests
    typealias Place = ExchangeMachinePairTests.Place

    struct Step {
        let event: String
        let from: () -> ExchangeMachine
        let happen: (inout ExchangeMachine) -> ExchangeAction

        init(
            _ event: String,
            _ from: @autoclosure @escaping () -> ExchangeMachine,
            _ happen: @escaping (inout ExchangeMachine) -> ExchangeAction
        ) {
            self.event = event
            self.from = from
            self.happen = happen
        }
    }

    static func at(_ place: Place) -> ExchangeMachine { ExchangeMachinePairTests.machine(at: place) }

    static var steps: [Step] {
        [
            Step("headReceived", at(.idle)) { $0.headReceived(Machines.get) },
            Step("headRefused", at(.idle)) { $0.headRefused(.requestMalformed) },
            Step("routed", Machines.at(.route)) { $0.routed(true) },
            Step("routed: unknown", Machines.at(.route)) { $0.routed(false) },
            Step("publicAnswerSought: none", Machines.at(.publicAnswer)) { $0.publicAnswerSought(.none) },
            Step("publicAnswerSought: found", Machines.at(.publicAnswer)) {
                $0.publicAnswerSought(.found(Machines.document))
            },
            Step("authenticated", Machines.at(.authentication)) { $0.authenticated(.verified) },
            Step("authenticated: refused", Machines.at(.authentication)) {
                $0.authenticated(.refused(.assertionMissing))
            },
            Step("authenticated: undecided", Machines.at(.authentication)) {
                $0.authenticated(.undecided(orElse: .keysUnavailable))
            },
            Step("verdictSettled", at(.awaitingVerdict)) { $0.verdictSettled() },
            Step("authorized", Machines.at(.authorization)) { $0.authorized(refusal: nil) },
            Step("authorized: refused", Machines.at(.authorization)) { $0.authorized(refusal: .principalDenied) },
            Step("gated: needs its body", Machines.at(.gate, Machines.post)) { $0.gated(.needsBody) },
            Step("bodyGathered", at(.gathering)) { $0.bodyGathered() },
            Step("gatheringOverflowed", at(.gathering)) { $0.gatheringOverflowed() },
            Step("gated", Machines.at(.gate)) { $0.gated(.passed) },
            Step("gated: refused", Machines.at(.gate)) { $0.gated(.refused(.toolDenied)) },
            Step("tokenProvided", Machines.at(.token)) { $0.tokenProvided(refusal: nil) },
            Step("tokenProvided: none", Machines.at(.token)) { $0.tokenProvided(refusal: .tokenUnavailable) },
            Step("decisionRecorded", Machines.at(.record)) { $0.decisionRecorded(.recorded) },
            Step("gated: a question", Machines.at(.gate, Machines.question)) { $0.gated(.passed) },
            Step("decisionRecorded: a question", question()) { $0.decisionRecorded(.recorded) },
            Step("decisionRecorded: pending", Machines.at(.record)) { $0.decisionRecorded(.pending(ticket: 1)) },
            Step("decisionRecorded: unavailable", Machines.at(.record)) { $0.decisionRecorded(.unavailable) },
            Step("decisionSettled", at(.awaitingRecord)) { $0.decisionSettled(durable: true) },
            Step("decisionSettled: lost", at(.awaitingRecord)) { $0.decisionSettled(durable: false) },
            Step("connected", at(.connecting)) { $0.connected() },
            Step("connectFailed", at(.connecting)) { $0.connectFailed() },
            Step("upstreamClosed, nothing sent", Machines.forwarding(Machines.safe, isReused: true)) {
                $0.upstreamClosed()
            },
            Step("upstreamFailed", at(.awaitingHead)) { $0.upstreamFailed(.upstreamReset) },
            Step("responseHeadReceived", at(.awaitingHead)) {
                $0.responseHeadReceived(reusesUpstream: true, isUpgrade: false)
            },
            Step("responseHeadReceived: rejects the token", Machines.forwarding(Machines.get, renews: true)) {
                TokenRejectionTests.reject(&$0)
            },
            Step("tokenRenewed", at(.awaitingToken)) { $0.tokenRenewed(true) },
            Step("tokenRenewed: none", at(.awaitingToken)) { $0.tokenRenewed(false) },
            Step(
                "responseHeadReceived: upgrade",
                Machines.forwarding(.init(keepsAlive: true, isComplete: true, isUpgrade: true))
            ) { $0.responseHeadReceived(reusesUpstream: false, isUpgrade: true) },
            Step("responseCompleted", at(.streaming)) { $0.responseCompleted(mustClose: false) },
            Step("responseCompleted, body still comes", at(.streamingWithinBody)) {
                $0.responseCompleted(mustClose: false)
            },
            Step("responseCompleted, must close", at(.streaming)) { $0.responseCompleted(mustClose: true) },
            Step("refusalWritten", refused(Machines.get)) { $0.refusalWritten(remaining: 0) },
            Step("refusalWritten, more than is dropped", refused(Machines.post)) {
                $0.refusalWritten(remaining: 1 << 20)
            },
            Step("requestCompleted", at(.dropping)) { $0.requestCompleted() },
            Step("bodyDropped, more than is dropped", at(.dropping)) { $0.bodyDropped(1 << 20) },
        ]
    }

    /// A machine in which the decision on a question is recorded.
    static func question() -> ExchangeMachine {
        var machine = Machines.at(.gate, Machines.question)
        _ = machine.gated(.passed)
        return machine
    }

    static func refused(_ request: ExchangeMachine.Request) -> ExchangeMachine {
        var machine = Machines.at(.route, request)
        _ = machine.routed(false)
        return machine
    }

    static func name(_ machine: borrowing ExchangeMachine) -> String {
        switch machine.state {
        case .idle: "idle"
        case .deciding(let phase, _): "deciding_\(phase)"
        case .awaitingVerdict: "awaitingVerdict"
        case .gathering: "gathering"
        case .awaitingRecord: "awaitingRecord"
        case .connecting: "connecting"
        case .awaitingToken: "awaitingToken"
        case .forwarding(_, .awaitingHead): "forwarding_awaitingHead"
        case .forwarding(_, .streaming): "forwarding_streaming"
        case .dropping: "dropping"
        case .tunnelling: "tunnelling"
        case .lingering: "lingering"
        case .closed: "closed"
        }
    }

    static var diagram: String {
        var lines = ["```mermaid", "stateDiagram-v2", "    [*] --> idle"]
        for step in steps {
            var machine = step.from()
            let from = name(machine)
            _ = step.happen(&machine)
            lines.append("    \(from) --> \(name(machine)): \(step.event)")
        }
        return (lines + ["```"]).joined(separator: "\n")
    }

    @Test func `the document draws what the machine does`() throws {
        let document = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../docs/ARCHITECTURE.md")
        var text = try String(contentsOf: document, encoding: .utf8)
        let begin = try #require(text.range(of: "```mermaid\nstateDiagram-v2"))
        let end = try #require(text.range(of: "\n```", range: begin.upperBound..<text.endIndex))
        if ProcessInfo.processInfo.environment["GATEHOUSE_UPDATE_GOLDEN"] != nil {
            text.replaceSubrange(begin.lowerBound..<end.upperBound, with: Self.diagram)
            try text.write(to: document, atomically: true, encoding: .utf8)
        } else {
            #expect(String(text[begin.lowerBound..<end.upperBound]) == Self.diagram)
        }
    }

    /// A state that no step leads to, or that none leaves, is one that the diagram forgot.
    @Test func `each state stands in the diagram`() {
        let names = Set(Place.allCases.map { Self.name(Self.at($0)) })
            .union(ExchangeMachine.Phase.allCases.map { Self.name(Machines.at($0)) })
        for name in names { #expect(Self.diagram.contains("--> \(name)"), "\(name)") }
    }
}
