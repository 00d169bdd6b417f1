internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// The handler of one client connection: translates the events of its sockets into those of the exchange machine, and the machine's actions into
/// effects. Each part owns its state; the phases that an action begins are the extensions beside this file.
final class ClientConnection: ServedConnection {
    let socket: StreamSocket
    let loop: ProxyLoop
    /// Called when the connection ends, so that the listener counts one less.
    private let onClose: () -> Void
    var machine = ExchangeMachine()
    var inbound = InboundBytes()
    var body = RequestBody()
    var response = ResponseRelay()
    var exchange: Exchange?
    var link = UpstreamLink()
    var refusals = RefusalPace()
    var position = 0
    private var deadline = Deadline()
    private var flushing = Flushing()
    /// The client has ended its side: what came before is served, and then the connection closes.
    private var isInputEnded = false
    let peer: PeerName
    /// Whether requests are questions of another proxy about its own.
    let takesQuestions: Bool

    /// Bytes that may wait while a request is being decided on; beyond it reading pauses.
    static let heldBytes = 64 << 10

    init(_ socket: StreamSocket, loop: ProxyLoop, takesQuestions: Bool = false, onClose: @escaping () -> Void) {
        self.takesQuestions = takesQuestions
        self.socket = socket
        self.loop = loop
        self.onClose = onClose
        peer = PeerName { socket.peerAddress }
    }

    var isIdle: Bool { machine.isIdle }

    /// The connection was accepted.
    func begin() {
        socket.handler = self
        loop.add(self)
        beginWait()
        // A connection accepted before the listener closed may be set up after the others began to drain.
        if loop.isDraining { drainBegan() }
    }

    // MARK: - Loop events

    func drainBegan() {
        let hasUnread = machine.isIdle && (!inbound.isEmpty || socket.hasUnread)
        carryOut(machine.drainBegan(handsOver: loop.handsOver, hasUnread: hasUnread))
        endStreamIfDue(wall: nil)
        flushIfNeeded()
    }

    func closeNow() { carryOut(machine.graceEnded()) }

    func sweep(now: MonotonicTime, wall: Timestamp) {
        if deadline.passes(at: now) {
            carryOut(machine.deadlinePassed())
        } else {
            writeMessages()
            endStreamIfDue(wall: wall)
            breakSilence(now: now)
        }
        useInbound()
        flushIfNeeded()
    }

    /// Limits the present wait from now on: it has begun, or some of what is waited for has come.
    func beginWait() {
        let wait = machine.wait
        let now = loop.eventLoop.now
        let server = (exchange?.snapshot ?? loop.snapshot).waits
        // Asked here and not handed over: handing it over copies the body's state at each wait.
        if case .gathering = wait {
            deadline.begin(wait, until: server.body.map { body.gatheringEnds(after: $0, at: now) })
        } else {
            deadline.begin(wait, at: now, server, exchange?.route?.waits)
        }
    }

    // MARK: - Writing

