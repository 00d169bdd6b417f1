package import GatehouseCore
package import SocketLoop

/// An audit in memory that answers as the test says.
package final class ScriptedAudit: Sendable {
    /// One event with its bytes copied.
    package struct Event: Sendable {
        package let kind: AuditFacts.Kind
        package let requestID: RequestID
        package let route: RouteName?
        package let principal: String?
        package let refusal: Reason?
        package let method: String
        package let path: String
        package let token: TokenName?
        package let tokenVersion: Int?
        package let clientIP: String
        package let cfRay: String
        package let status: Int
        package let upstreamStatus: Int
        package let bytesIn: Int64
        package let bytesOut: Int64
        package let ending: Ending?
        package let rpcMethod: String
        package let rpcID: String
        package let target: String
        package let arguments: String
        package let session: String
        package let version: String
        package let rpcError: String
        package let rpcPosition: Int
        package let requests: Int64
    }

    package enum Answer: Sendable {
        case recorded, pending, unavailable
    }

    struct State {
        var events: [Event] = []
        /// To decisions; outcomes are always recorded.
        var answer = Answer.recorded
        var waiting = 0
        var settle: [@Sendable (Bool) -> Void] = []
    }

    let state = Watched(State())

    package init() {}

    package var events: [Event] { state.read { $0.events } }
    package var decisions: [Event] { events.filter { $0.kind == .decision } }
    package var outcomes: [Event] { events.filter { $0.kind == .outcome } }

    package func answer(_ answer: Answer) { state.update { $0.answer = answer } }

    package func waitUntilPending() throws { try state.wait("a pending decision") { $0.waiting > 0 } }

    /// Tells what became of the decisions that were pending.
    package func settle(durable: Bool) {
        let settle = state.update { state in
            state.waiting = 0
            return state.settle
        }
        for each in settle { each(durable) }
    }

    @discardableResult
    package func waitForOutcomes(_ count: Int = 1) throws -> [Event] {
        try state.wait("outcome \(count)") { $0.events.count { $0.kind == .outcome } >= count }
        return outcomes
    }

    package func waitForDecisions(_ count: Int) throws {
        try state.wait("decision \(count)") { $0.events.count { $0.kind == .decision } >= count }
    }

    /// Request ids with a decision and no outcome, with two of either, or with an outcome alone. The messages of a batch are decided
    /// on one by one.
    package var unpaired: [RequestID] {
        var balance: [RequestID: (decisions: Int, outcomes: Int)] = [:]
        var messages: Set<String> = []
        for event in events {
            switch event.kind {
            case .decision:
                let isFirst = messages.insert("\(event.requestID) \(event.rpcMethod) \(event.rpcID)").inserted
                if isFirst, balance[event.requestID] != nil { continue }
                balance[event.requestID, default: (0, 0)].decisions += 1
            case .outcome: balance[event.requestID, default: (0, 0)].outcomes += 1
            }
        }
        return balance.filter { $0.value != (1, 1) }.map(\.key)
    }

    /// Releases the event loops, which this would keep alive in a cycle.
    package func forget() { state.update { $0.settle = [] } }

    /// The recorder of one event loop.
    package func recorder(on eventLoop: EpollLoop) -> any AuditRecorder {
        let recorder = ScriptedRecorder(self)
        let bound = LoopBound(recorder, on: eventLoop)
        state.update { $0.settle.append { durable in eventLoop.execute { bound.value.settle(durable) } } }
        return recorder
    }
}

private final class ScriptedRecorder: AuditRecorder {
    private let audit: ScriptedAudit
    private var waiting: [(Bool) -> Void] = []
    private var ticket: UInt64 = 0

    init(_ audit: ScriptedAudit) { self.audit = audit }

    func record(_ facts: borrowing AuditFacts) -> AuditReceipt {
        func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
        let event = ScriptedAudit.Event(
            kind: facts.kind,
            requestID: facts.requestID,
            route: facts.route?.name,
            principal: facts.caller?.principal.name,
            refusal: facts.refusal,
            method: text(facts.httpMethod),
            path: text(facts.path),
            token: facts.token?.name,
            tokenVersion: facts.token?.version,
            clientIP: text(facts.clientIP),
            cfRay: text(facts.cfRay),
            status: facts.status,
            upstreamStatus: facts.upstreamStatus,
            bytesIn: facts.bytesIn,
            bytesOut: facts.bytesOut,
            ending: facts.ending,
            rpcMethod: text(facts.rpcMethod),
            rpcID: text(facts.rpcID),
            target: text(facts.target),
            arguments: text(facts.arguments),
            session: text(facts.session),
            version: text(facts.protocolVersion),
            rpcError: text(facts.rpcError),
            rpcPosition: facts.rpcPosition,
            requests: facts.requests
        )
        let answer = audit.state.update { state in
            state.events.append(event)
            return event.kind == .decision && event.refusal == nil ? state.answer : .recorded
        }
        switch answer {
        case .recorded: return .recorded
        case .unavailable: return .unavailable
        case .pending:
            ticket += 1
            return .pending(ticket: ticket)
        }
    }

    func whenDurable(_ ticket: UInt64, _ callback: @escaping (Bool) -> Void) {
        waiting.append(callback)
        audit.state.update { $0.waiting += 1 }
    }

    func settle(_ durable: Bool) {
        let all = waiting
        waiting = []
        for callback in all { callback(durable) }
    }
}
