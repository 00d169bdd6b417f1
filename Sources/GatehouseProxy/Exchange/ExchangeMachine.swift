package import GatehouseCore

/// The way of one request after another through one client connection. The order of the phases is written here and nowhere else:
///
///     head -> route -> public answer -> assertion -> policy -> MCP gate -> token -> decision recorded
///          -> upstream -> response -> outcome recorded
///
/// The machine does no I/O and knows no clock: an event, named in the past tense, ends a phase and returns the action that the connection
/// carries out next. An event in another phase than the one that it ends is a fault of ours, which bytes cannot cause, and traps: nothing
/// can be forwarded without a verdict, a judgement of the gate and a recorded decision. Bytes do not pass through; ``disposition`` says
/// what becomes of them.
package struct ExchangeMachine: ~Copyable {
    /// A step of the decision. No step waits; each wait is a state of its own.
    package enum Phase: Equatable, CaseIterable {
        case route, publicAnswer, authentication, authorization, gate, token, record
    }

    enum State {
        /// Between requests. To: deciding, dropping, closed.
        case idle(Idle)
        /// A head stands, and a phase looks at it. To: the next phase, a wait, connecting, dropping, closed.
        case deciding(Phase, Request)
        /// The verdict waits for signing keys, or for the caller's identity. To: deciding, dropping, closed.
        case awaitingVerdict(Request, orElse: Reason)
        /// The gate waits for the whole body, which is held. To: deciding, dropping, closed.
        case gathering(Request)
        /// The decision waits for the audit's disk. To: connecting, dropping, closed.
        case awaitingRecord(Request)
        /// Allowed and recorded; an upstream connection is being made. To: forwarding, dropping, closed.
        case connecting(Request)
        /// The request is under way. To: connecting, idle, dropping, tunnelling, lingering, closed.
        case forwarding(Request, Response)
        /// The upstream rejected the token of a request that is kept, and a newer version is asked for. To: connecting, dropping, closed.
        case awaitingToken(Request, orElse: Reason)
        /// The exchange is answered, but the client still sends its body, which is dropped up to a bound. To: idle, lingering, closed.
        case dropping(Request, allowance: Int)
        /// Bytes pass both ways unread. To: closed.
        case tunnelling
        /// Our side is shut once all is written; what still comes is discarded, so that the kernel does not answer it with a reset that
        /// could overtake our answer (RFC 9112 section 9.6). To: closed.
        case lingering(isShut: Bool)
        case closed
    }

    /// Why a connection between two requests is kept.
    enum Idle {
        /// No request has come yet.
        case accepted
        /// The first bytes of a head have come.
        case reading
        /// A request was answered, and another may follow.
        case kept
    }

    /// The facts of a request that the machine remembers.
    package struct Request: Equatable {
        /// Whether the connection may serve another request after this one.
        package var keepsAlive: Bool
        /// Whether the whole body has come.
        package var isComplete: Bool
        package var isUpgrade: Bool
        /// The client waits for `100 Continue` before it sends its body.
        package var expectsContinue: Bool
        /// The method promises to change nothing (RFC 9110 section 9.2.1), so the request may be sent twice.
        package var isSafe: Bool
        /// Another proxy asks about it and forwards it itself: here it is answered.
        package var isQuestion: Bool
        /// All of it is kept, and it is sent once more should the upstream reject its token and a newer one be there.
        package var isRenewable = false

        package init(
            keepsAlive: Bool,
            isComplete: Bool,
            isUpgrade: Bool = false,
            expectsContinue: Bool = false,
            isSafe: Bool = false,
            isQuestion: Bool = false
        ) {
            self.keepsAlive = keepsAlive
            self.isComplete = isComplete
            self.isUpgrade = isUpgrade
            self.expectsContinue = expectsContinue
            self.isSafe = isSafe
            self.isQuestion = isQuestion
        }
    }

    enum Response {
        case awaitingHead(Delivery)
        /// `reusesUpstream`: the response leaves its connection fit for another request.
        case streaming(reusesUpstream: Bool)
    }

    /// Whether a request whose connection ends without an answer may be sent again over another one (RFC 9112 section 9.3.1).
    package enum Delivery: Equatable {
        /// A reused connection, all that was sent is kept, and nothing has come back: the upstream may have closed it before the request came.
        case repeatable
        /// Besides, not one byte of the request has left.
        case unsent
        /// A connection of its own, or a part of the request is no longer kept.
        case final
    }

    /// Bytes of a refused request's body that are read and dropped to keep its connection; beyond them it closes.
    package static let droppedBody = 64 << 10

    var state = State.idle(.accepted)
    /// True once the process drains: no connection outlives its exchange.
    var isDraining = false

    package init() {}
}

