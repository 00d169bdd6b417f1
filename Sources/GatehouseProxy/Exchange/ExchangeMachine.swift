package import GatehouseCore

/// The way of one request after another through one client connection: the order of the walk is written here and nowhere
/// else.
///
///     head -> route -> assertion -> policy -> MCP gate -> token -> decision recorded -> upstream -> response
///          -> outcome recorded
///
/// Does no I/O and knows no clock: events come in with names in the past tense, and each returns the action that the
/// connection carries out next. Bytes do not pass through; ``disposition`` says what becomes of them.
package struct ExchangeMachine: ~Copyable {
    enum State {
        /// Between requests. To: deciding, refused, closed.
        case idle
        /// A head stands; the walk is at one of its steps. To: gathering, connecting, refused, closed.
        case deciding(Request)
        /// The gate waits for the whole body, which is held. To: deciding, refused, closed.
        case gathering(Request)
        /// Allowed and recorded; an upstream connection is being made. To: forwarding, refused, closed.
        case connecting(Request)
        /// The request is under way. To: idle, refused, dropping, tunnelling, lingering, closed.
        case forwarding(Request, Response)
        /// The exchange is answered, but the client still sends its body, which is dropped up to a bound. To: idle, lingering, closed.
        case dropping(Request, allowance: Int)
        /// Bytes pass both ways unread. To: closed.
        case tunnelling
        /// Our side is shut; what still comes is discarded, so that the kernel does not answer it with a reset that
        /// could overtake our answer (RFC 9112 section 9.6). To: closed.
        case lingering
        case closed
    }

    /// What the machine remembers of a request.
    package struct Request: Equatable {
        /// Whether the connection may serve another request after this one.
        package var keepsAlive: Bool
        /// Whether the whole body has come.
        package var isComplete: Bool
        package var isUpgrade: Bool
        /// The client waits for `100 Continue` before it sends its body.
        package var expectsContinue: Bool

        package init(keepsAlive: Bool, isComplete: Bool, isUpgrade: Bool = false, expectsContinue: Bool = false) {
            self.keepsAlive = keepsAlive
            self.isComplete = isComplete
            self.isUpgrade = isUpgrade
            self.expectsContinue = expectsContinue
        }
    }

    enum Response {
        case awaitingHead
        /// `reusesUpstream`: the response leaves its connection fit for another request.
        case streaming(reusesUpstream: Bool)
    }

    /// Bytes of a refused request's body that are read and dropped to keep its connection; beyond them it closes.
    package static let droppedBody = 64 << 10

    var state = State.idle
    /// Set once the process drains: no connection outlives its exchange.
    var isDraining = false

    package init() {}
}

/// What the connection does next.
package enum ExchangeAction: Equatable {
    /// Nothing to do until the next event.
    case wait

    // The walk, in its order.
    case route
    case authenticate
    case awaitKeys
    case authorize
    case gate
    case gatherBody
    case provideToken
    case recordDecision
    case awaitRecord
    case connect
    case forwardRequest

    /// Give the answer that Gatehouse itself has for everybody; nothing is forwarded.
    case answerOpenly(close: Bool)
    /// Answer the client in place of the upstream; an upstream connection that was taken is closed.
    case refuse(Reason, close: Bool)
    /// The response has begun and cannot be completed or taken back: close both sides, so that the client sees it cut.
    case abort(Ending)
    /// Record the outcome; then read the next request.
    case finish(upstream: UpstreamFate)
    /// Record the outcome and close the client connection once all is written; `lingers` first shuts our side only.
    case finishAndClose(upstream: UpstreamFate, lingers: Bool)
    /// Close the client connection once all is written; no exchange is under way.
    case close
    /// Close the client connection at once: it had its time to take what was written, or the process ends.
    case cut
    /// Shut our side and discard what comes.
    case linger
    /// Record the outcome later; both connections now carry bytes unread.
    case tunnel
}

package enum UpstreamFate: Equatable {
    /// Back into the pool.
    case reuse
    case close
}

/// What becomes of bytes that the client sends now.
package enum InboundDisposition {
    case head
    case hold
    case gatherBody
    case forwardBody
    case dropBody
    case tunnel
    case discard
}

extension ExchangeMachine {
    package var disposition: InboundDisposition {
        switch state {
        case .idle: .head
        case .deciding, .connecting: .hold
        case .gathering: .gatherBody
        case .forwarding(let request, _): request.isComplete ? .hold : .forwardBody
        case .dropping: .dropBody
        case .tunnelling: .tunnel
        case .lingering, .closed: .discard
        }
    }

    package var isIdle: Bool {
        if case .idle = state { true } else { false }
    }

    /// Whether the request in hand waits for an upstream connection.
    package var isConnecting: Bool {
        if case .connecting = state { true } else { false }
    }

    package var isRequestComplete: Bool {
        if case .forwarding(let request, _) = state { request.isComplete } else { false }
    }

    /// Whether all of a refused request's body has come.
    package var isRequestWhole: Bool {
        if case .dropping(let request, _) = state { request.isComplete } else { false }
    }

    package var isClosed: Bool {
        if case .closed = state { true } else { false }
    }
}
