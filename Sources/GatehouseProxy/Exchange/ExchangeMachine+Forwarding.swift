package import GatehouseCore

/// The transitions from the upstream connection to the end of the request.
extension ExchangeMachine {
    /// - Parameter isReused: the connection has served another exchange, so the upstream may have closed it already.
    package mutating func connected(isReused: Bool = false) -> ExchangeAction {
        switch state {
        case .connecting(let request):
            state = .forwarding(request, .awaitingHead(isReused ? .repeatable : .final))
            return .forwardRequest
        case _: preconditionFailure("nobody waits for this connection")
        }
    }

    package mutating func connectFailed() -> ExchangeAction {
        guard case .connecting(let request) = state else { return .wait }
        return refuse(request, .upstreamUnreachable)
    }

    /// Writing the request failed, and not one byte of it has left.
    package mutating func sendingFailed() {
        guard case .forwarding(let request, .awaitingHead(.repeatable)) = state else { return }
        state = .forwarding(request, .awaitingHead(.unsent))
    }

    /// More of the request was sent than is kept, so it cannot be sent again.
    package mutating func bodyPassed() {
        guard case .forwarding(var request, .awaitingHead) = state else { return }
        request.isRenewable = false
        state = .forwarding(request, .awaitingHead(.final))
    }

    /// Bytes of an answer came: from now on only the rejection of its token lets the request be sent again.
    package mutating func answerBegan() {
        guard case .forwarding(let request, .awaitingHead) = state else { return }
        state = .forwarding(request, .awaitingHead(.final))
    }

    /// Whether what was sent so far has to be kept.
    package var keepsOpening: Bool {
        switch state {
        case .forwarding(let request, .awaitingHead(let delivery)): delivery != .final || request.isRenewable
        case .awaitingToken: true
        case .idle, .deciding, .awaitingVerdict, .gathering, .awaitingRecord, .connecting, .forwarding(_, .streaming),
            .dropping, .tunnelling, .lingering, .closed:
            false
        }
    }

    /// The upstream's connection has ended, and with it no response.
    package mutating func upstreamClosed() -> ExchangeAction {
        guard case .forwarding(let request, .awaitingHead(let delivery)) = state,
            delivery == .unsent || delivery == .repeatable && request.isSafe
        else { return upstreamFailed(.upstreamReset) }
        state = .connecting(request)
        return .connect(again: true)
    }

    /// The upstream broke off or spoke no HTTP.
    package mutating func upstreamFailed(_ reason: Reason) -> ExchangeAction {
        switch state {
        case .forwarding(let request, .awaitingHead): return refuse(request, reason)
        case .forwarding(_, .streaming), .tunnelling:
            state = .closed
            return .abort(.upstreamClosed)
        case .idle, .deciding, .awaitingVerdict, .gathering, .awaitingRecord, .connecting, .awaitingToken, .dropping,
            .lingering, .closed:
            return .wait
        }
    }

    // MARK: - Body

    /// All of the request's body has been passed on or dropped.
    package mutating func requestCompleted() -> ExchangeAction {
        switch state {
        case .forwarding(var request, let response):
            request.isComplete = true
            state = .forwarding(request, response)
            return .wait
        case .dropping(let request, _):
            guard request.keepsAlive, !isDraining else {
                state = .closed
                return .close
            }
            state = .idle(.kept)
            return .wait
        case _: preconditionFailure("a body is read while it is forwarded or dropped")
        }
    }

    /// The request's body broke a rule of RFC 9112 or a limit while it was gathered, passed on or dropped.
    package mutating func requestBodyRefused(_ reason: Reason) -> ExchangeAction {
        switch state {
        case .gathering(var request), .forwarding(var request, .awaitingHead):
            request.keepsAlive = false
            return refuse(request, reason)
        case .forwarding(_, .streaming):
            state = .closed
            return .abort(.clientClosed)
        case .dropping:
            state = .lingering(isShut: false)
            return .close
        case _: preconditionFailure("a body is read while it is gathered, forwarded or dropped")
        }
    }