    func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0 else { return }
        socket.write(bytes)
        flushing.written()
    }

    func flushIfNeeded() { if flushing.take() { socket.flush() } }

    /// Ends the connection once everything written has left.
    private func closeAfterWriting() {
        guard socket.isOpen else { return }
        flushing.done()
        socket.tellWhenWritten()
        resumeReading()
    }

    // MARK: - Carrying out

    /// Carries out an action and those that follow from it at once, and limits the wait that they lead to.
    func carryOut(_ action: ExchangeAction) {
        carryOutAll(action)
        if machine.wait != deadline.wait { beginWait() }
    }

    private func carryOutAll(_ first: ExchangeAction) {
        var action = first
        while true {
            switch action {
            case .wait: return
            case .route: action = route()
            case .seekPublicAnswer: action = seekPublicAnswer()
            case .authenticate: action = authenticate()
            case .awaitVerdict: return awaitVerdict()
            case .authorize: action = authorize()
            case .gate: action = gate()
            case .gatherBody: return gatherBody()
            case .provideToken: action = provideToken()
            case .recordDecision: action = recordDecision()
            case .awaitRecord(let ticket): return awaitRecord(ticket)
            case .connect(let again): action = connect(again: again)
            case .forwardRequest: action = forwardRequest()
            case .awaitToken: action = awaitToken()
            case .answerPublicly(let answer, let close): action = answerPublicly(answer, close: close)
            case .confirm(let close): action = confirm(close: close)
            case .refuse(let reason, let close): action = refuse(reason, close: close)
            case .tunnel: return
            case .abort(let ending): return abort(ending)
            case .finish(let fate):
                endExchange(.complete, fate)
                resumeReading()
                return flushIfNeeded()
            case .finishAndClose(let fate):
                endExchange(.complete, fate)
                return closeAfterWriting()
            case .close: return closeAfterWriting()
            case .cut: return socket.close()
            case .shutOutput: return socket.shutOutput()
            case .hasten(let grace): return deadline.hasten(grace, at: loop.eventLoop.now)
            }
        }
    }

    /// The exchange cannot be completed.
    private func abort(_ ending: Ending) {
        let endsCleanly = (ending == .expired || ending == .drained) && response.isAtBoundary
        if endsCleanly { endStreamCleanly() }
        let isCutSilently = !endsCleanly && response.endsWithClient
        endExchange(ending, .close)
        // Bytes that an upstream sent before it broke off still reach the client, whose framing shows that the body is cut; without framing, only a
        // reset shows it.
        if isCutSilently {
            socket.reset()
        } else if endsCleanly || ending == .upstreamClosed {
            closeAfterWriting()
        } else {
            socket.close()
        }
    }

    /// Uses received bytes for as long as the machine has a use for them.
    func useInbound() {
        use: while !inbound.isEmpty {
            switch machine.disposition {
            case .head: guard readHead() else { break use }
            case .gatherBody: guard gatherMore() else { break use }
            case .forwardBody: guard forwardBody() else { break use }
            case .dropBody: guard dropBody() else { break use }
            case .tunnel: tunnelInbound()
            case .discard: inbound.clear()
            case .hold: break use
            }
        }
        if isInputEnded { endWithInput() }
        resumeReading()
    }

    /// The client's input has ended: a state that waits for more of it ends too.
    private func endWithInput() {
        switch machine.disposition {
        case .hold: break
        case .head, .gatherBody, .forwardBody, .dropBody, .tunnel, .discard: carryOut(machine.inputExhausted())
        }
    }

    /// Finds out whether the client has gone as a whole, which its kernel then answers with a reset: an answer without a recipient is
    /// not to be made (the closed connection is how MCP of 2026-07-28 cancels a request). An interim response means nothing to a client
    /// that waits (RFC 9110 section 15.2), nor a comment to one that reads events.
    private func probeHalfClosed() {
        guard let exchange else { return }
        if !response.hasHead {
            if exchange.version == .http11 { write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")) }
        } else if response.isAtBoundary {
            write(response.comment)
        }
    }
}

// MARK: - Socket events

extension ClientConnection: StreamSocketHandler {
    /// Back-pressure: what cannot be passed on is not read.
    var mayRead: Bool {
        switch machine.disposition {
        case .hold: inbound.count < Self.heldBytes
        case .forwardBody, .tunnel: link.isWritable
        // Bounded by the route's limit, at which the body is whole or refused.
        case .head, .gatherBody, .dropBody, .discard: true
        }
    }

    func received(_ bytes: ByteBuffer) {
        flushing.readBegan()
        inbound.receive(bytes)
        useInbound()
        inbound.settle()
    }

    func readCompleted() {
        flushing.readEnded()
        flushIfNeeded()
    }

    func inputEnded() -> Bool {
        flushing.readEnded()
        if machine.disposition == .tunnel { return false }
        isInputEnded = true
        useInbound()
        guard socket.isOpen else { return false }
        if machine.disposition == .discard { return socket.hasOutput }
        probeHalfClosed()
        flushIfNeeded()
        return true
    }

    func becameWritable() { link.connection?.resumeReading() }

    func written() { carryOut(machine.outputWritten()) }

    func closed(isBroken: Bool) {
        loop.remove(self)
        carryOut(machine.clientClosed())
        // A refusal that could not be written any more leaves its exchange here.
        if exchange != nil { endExchange(.clientClosed, .close) }
        onClose()
    }
}

// MARK: - Upstream

extension ClientConnection: UpstreamHolder {
    var isWritable: Bool { socket.isWritable }

    func resumeReading() { socket.resumeReading() }
}
