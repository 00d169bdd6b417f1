package import GatehouseCore

/// From the head to the upstream: every step ends in the next or in a refusal.
extension ExchangeMachine {
    package mutating func headReceived(_ request: Request) -> ExchangeAction {
        guard case .idle = state else { preconditionFailure("a head is read between requests only") }
        var request = request
        if isDraining { request.keepsAlive = false }
        state = .deciding(request)
        return .route
    }

    /// The bytes are no request. Where its end would be is unknown, so the connection cannot go on.
    package mutating func headRefused(_ reason: Reason) -> ExchangeAction {
        guard case .idle = state else { preconditionFailure("a head is read between requests only") }
        state = .dropping(Request(keepsAlive: false, isComplete: false), allowance: 0)
        return .refuse(reason, close: true)
    }

    package mutating func routed(_ found: Bool) -> ExchangeAction {
        found ? .authenticate : refuse(.routeUnknown)
    }

    /// The request asks for something that Gatehouse tells everybody.
    package mutating func answeredOpenly() -> ExchangeAction {
        guard case .deciding(let request) = state else { preconditionFailure("what is told openly is told first") }
        return .answerOpenly(close: drop(request))
    }

    package enum Authentication: Equatable {
        case verified
        case refused(Reason)
        case undecided
    }

    package mutating func authenticated(_ result: Authentication) -> ExchangeAction {
        switch result {
        case .verified: .authorize
        case .refused(let reason): refuse(reason)
        case .undecided: .awaitKeys
        }
    }

    /// The key refresh that an undecided verdict waited for has ended, well or not. The walk begins anew: the configuration may have changed
    /// meanwhile, and one request is judged by one.
    package mutating func keysSettled() -> ExchangeAction {
        guard case .deciding = state else { return .wait }
        return .route
    }

    /// - Parameter refusal: why the principal may not make this request, nil when it may.
    package mutating func authorized(refusal: Reason?) -> ExchangeAction {
        refusal.map { refuse($0) } ?? .gate
    }

    package enum Gating: Equatable {
        case passed
        case refused(Reason)
        /// The body must be whole before it can be judged.
        case needsBody
    }

    /// The gate has looked at the request.
    ///
    /// - Parameter bodyIsWhole: the whole body has come, whatever is judged of it.
    package mutating func gated(_ result: Gating, bodyIsWhole: Bool = false) -> ExchangeAction {
        guard case .deciding(var request) = state else { preconditionFailure("a request is gated while deciding") }
        if bodyIsWhole {
            request.isComplete = true
            state = .deciding(request)
        }
        switch result {
        case .passed: return .provideToken
        case .refused(let reason): return refuse(reason)
        case .needsBody:
            // Gatehouse itself asks for a body that the client holds back.
            request.expectsContinue = false
            state = .gathering(request)
            return .gatherBody
        }
    }

    /// All of a body that the gate waits for has come.
    package mutating func bodyGathered() -> ExchangeAction {
        guard case .gathering(let request) = state else { preconditionFailure("no body is being gathered") }
        state = .deciding(request)
        return .gate
    }

    /// There is no room to hold more of a body that the gate waits for.
    package mutating func gatheringOverflowed() -> ExchangeAction {
        guard case .gathering = state else { preconditionFailure("no body is being gathered") }
        return refuse(.overloaded)
    }

    package mutating func tokenProvided(_ found: Bool) -> ExchangeAction {
        found ? .recordDecision : refuse(.tokenUnavailable)
    }

    package mutating func decisionRecorded(_ receipt: AuditReceipt) -> ExchangeAction {
        guard case .deciding(let request) = state else { preconditionFailure("a decision is recorded while deciding") }
        switch receipt {
        // Of callers who are established each is recorded.
        case .recorded, .counted:
            state = .connecting(request)
            return .connect
        case .pending: return .awaitRecord
        case .unavailable: return refuse(.auditUnavailable)
        }
    }

    package mutating func decisionSettled(durable: Bool) -> ExchangeAction {
        guard case .deciding = state else { return .wait }
        return decisionRecorded(durable ? .recorded : .unavailable)
    }

    package mutating func connected() -> ExchangeAction {
        guard case .connecting(let request) = state else { preconditionFailure("nobody waits for this connection") }
        state = .forwarding(request, .awaitingHead)
        return .forwardRequest
    }

    package mutating func connectFailed() -> ExchangeAction {
        guard case .connecting = state else { return .wait }
        return refuse(.upstreamUnreachable)
    }

    /// A reused connection turned out dead before the request left: take another.
    package mutating func deliveryFailed() -> ExchangeAction {
        guard case .forwarding(let request, .awaitingHead) = state else {
            preconditionFailure("only a request without a response is delivered again")
        }
        state = .connecting(request)
        return .connect
    }

    /// Answers in place of the upstream. What is left of the body is dropped; a client that still waits for
    /// `100 Continue` may or may not send it, so where its next request would start is unknown and the connection closes.
    mutating func refuse(_ reason: Reason) -> ExchangeAction {
        let request: Request
        switch state {
        case .deciding(let current), .gathering(let current), .connecting(let current),
            .forwarding(let current, .awaitingHead):
            request = current
        case .idle, .forwarding(_, .streaming), .dropping, .tunnelling, .lingering, .closed:
            preconditionFailure("a refusal answers a request that has no answer yet")
        }
        return .refuse(reason, close: drop(request))
    }

    /// Goes on with dropping what is left of the request, whose answer is Gatehouse's own.
    ///
    /// - Returns: whether the connection closes after it.
    private mutating func drop(_ request: Request) -> Bool {
        var dropped = request
        if isDraining || request.expectsContinue && !request.isComplete { dropped.keepsAlive = false }
        state = .dropping(dropped, allowance: dropped.keepsAlive ? Self.droppedBody : 0)
        return !dropped.keepsAlive
    }
}
