internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// The handler of one client connection: translates what its socket tells into events of the exchange machine, and its actions into
/// effects. The steps of a request's walk are the extensions beside this file, in the order of the machine's actions.
final class ClientConnection {
    let socket: StreamSocket
    let loop: ProxyLoop
    /// Tells the listener that a place is free.
    private let onClose: () -> Void
    var machine = ExchangeMachine()
    var parser = RequestHeadParser()
    /// Whether a whole head stands at the start of `inbound`: from its last byte until it is forwarded or refused.
    var hasHead = false
    var requestBody = BodyRelay.none
    /// A chunked body that the gate waits for.
    var gathered: GatheredBody?
    /// Bytes of `inbound` that count as held by the loop.
    var held = 0
    /// When the body that the gate waits for was asked for.
    var gatheringSince = MonotonicTime.now()
    var response = ResponseRelay()
    var exchange: Exchange?
    var upstream: UpstreamConnection?
    /// What was sent upstream so far, kept while it may have to be sent again over another connection.
    var replay: Sent?
    var refusals = RefusalPace()
    /// Asked for when a request does not say whom it is forwarded for.
    private(set) lazy var peer = PeerName(socket.peerAddress)
    /// Received and not yet used; a head that is being decided on stays here.
    var inbound = ByteBuffer()
    /// Whether the memory of `inbound` is its own, and not the one that all sockets of the loop receive into.
    var ownsInbound = false
    /// Whether bytes of a head have come that is not whole yet.
    var isHeadBegun = false
    /// The position in the loop's list of connections.
    var position = 0
    private var isReading = false
    private var needsFlush = false
    /// Whether the connection is closed in halves once all is written.
    private var lingers = false
    /// The client has ended its side: what came before is served, and then the connection closes.
    private var isInputEnded = false
    /// Whether a request has come since the connection was accepted.
    private var isUsed = false
    /// When the present wait is over; nil while there is no limit.
    var deadline: MonotonicTime?

    /// Bytes that may wait while a request is being decided on; beyond it reading pauses.
    static let heldBytes = 64 << 10
    /// How long a decision may wait for a key refresh (5 s at most) or for the audit's disk (250 ms at most).
    static let decisionTimeout: TimeSpan = .seconds(6)
    /// How long an idle connection on which a request may be under way is kept in a drain. Its answer says that the connection closes.
    static let drainGrace: TimeSpan = .seconds(1)
    /// The same while another instance takes new connections: busy clients use each of theirs once more by then.
    static let handOverGrace: TimeSpan = .seconds(5)
    /// How long a closed side is listened to, so that our last answer is not overtaken by a reset.
    static let lingerTimeout: TimeSpan = .seconds(2)

    init(_ socket: StreamSocket, loop: ProxyLoop, onClose: @escaping () -> Void) {
        self.socket = socket
        self.loop = loop
        self.onClose = onClose
    }

    var isIdle: Bool { machine.isIdle }
    var isWritable: Bool { socket.isWritable }

    /// The connection was accepted.
    func begin() {
        socket.handler = self
        loop.add(self)
        wait(atMost: loop.snapshot.waits.head)
        // Accepted before the listener closed, set up after the others were told.
        if loop.isDraining { drainBegan() }
    }

    func noteRequest() { isUsed = true }

    /// The upstream takes bytes again, or the machine moved on.
    func resumeReading() { socket.resumeReading() }

    // MARK: - Loop events

    func drainBegan() {
        if machine.isIdle {
            // Closed now, the connection would lose a request that is under way to us, which no client may safely send again.
            let mayBring = !isUsed || isHeadBegun || inbound.readableBytes > 0 || socket.hasUnread
            carryOut(machine.drainBegan(keepsIdle: loop.handsOver || mayBring))
            if machine.isIdle { hasten(loop.handsOver ? Self.handOverGrace : Self.drainGrace) }
        } else {
            carryOut(machine.drainBegan())
        }
        endStreamIfDue(wall: nil)
        flushIfNeeded()
    }

    func closeNow() {
        carryOut(machine.graceEnded())
    }

    /// Called a few times a second: deadlines, silence, expiry.
    func sweep(now: MonotonicTime, wall: Timestamp) {
        if let deadline, now >= deadline {
            self.deadline = nil
            carryOut(machine.deadlinePassed())
        } else {
            tellWaiting()
            endStreamIfDue(wall: wall)
            breakSilence(now: now)
        }
        useInbound()
        flushIfNeeded()
    }

    /// Limits the present wait. Nil means no limit.
    func wait(atMost limit: TimeSpan?) {
        deadline = limit.map { loop.eventLoop.now + $0 }
    }

    /// Lets the present wait take no longer than this.
    private func hasten(_ limit: TimeSpan) {
        let end = loop.eventLoop.now + limit
        if deadline.map({ end < $0 }) ?? true { deadline = end }
    }

    // MARK: - Writing

