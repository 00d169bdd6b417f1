internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// A route whose token is each caller's own.
extension ClientConnection {
    func provide(_ personal: PersonalInjection) -> ExchangeAction {
        guard let exchange, let route = exchange.route, let caller = exchange.caller else {
            preconditionFailure("fields are injected for an authorized caller")
        }
        noteClient(exchange)
        if let known = loop.personalLines[caller, route] {
            exchange.personal = known.use
            return inject(known.lines, own: known.token)
        }
        var token: Secret?
        switch PersonalPhase.choose(exchange, personal, loop.personal) {
        case .token(let value): token = value.secret
        case .nothing: prepareOffer(exchange, personal)
        case .refused(let reason):
            prepareOffer(exchange, personal)
            return machine.tokenProvided(refusal: reason)
        }
        let lines = InjectPhase.lines(inbound, for: caller, on: route, token: token)
        if let lines, let token, let use = exchange.personal, !route.injected.holdAssertion {
            loop.personalLines.keep(PersonalChoice(lines, with: token, of: use, for: caller, on: route))
        }
        return inject(lines, own: token)
    }

    private func inject(_ lines: Secret?, own token: Secret?) -> ExchangeAction {
        guard let exchange, let route = exchange.route, let caller = exchange.caller else {
            preconditionFailure("fields are injected for an authorized caller")
        }
        lookForSecrets(exchange, on: route, caller, own: token)
        exchange.injected = lines
        return machine.tokenProvided(
            refusal: lines == nil ? .tokenUnavailable : nil,
            renews: exchange.personal?.renews == true
        )
    }

    /// The abilities of a client are read while its request is there, for an answer that may come after it has gone up.
    private func prepareOffer(_ exchange: Exchange, _ personal: PersonalInjection) {
        guard case .nothing(let reason)? = exchange.personal?.given else { return }
        var version = ProtocolVersion.unstated
        let received = inbound.bytes
        if case .one(let range) = inbound.head.occurrence(of: .mcpProtocolVersion, in: received.readableBytesUInt8Span)
        {
            version = inbound.withBytes(range) { ProtocolVersion($0) }
        }
        exchange.call.offer = withCall(exchange) { PersonalPhase.offer(reason, exchange, personal, version, $0) }
    }

    /// A client that begins a session says whether it opens addresses for its user.
    private func noteClient(_ exchange: Exchange) {
        guard case .single(let message)? = exchange.call.received?.body, message.known == .initialize else { return }
        exchange.call.opensAddresses = withCall(exchange) { ElicitationSupport.isSaidAtStart($0) } ?? false
    }

    private func withCall<Result>(_ exchange: Exchange, _ body: (UnsafeRawBufferPointer) -> Result?) -> Result? {
        guard let call = exchange.call.received else { return nil }
        if let payload = call.payload { return payload.withUnsafeReadableBytes { body($0) } }
        return inbound.bytes.withUnsafeReadableBytes { body(UnsafeRawBufferPointer(rebasing: $0[call.place])) }
    }

    /// Other personal tokens came into force: a request that waits for its owner's may go on, a stream that was opened with one that its owner has
    /// taken back ends, and a client whose user has connected is told.
    func personalReplaced(_ old: PersonalTokens) {
        if machine.isAwaitingToken { return snapshotReplaced() }
        if isTakenBack { return carryOut(machine.assertionExpired()) }
        guard let exchange, response.isEventStream, exchange.session.bound?.opensAddresses == true,
            let route = exchange.route, let personal = route.personal, let caller = exchange.caller,
            let owner = caller.owner, case .usable? = loop.personal[personal.token, owner]
        else { return }
        if case .usable? = old[personal.token, owner] { return }
        guard let id = PersonalPhase.elicitationID(of: personal.token, for: caller, on: route.route, exchange.tags)
        else { return }
        tell([ConnectOffer.completed(id: id)], in: exchange.id)
    }

    private var isTakenBack: Bool {
        guard response.isEventStream || machine.disposition == .tunnel, loop.personal.isRead,
            let personal = exchange?.personal, case .own = personal.given, let owner = personal.owner
        else { return false }
        return switch loop.personal[personal.token, owner] {
        case .usable, .unavailable: false
        case .needsConnecting, nil: true
        }
    }
}
