internal import GatehouseCore

/// The events that may come in any state: the client goes, a time is over, the process drains.
extension ExchangeMachine {
    package mutating func clientClosed() -> ExchangeAction { end(.clientClosed, orElse: .close) }

    /// The client sends nothing more, and all that it has sent is used. What is whole by then is still answered; a request that is not has no
    /// answer.
    package mutating func inputExhausted() -> ExchangeAction {
        switch state {
        case .idle, .dropping, .lingering:
            state = .closed
            return .close
        case .gathering, .tunnelling:
            state = .closed
            return .abort(.clientClosed)
        case .forwarding(let request, _):
            guard !request.isComplete else { return .wait }
            state = .closed
            return .abort(.clientClosed)
        case .deciding, .awaitingVerdict, .awaitingRecord, .connecting, .awaitingToken, .closed: return .wait
        }
    }

    /// The time that the current state may take is over.
    package mutating func deadlinePassed() -> ExchangeAction {
        switch state {
        case .idle, .dropping, .lingering, .closed:
            // A client that takes nothing more would keep an orderly close waiting for ever.
            state = .closed
            return .cut
        case .awaitingVerdict(let request, let reason): return refuse(request, reason)
        case .awaitingRecord(let request): return refuse(request, .auditUnavailable)
        case .connecting(let request): return refuse(request, .upstreamUnreachable)
        case .awaitingToken(let request, let reason): return refuse(request, reason)
        case .forwarding(let request, .awaitingHead) where request.isComplete: return refuse(request, .upstreamTimeout)
        // A client that stalls in its own body gets no answer that it does not read. A phase takes no time.
        case .deciding, .gathering, .forwarding, .tunnelling:
            state = .closed
            return .abort(.timeout)
        }
    }

    /// The caller's assertion has run out. Ends what is still streaming; a short exchange is left to its end.
    package mutating func assertionExpired() -> ExchangeAction { endStream(.expired) }

    /// The process begins to shut down.
    ///
    /// An idle connection on which a request may be on its way is kept for a short time: closed at once, it would lose one that no client
    /// may safely send again.
    ///
    /// - Parameters:
    ///   - handsOver: another instance takes new connections meanwhile.
    ///   - hasUnread: bytes have come that are not used yet.
    package mutating func drainBegan(handsOver: Bool = false, hasUnread: Bool = false) -> ExchangeAction {
        isDraining = true
        guard case .idle(let idle) = state else { return .wait }
        switch idle {
        case .kept where !handsOver && !hasUnread:
            state = .closed
            return .close
        case .accepted, .reading, .kept: return .hasten(handsOver ? .handsOver : .ends)
        }
    }

    /// Everything that was written before the connection ends has left.
    package mutating func outputWritten() -> ExchangeAction {
        switch state {
        case .lingering:
            state = .lingering(isShut: true)
            return .shutOutput
        case .closed: return .cut
        case .idle, .deciding, .awaitingVerdict, .gathering, .awaitingRecord, .connecting, .forwarding, .awaitingToken,
            .dropping, .tunnelling:
            return .wait
        }
    }

    /// The client does not take what is put into its event stream.
    package mutating func streamStalled() -> ExchangeAction { endStream(.timeout) }

    /// An event stream stands at a boundary and the process is draining.
    package mutating func streamDrained() -> ExchangeAction { endStream(.drained) }

    /// The time for draining is over: whatever is under way is cut.
    package mutating func graceEnded() -> ExchangeAction { end(.drained, orElse: .cut) }

    /// - Parameter action: what is done when no exchange is under way.
    private mutating func end(_ ending: Ending, orElse action: ExchangeAction) -> ExchangeAction {
        switch state {
        case .deciding, .awaitingVerdict, .gathering, .awaitingRecord, .connecting, .forwarding, .awaitingToken,
            .tunnelling:
            state = .closed
            return .abort(ending)
        case .idle, .dropping, .lingering, .closed:
            state = .closed
            return action
        }
    }

    private mutating func endStream(_ ending: Ending) -> ExchangeAction {
        switch state {
        case .forwarding(_, .streaming), .tunnelling:
            state = .closed
            return .abort(ending)
        case .idle, .deciding, .awaitingVerdict, .gathering, .awaitingRecord, .connecting,
            .forwarding(_, .awaitingHead),
            .awaitingToken, .dropping, .lingering, .closed:
            return .wait
        }
    }
}