    func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0 else { return }
        socket.write(bytes)
        needsFlush = true
    }

    func flushIfNeeded() {
        guard needsFlush, !isReading else { return }
        needsFlush = false
        socket.flush()
    }

    /// Closes once everything written has left, within the time that a stalled body has.
    ///
    /// - Parameter lingers: whether only our side is shut at first.
    func closeAfterWriting(lingers: Bool) {
        guard socket.isOpen else { return }
        wait(atMost: loop.snapshot.waits.body)
        self.lingers = lingers
        needsFlush = false
        socket.tellWhenWritten()
        resumeReading()
    }

    // MARK: - Carrying out

    /// Carries out an action and those that follow from it at once.
    func carryOut(_ first: ExchangeAction) {
        var action = first
        while true {
            switch action {
            case .wait: return
            case .route: action = route()
            case .seekPublicAnswer: action = seekPublicAnswer()
            case .authenticate: action = authenticate()
            case .awaitKeys: return awaitKeys()
            case .authorize: action = authorize()
            case .gate: action = gate()
            case .gatherBody: return gatherBody()
            case .provideToken: action = provideToken()
            case .recordDecision: action = recordDecision()
            case .awaitRecord(let ticket): return awaitRecord(ticket)
            case .connect(let again): action = connect(again: again)
            case .forwardRequest: action = forwardRequest()
            case .answerPublicly(let close): action = answerPublicly(close: close)
            case .refuse(let reason, let close): action = refuse(reason, close: close)
            case .tunnel: return
            case .abort(let ending): return abort(ending)
            case .finish(let fate): return finish(fate)
            case .finishAndClose(let fate, let lingers):
                recordOutcome(.complete)
                letGo(of: fate)
                return closeAfterWriting(lingers: lingers)
            case .close: return closeAfterWriting(lingers: false)
            case .cut:
                return socket.close()
            case .linger: return closeAfterWriting(lingers: true)
            }
        }
    }

    /// Uses received bytes for as long as the machine has a use for them.
    func useInbound() {
        use: while inbound.readableBytes > 0 {
            switch machine.disposition {
            case .head: guard readHead() else { break use }
            case .gatherBody: guard gatherMore() else { break use }
            case .forwardBody: guard forwardBody() else { break use }
            case .dropBody: guard dropBody() else { break use }
            case .tunnel: tunnelInbound()
            case .discard: inbound = ByteBuffer()
            case .hold: break use
            }
        }
        if isInputEnded { endWithInput() }
        resumeReading()
    }

    /// Nothing follows what has come: a state that waits for more waits in vain.
    private func endWithInput() {
        switch machine.disposition {
        case .hold: break
        case .head, .gatherBody, .forwardBody, .dropBody, .tunnel, .discard: carryOut(machine.inputExhausted())
        }
    }

    /// Finds out whether the client has gone as a whole, which its kernel then answers with a reset: an answer that nobody waits for is
    /// not to be made (the closed connection is how MCP of 2026-07-28 cancels a request). An interim response means nothing to a client
    /// that waits (RFC 9110 section 15.2), nor a comment to one that reads events.
    private func probeHalfClosed() {
        guard let exchange else { return }
        if !response.hasHead {
            if exchange.version == .http11 { write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")) }
        } else if response.isAtBoundary {
            write(response.framed(Self.comment))
        }
    }
}

// MARK: - Socket events

extension ClientConnection: StreamSocketHandler {
    /// Back-pressure: what cannot be passed on is not read.
    var mayRead: Bool {
        switch machine.disposition {
        case .hold: inbound.readableBytes < Self.heldBytes
        case .forwardBody, .tunnel: upstream?.isWritable ?? true
        // Bounded by the route's limit, at which the body is whole or refused.
        case .head, .gatherBody, .dropBody, .discard: true
        }
    }

    func received(_ bytes: ByteBuffer) {
        isReading = true
        if inbound.readableBytes == 0 {
            inbound = bytes
            ownsInbound = false
        } else {
            inbound.writeImmutableBuffer(bytes)
        }
        useInbound()
        if inbound.readableBytes == 0 {
            inbound = ByteBuffer()
        } else if !ownsInbound {
            inbound = ByteBuffer(bytes: inbound.readableBytesView)
            ownsInbound = true
        }
    }

    func readCompleted() {
        isReading = false
        flushIfNeeded()
    }

    func inputEnded() -> Bool {
        isReading = false
        if machine.disposition == .tunnel { return false }
        isInputEnded = true
        useInbound()
        guard socket.isOpen else { return false }
        if machine.disposition == .discard { return socket.hasOutput }
        probeHalfClosed()
        flushIfNeeded()
        return true
    }

    func becameWritable() { upstream?.resumeReading() }

    func written() {
        // Who has ended its side sends nothing that a reset could answer.
        if lingers, !isInputEnded {
            wait(atMost: Self.lingerTimeout)
            socket.shutOutput()
        } else {
            socket.close()
        }
    }

    func closed(isBroken: Bool) {
        loop.remove(self)
        carryOut(machine.clientClosed())
        // A refusal that could not be written any more leaves its exchange here.
        if exchange != nil {
            recordOutcome(.clientClosed)
            letGo(of: .close)
        }
        onClose()
    }
}
