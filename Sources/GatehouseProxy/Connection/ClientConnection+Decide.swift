internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// The decision on a request, phase by phase, in the order of the machine's actions. Nothing of a head is believed beyond what the parser has
/// established.
extension ClientConnection {
    /// - Returns: whether more of what was received can be used.
    func readHead() -> Bool {
        if machine.headBegan() { beginWait() }
        let (progress, isQuestion) = parseHead()
        switch progress {
        case .incomplete: return false
        case .refused(let reason):
            let received = inbound.bytes
            exchange = newExchange(
                RequestMethod(inbound.head, in: received.readableBytesUInt8Span),
                isQuestion: isQuestion
            )
            carryOut(machine.headRefused(reason))
        case .complete:
            let head = inbound.head
            body.begin(head.framing, trailers: .response)
            let received = inbound.bytes
            let method = RequestMethod(head, in: received.readableBytesUInt8Span)
            exchange = newExchange(method, head.version, isQuestion: isQuestion)
            carryOut(
                machine.headReceived(
                    ExchangeMachine.Request(
                        keepsAlive: head.isKeepAlive && !refusals.isExceeded(at: loop.eventLoop.now),
                        isComplete: body.isComplete,
                        isUpgrade: head.isWebSocketUpgrade,
                        expectsContinue: head.expectsContinue,
                        isSafe: method.isSafe,
                        isQuestion: isQuestion
                    )
                )
            )
        }
        return true
    }

    /// - Returns: also whether the head is the one that another proxy asks about.
    private func parseHead() -> (HeadProgress, isQuestion: Bool) {
        let progress = inbound.parseHead()
        guard takesQuestions, progress == .complete else { return (progress, false) }
        guard let asked = AskedRequest.head(of: inbound) else { return (.refused(.routeUnknown), false) }
        return (inbound.replaceHead(by: asked), true)
    }

    private func newExchange(
        _ method: RequestMethod,
        _ version: HTTPVersion = .http11,
        isQuestion: Bool
    ) -> Exchange {
        let now = loop.clock.now()
        return Exchange(
            id: RequestID(at: now, using: &loop.random),
            startedAt: now,
            started: loop.eventLoop.now,
            method: method,
            version: version,
            isQuestion: isQuestion,
            snapshot: loop.snapshot,
            tags: loop.gate.callers.tags
        )
    }

    func route() -> ExchangeAction {
        guard let exchange, let match = RoutePhase.find(inbound, in: loop.snapshot) else {
            return machine.routed(false)
        }
        exchange.routed(to: match.route, prefix: match.prefix)
        body.begin(inbound.head.framing, trailers: TrailerFilter(match.route.rewrite))
        return machine.routed(true)
    }

    func seekPublicAnswer() -> ExchangeAction {
        guard let exchange, let route = exchange.route else { preconditionFailure("a public answer is a route's") }
        exchange.crossOrigin = PublicAnswerPhase.admittedOrigin(inbound, on: route)
        return machine.publicAnswerSought(
            PublicAnswerPhase.seek(
                inbound,
                exchange.method,
                on: route,
                prefix: exchange.prefix,
                from: exchange.crossOrigin,
                isQuestion: exchange.isQuestion
            )
        )
    }

    func authenticate() -> ExchangeAction {
        guard let exchange, let route = exchange.route else {
            preconditionFailure("a caller is established for a route")
        }
        let result = AuthenticatePhase.establish(
            inbound,
            for: route.route,
            by: loop.authenticator,
            now: exchange.startedAt
        )
        if let caller = result.caller { exchange.established(caller) }
        exchange.wait = result.wait
        return machine.authenticated(result.verdict)
    }

    func awaitVerdict() {
        guard let exchange, let wait = exchange.wait.take() else {
            preconditionFailure("an undecided verdict waits for something")
        }
        wait.whenSettled { [self, awaited = exchange.id] in
            guard let exchange = self.exchange, exchange.id == awaited else { return }
            exchange.judge(by: loop.snapshot)
            carryOut(machine.verdictSettled())
            useInbound()
            flushIfNeeded()
        }
    }

    func authorize() -> ExchangeAction {
        guard let exchange, let route = exchange.route, let caller = exchange.caller else {
            preconditionFailure("a principal is authorized after it is established")
        }
        let admitted = exchange.crossOrigin != nil
        if let refusal = AuthorizePhase.refusal(
            inbound,
            body.relay.framing,
            on: route.route,
            isOriginAdmitted: admitted
        ) {
            return machine.authorized(refusal: refusal)
        }
        let permits = route.permits ?? loop.gate.callers.permits(of: caller, on: route.route)
        exchange.grants(permits)
        return machine.authorized(
            refusal: AuthorizePhase.refusal(inbound, exchange.method, by: permits, on: route, prefix: exchange.prefix)
        )
    }

    func gate() -> ExchangeAction {
        guard let exchange, let route = exchange.route else {
            preconditionFailure("a request is gated after it is routed and authorized")
        }
        let result = GatePhase.judge(inbound, &body, exchange, on: route, &loop.gate)
        return machine.gated(result.verdict, bodyIsWhole: result.bodyIsWhole)
    }

    func provideToken() -> ExchangeAction {
        guard let exchange, let route = exchange.route, let caller = exchange.caller else {
            preconditionFailure("fields are injected for an authorized caller")
        }
        guard route.injected.haveClaims(of: caller) else { return machine.tokenProvided(refusal: .claimMissing) }
        if let personal = route.personal { return provide(personal) }
        lookForSecrets(exchange, on: route, caller)
        exchange.injected = InjectPhase.lines(inbound, for: caller, on: route)
        return machine.tokenProvided(
            refusal: exchange.injected == nil ? .tokenUnavailable : nil,
            renews: route.renewed != nil
        )
    }

    /// Prepares the search of the answer for the injected secrets.
    ///
    /// - Parameter own: the caller's own token, where the route's is personal.
    func lookForSecrets(_ exchange: Exchange, on route: PreparedRoute, _ caller: Caller, own: Secret? = nil) {
        guard route.route.reflection != .off else { return }
        exchange.secrets = loop.patterns.patterns(route, own: own, caller) {
            // An upstream that was not given the assertion cannot give it back.
            guard route.route.forwardsAssertion, inbound.hasHead, case .one(let range) = inbound.head.assertion else {
                return nil
            }
            return inbound.withBytes(range) { Secret($0) }
        }
    }

    func recordDecision() -> ExchangeAction { machine.decisionRecorded(record()) }

    /// Records the decision in the audit, before anything is forwarded or refused.
    @discardableResult
    func record() -> AuditReceipt {
        guard let exchange else { preconditionFailure("a decision belongs to an exchange") }
        if loop.traces { exchange.trace = TracePhase.trace(inbound, exchange) }
        return RecordPhase(recorder: loop.recorder, exchange: exchange, peer: peer).decision(inbound)
    }

    func awaitRecord(_ ticket: UInt64) {
        let awaited = exchange?.id
        loop.recorder.whenDurable(ticket) { [self] durable in
            guard exchange?.id == awaited else { return }
            carryOut(machine.decisionSettled(durable: durable))
            useInbound()
            flushIfNeeded()
        }
    }
}
