package import GatehouseCore

/// The transitions from the head to the upstream: every phase ends in the next, in a wait, or in a refusal.
extension ExchangeMachine {
    /// Bytes of a head have come. A head that is refused or whole ends what this begins.
    ///
    /// - Returns: whether they are the first.
    package mutating func headBegan() -> Bool {
        switch state {
        case .idle(.reading): return false
        case .idle:
            state = .idle(.reading)
            return true
        case _: preconditionFailure("a head is read between requests only")
        }
    }

    package mutating func headReceived(_ request: Request) -> ExchangeAction {
        switch state {
        case .idle:
            var request = request
            if isDraining { request.keepsAlive = false }
            state = .deciding(.route, request)
            return .route
        case _: preconditionFailure("a head is read between requests only")
        }
    }

    /// The bytes are no request. Where its end would be is unknown, so the connection cannot go on.
    package mutating func headRefused(_ reason: Reason) -> ExchangeAction {
        switch state {
        case .idle:
            state = .dropping(Request(keepsAlive: false, isComplete: false), allowance: 0)
            return .refuse(reason, close: true)
        case _: preconditionFailure("a head is read between requests only")
        }
    }

    package mutating func routed(_ found: Bool) -> ExchangeAction {
        switch state {
        case .deciding(.route, let request):
            guard found else { return refuse(request, .routeUnknown) }
            state = .deciding(.publicAnswer, request)
            return .seekPublicAnswer
        case _: preconditionFailure("a route is found for a head")
        }
    }

    package enum PublicAnswer: Equatable {
        /// The request asks for no public answer of Gatehouse.
        case none
        case found(LocalResponse)
        case refused(Reason)
    }

    package mutating func publicAnswerSought(_ answer: PublicAnswer) -> ExchangeAction {
        switch state {
        case .deciding(.publicAnswer, let request):
            switch answer {
            case .none:
                state = .deciding(.authentication, request)
                return .authenticate
            case .found(let answer): return .answerPublicly(answer, close: drop(request))
            case .refused(let reason): return refuse(request, reason)
            }
        case _: preconditionFailure("an answer for everybody is sought once the route is known")
        }
    }

    package enum Authentication: Equatable {
        case verified
        case refused(Reason)
        /// - Parameter orElse: the reason of a request that waits for too long.
        case undecided(orElse: Reason)
    }

    package mutating func authenticated(_ result: Authentication) -> ExchangeAction {
        switch state {
        case .deciding(.authentication, let request):
            switch result {
            case .verified:
                state = .deciding(.authorization, request)
                return .authorize
            case .refused(let reason): return refuse(request, reason)
            case .undecided(let reason):
                state = .awaitingVerdict(request, orElse: reason)
                return .awaitVerdict
            }
        case _: preconditionFailure("a caller is established for a route")
        }
    }

    /// The wait of an undecided verdict has ended, well or not. The request is routed anew: the configuration may have
    /// changed meanwhile, and one request is judged by one.
    package mutating func verdictSettled() -> ExchangeAction {
        guard case .awaitingVerdict(let request, _) = state else { return .wait }
        state = .deciding(.route, request)
        return .route
    }

    /// - Parameter refusal: why the principal may not make this request, nil when it may.
    package mutating func authorized(refusal: Reason?) -> ExchangeAction {
        switch state {
        case .deciding(.authorization, let request):
            if let refusal { return refuse(request, refusal) }
            state = .deciding(.gate, request)
            return .gate
        case _: preconditionFailure("a caller is authorized once established")
        }
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
        switch state {
        case .deciding(.gate, var request):
            if bodyIsWhole { request.isComplete = true }
            switch result {
            // A token is for requests that are forwarded from here.
            case .passed where request.isQuestion:
                state = .deciding(.record, request)
                return .recordDecision
            case .passed:
                state = .deciding(.token, request)
                return .provideToken
            case .refused(let reason): return refuse(request, reason)
            case .needsBody:
                // Gatehouse itself asks for a body that the client holds back.
                request.expectsContinue = false
                state = .gathering(request)
                return .gatherBody
            }
        case _: preconditionFailure("the gate judges what an authorized caller asks")
        }
    }

    /// All of a body that the gate waits for has come.
    package mutating func bodyGathered() -> ExchangeAction {
        switch state {
        case .gathering(let request):
            state = .deciding(.gate, request)
            return .gate
        case _: preconditionFailure("no body is being gathered")
        }
    }

    /// There is no room to hold more of a body that the gate waits for.
    package mutating func gatheringOverflowed() -> ExchangeAction {
        switch state {
        case .gathering(let request): return refuse(request, .overloaded)
        case _: preconditionFailure("no body is being gathered")
        }
    }

    /// - Parameters:
    ///   - refusal: why there is no token for the request.
    ///   - renews: a newer version of the token can be asked for.
    package mutating func tokenProvided(refusal: Reason?, renews: Bool = false) -> ExchangeAction {
        switch state {
        case .deciding(.token, var request):
            if let refusal { return refuse(request, refusal) }
            request.isRenewable = renews
            state = .deciding(.record, request)
            return .recordDecision
        case _: preconditionFailure("a token is for what the gate let pass")
        }
    }

    package mutating func decisionRecorded(_ receipt: AuditReceipt) -> ExchangeAction {
        switch state {
        case .deciding(.record, let request):
            switch receipt {
            // Decisions about established callers are always recorded one by one, never only counted.
            case .recorded, .counted: return allow(request)
            case .pending(let ticket):
                state = .awaitingRecord(request)
                return .awaitRecord(ticket: ticket)
            case .unavailable: return refuse(request, .auditUnavailable)
            }
        case _: preconditionFailure("a decision is recorded once all is decided")
        }
    }

    /// The record that was waited for is on the disk, or will not be.
    package mutating func decisionSettled(durable: Bool) -> ExchangeAction {
        guard case .awaitingRecord(let request) = state else { return .wait }
        guard durable else { return refuse(request, .auditUnavailable) }
        return allow(request)
    }

    private mutating func allow(_ request: Request) -> ExchangeAction {
        guard !request.isQuestion else { return .confirm(close: drop(request)) }
        state = .connecting(request)
        return .connect(again: false)
    }

    // MARK: - Answers of Gatehouse's own

    /// Answers in place of the upstream.
    mutating func refuse(_ request: Request, _ reason: Reason) -> ExchangeAction {
        .refuse(reason, close: drop(request))
    }

    /// Begins to drop the rest of a request whose answer is Gatehouse's own. A client that still waits for `100 Continue` may
    /// or may not send it, so where its next request would start is unknown and the connection closes.
    ///
    /// - Returns: whether the connection closes after the answer.
    private mutating func drop(_ request: Request) -> Bool {
        var request = request
        if isDraining || request.expectsContinue && !request.isComplete { request.keepsAlive = false }
        state = .dropping(request, allowance: request.keepsAlive ? Self.droppedBody : 0)
        return !request.keepsAlive
    }
}