/// The next thing that the connection does.
package enum ExchangeAction: Equatable {
    /// Nothing to do until the next event.
    case wait

    // The phases, in their order.
    case route
    case seekPublicAnswer
    case authenticate
    case awaitVerdict
    case authorize
    case gate
    case gatherBody
    case provideToken
    case recordDecision
    case awaitRecord(ticket: UInt64)
    /// - Parameter again: the request was sent over an idle connection that turned out dead; where one was, the others are no better.
    case connect(again: Bool)
    case forwardRequest
    /// Ask for a newer version of the token that the upstream rejected; its connection is given up.
    case awaitToken

    /// Give the answer that Gatehouse itself has for everybody; nothing is forwarded.
    indirect case answerPublicly(LocalResponse, close: Bool)
    /// Answer another proxy that its request is allowed; nothing is forwarded.
    case confirm(close: Bool)
    /// Answer the client in place of the upstream; an upstream connection that was taken is closed.
    case refuse(Reason, close: Bool)
    /// The response has begun and cannot be completed or taken back: close both sides, so that the client sees it cut.
    case abort(Ending)
    /// Record the outcome; then read the next request.
    case finish(upstream: UpstreamFate)
    /// Record the outcome; the connection ends once all is written.
    case finishAndClose(upstream: UpstreamFate)
    /// End the client connection once all is written; no exchange is under way.
    case close
    /// All is written: shut our side, and go on discarding what comes.
    case shutOutput
    /// A drain keeps the idle connection for a short time, because a request may be under way on it.
    case hasten(DrainGrace)
    /// Close the client connection at once: it had its time to take what was written, or the process ends.
    case cut
    /// Record the outcome later; both connections now carry bytes unread.
    case tunnel
}

package enum DrainGrace: Equatable {
    /// The process ends.
    case ends
    /// Another instance takes new connections meanwhile.
    case handsOver
}

package enum UpstreamFate: Equatable {
    /// Back into the pool.
    case reuse
    case close
}

/// The use of bytes that the client sends now.
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
        case .deciding, .awaitingVerdict, .awaitingRecord, .connecting, .awaitingToken: .hold
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

    /// Whether the request in hand waits for a newer token.
    package var isAwaitingToken: Bool {
        if case .awaitingToken = state { true } else { false }
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

/// The event that the present state waits for, by which its time is limited.
package enum ExchangeWait: Equatable, CaseIterable {
    /// A head, from its first byte on; on a new connection from the start.
    case head
    /// The next request.
    case keepAlive
    /// The signing keys, the caller's identity, or the audit's disk.
    case decision
    /// The body that the gate waits for.
    case gathering
    /// The upstream connection. Its connector has a limit of its own.
    case connection
    /// A newer version of a token that the upstream rejected.
    case token
    /// The client's next bytes of a body that is passed on.
    case requestBody
    case responseHead
    /// Any byte of a response or tunnel, before the idle timeout.
    case silence
    /// The client, to take what was written before the connection ends.
    case output
    /// The rest of a body that is dropped, or the client's end after ours.
    case linger
}

extension ExchangeMachine {
    package var wait: ExchangeWait {
        switch state {
        case .idle(.accepted), .idle(.reading): .head
        case .idle(.kept): .keepAlive
        case .deciding, .awaitingVerdict, .awaitingRecord: .decision
        case .gathering: .gathering
        case .connecting: .connection
        case .awaitingToken: .token
        case .forwarding(let request, .awaitingHead): request.isComplete ? .responseHead : .requestBody
        case .forwarding(_, .streaming), .tunnelling: .silence
        case .dropping, .lingering(isShut: true): .linger
        case .lingering(isShut: false), .closed: .output
        }
    }
}
