package import GatehouseCore

/// From the upstream's answer to the end of the exchange.
extension ExchangeMachine {
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
            state = .idle
            return .wait
        case .idle, .deciding, .gathering, .connecting, .tunnelling, .lingering, .closed:
            preconditionFailure("a body is read while it is gathered, forwarded or dropped")
        }
    }

    /// The request's body broke a rule of RFC 9112 or a limit while it was passed on.
    package mutating func requestBodyRefused(_ reason: Reason) -> ExchangeAction {
        switch state {
        case .forwarding(var request, .awaitingHead):
            request.keepsAlive = false
            state = .forwarding(request, .awaitingHead)
            return refuse(reason)
        case .gathering(var request):
            request.keepsAlive = false
            state = .gathering(request)
            return refuse(reason)
        case .forwarding(_, .streaming):
            state = .closed
            return .abort(.clientClosed)
        case .dropping:
            state = .lingering
            return .linger
        case .idle, .deciding, .connecting, .tunnelling, .lingering, .closed:
            preconditionFailure("a body is read while it is gathered, forwarded or dropped")
        }
    }

    /// Bytes of a dropped body came.
    package mutating func bodyDropped(_ count: Int) -> ExchangeAction {
        guard case .dropping(let request, let allowance) = state else {
            preconditionFailure("no body is being dropped")
        }
        guard allowance >= count else {
            state = .lingering
            return .linger
        }
        state = .dropping(request, allowance: allowance - count)
        return .wait
    }

    /// Gatehouse's own answer is written.
    ///
    /// - Parameter remaining: bytes of the body still to come, nil when unknown.
    package mutating func refusalWritten(remaining: Int?) -> ExchangeAction {
        guard case .dropping(let request, let allowance) = state else {
            preconditionFailure("no refusal was asked for")
        }
        if request.isComplete {
            state = request.keepsAlive && !isDraining ? .idle : .closed
            return request.keepsAlive && !isDraining
                ? .finish(upstream: .close) : .finishAndClose(upstream: .close, lingers: false)
        }
        if !request.keepsAlive || remaining.map({ $0 > allowance }) ?? false {
            state = .lingering
            return .finishAndClose(upstream: .close, lingers: true)
        }
        return .finish(upstream: .close)
    }

    /// Whether a refusal of the request in hand must announce that the connection closes, because more of its body is
    /// still to come than is worth reading.
    package func refusalCloses(remaining: Int?) -> Bool {
        guard case .dropping(let request, let allowance) = state else { return true }
        return !request.keepsAlive || !request.isComplete && (remaining.map { $0 > allowance } ?? false)
    }

    /// - Parameter refusal: why the client gets another answer than the upstream's. A 401 to the token that was injected is one: the
    ///   caller did nothing wrong, and would start a sign-in that cannot succeed.
    package mutating func responseHeadReceived(
        reusesUpstream: Bool,
        isUpgrade: Bool,
        refusal: Reason? = nil
    ) -> ExchangeAction {
        guard case .forwarding(var request, .awaitingHead) = state else {
            preconditionFailure("a response answers a request that has none yet")
        }
        // A client that still waits for `100 Continue` may or may not send its body after this answer, so where its next
        // request would start is unknown.
        if request.expectsContinue, !request.isComplete { request.keepsAlive = false }
        if let refusal { return refuse(refusal) }
        if isUpgrade {
            guard request.isUpgrade else { return refuse(.upstreamMalformed) }
            state = .tunnelling
            return .tunnel
        }
        state = .forwarding(request, .streaming(reusesUpstream: reusesUpstream))
        return .wait
    }

    /// Whether the response's head must tell the client that the connection closes after it.
    package var responseCloses: Bool {
        guard case .forwarding(let request, _) = state else { return true }
        return isDraining || !request.keepsAlive
    }

    /// - Parameter mustClose: the client learns the end of the response from the end of the connection.
    package mutating func responseCompleted(mustClose: Bool) -> ExchangeAction {
        guard case .forwarding(let request, .streaming(let reusesUpstream)) = state else {
            preconditionFailure("a response ends after its head")
        }
        let upstream = reusesUpstream && request.isComplete ? UpstreamFate.reuse : .close
        if mustClose || isDraining || !request.keepsAlive {
            state = request.isComplete ? .closed : .lingering
            return .finishAndClose(upstream: upstream, lingers: !request.isComplete)
        }
        state = request.isComplete ? .idle : .dropping(request, allowance: Self.droppedBody)
        return .finish(upstream: upstream)
    }

    /// The upstream broke off or spoke no HTTP.
    package mutating func upstreamFailed(_ reason: Reason) -> ExchangeAction {
        switch state {
        case .forwarding(_, .awaitingHead): return refuse(reason)
        case .forwarding(_, .streaming), .tunnelling:
            state = .closed
            return .abort(.upstreamClosed)
        case .idle, .deciding, .gathering, .connecting, .dropping, .lingering, .closed: return .wait
        }
    }

    /// The client sends nothing more, and all that it has sent is used. What is answered by then is still written; a request that is not
    /// whole has no answer.
    package mutating func inputExhausted() -> ExchangeAction {
        switch state {
        case .idle, .dropping, .lingering:
            state = .closed
            return .close
        case .gathering:
            state = .closed
            return .abort(.clientClosed)
        case .forwarding(let request, _):
            guard !request.isComplete else { return .wait }
            state = .closed
            return .abort(.clientClosed)
        case .tunnelling:
            state = .closed
            return .abort(.clientClosed)
        case .deciding, .connecting, .closed: return .wait
        }
    }

    package mutating func clientClosed() -> ExchangeAction {
        let before = state
        state = .closed
        switch before {
        case .deciding, .gathering, .connecting, .forwarding, .tunnelling: return .abort(.clientClosed)
        case .idle, .dropping, .lingering, .closed: return .close
        }
    }

    /// The time that the current state may take is over.
    package mutating func deadlinePassed() -> ExchangeAction {
        switch state {
        case .idle, .dropping, .lingering, .closed:
            // A client that takes nothing more would keep an orderly close waiting for ever.
            state = .closed
            return .cut
        case .deciding:
            return refuse(.keysUnavailable)
        case .gathering:
            // A client that stalls in its own body gets no answer that it does not read.
            state = .closed
            return .abort(.timeout)
        case .connecting:
            return refuse(.upstreamUnreachable)
        case .forwarding(let request, .awaitingHead):
            // A client that stalls in its own body gets no answer that it does not read; an upstream that stalls is a 504.
            guard request.isComplete else {
                state = .closed
                return .abort(.timeout)
            }
            return refuse(.upstreamTimeout)
        case .forwarding(_, .streaming), .tunnelling:
            state = .closed
            return .abort(.timeout)
        }
    }

    /// The caller's assertion has run out. Ends what is still streaming; a short exchange is left to its end.
    package mutating func assertionExpired() -> ExchangeAction { endStream(.expired) }

    /// The process is told to stop.
    ///
    /// - Parameter keepsIdle: a request may be on its way over the connection, and is served before it closes.
    package mutating func drainBegan(keepsIdle: Bool = false) -> ExchangeAction {
        isDraining = true
        guard case .idle = state, !keepsIdle else { return .wait }
        state = .closed
        return .close
    }

    /// An event stream stands at a boundary and the process is draining.
    package mutating func streamDrained() -> ExchangeAction { endStream(.drained) }

    /// The time for draining is over: whatever is under way is cut.
    package mutating func graceEnded() -> ExchangeAction {
        let before = state
        state = .closed
        switch before {
        case .deciding, .gathering, .connecting, .forwarding, .tunnelling: return .abort(.drained)
        case .idle, .dropping, .lingering, .closed: return .cut
        }
    }

    private mutating func endStream(_ ending: Ending) -> ExchangeAction {
        switch state {
        case .forwarding(_, .streaming), .tunnelling:
            state = .closed
            return .abort(ending)
        case .idle, .deciding, .gathering, .connecting, .forwarding(_, .awaitingHead), .dropping, .lingering, .closed:
            return .wait
        }
    }
}