    /// Bytes of a dropped body came.
    package mutating func bodyDropped(_ count: Int) -> ExchangeAction {
        switch state {
        case .dropping(let request, let allowance):
            guard allowance >= count else {
                state = .lingering(isShut: false)
                return .close
            }
            state = .dropping(request, allowance: allowance - count)
            return .wait
        case _: preconditionFailure("no body is being dropped")
        }
    }

    // MARK: - Answers of Gatehouse's own

    /// Gatehouse's own answer is written.
    ///
    /// - Parameter remaining: bytes of the body still to come, nil when unknown.
    package mutating func refusalWritten(remaining: Int?) -> ExchangeAction {
        switch state {
        case .dropping(let request, let allowance):
            if request.isComplete {
                let goesOn = request.keepsAlive && !isDraining
                state = goesOn ? .idle(.kept) : .closed
                return goesOn ? .finish(upstream: .close) : .finishAndClose(upstream: .close)
            }
            if !request.keepsAlive || remaining.map({ $0 > allowance }) ?? false {
                state = .lingering(isShut: false)
                return .finishAndClose(upstream: .close)
            }
            state = .dropping(request, allowance: allowance)
            return .finish(upstream: .close)
        case _: preconditionFailure("no answer of Gatehouse's own was asked for")
        }
    }

    /// Whether a refusal of the request in hand must announce that the connection closes, because more of its body is
    /// still to come than is worth reading.
    package func refusalCloses(remaining: Int?) -> Bool {
        guard case .dropping(let request, let allowance) = state else { return true }
        return !request.keepsAlive || !request.isComplete && (remaining.map { $0 > allowance } ?? false)
    }

    // MARK: - Response

    /// - Parameter refusal: why the client gets another answer than the upstream's. A 401 to the token that was injected is one: the
    ///   caller did nothing wrong, and would start a sign-in that cannot succeed.
    /// - Parameter rejectsToken: the answer is a 401, for which the injected token may be the cause. A request is sent once more for it, and not twice.
    package mutating func responseHeadReceived(
        reusesUpstream: Bool,
        isUpgrade: Bool,
        refusal: Reason? = nil,
        rejectsToken: Bool = false
    ) -> ExchangeAction {
        switch state {
        case .forwarding(var request, .awaitingHead):
            // A client that still waits for `100 Continue` may or may not send its body after this answer, so where its next
            // request would start is unknown.
            if request.expectsContinue, !request.isComplete { request.keepsAlive = false }
            if rejectsToken, let refusal, request.isRenewable, request.isComplete {
                request.isRenewable = false
                state = .awaitingToken(request, orElse: refusal)
                return .awaitToken
            }
            if let refusal = refusal ?? (isUpgrade && !request.isUpgrade ? .upstreamMalformed : nil) {
                return refuse(request, refusal)
            }
            if isUpgrade {
                state = .tunnelling
                return .tunnel
            }
            state = .forwarding(request, .streaming(reusesUpstream: reusesUpstream))
            return .wait
        case _: preconditionFailure("a response answers a request that has none yet")
        }
    }

    /// The answer to ``ExchangeAction/awaitToken``.
    ///
    /// - Parameter found: a newer version is there. Without one the upstream's rejection stands.
    package mutating func tokenRenewed(_ found: Bool) -> ExchangeAction {
        guard case .awaitingToken(let request, let reason) = state else { return .wait }
        guard found else { return refuse(request, reason) }
        state = .connecting(request)
        return .connect(again: false)
    }

    /// Whether the response's head must tell the client that the connection closes after it.
    package var responseCloses: Bool {
        guard case .forwarding(let request, _) = state else { return true }
        return isDraining || !request.keepsAlive
    }

    /// - Parameter mustClose: the client learns the end of the response from the end of the connection.
    package mutating func responseCompleted(mustClose: Bool) -> ExchangeAction {
        switch state {
        case .forwarding(let request, .streaming(let reusesUpstream)):
            let upstream = reusesUpstream && request.isComplete ? UpstreamFate.reuse : .close
            if mustClose || isDraining || !request.keepsAlive {
                state = request.isComplete ? .closed : .lingering(isShut: false)
                return .finishAndClose(upstream: upstream)
            }
            state = request.isComplete ? .idle(.kept) : .dropping(request, allowance: Self.droppedBody)
            return .finish(upstream: upstream)
        case _: preconditionFailure("a response ends after its head")
        }
    }
}
