internal import GatehouseCore
internal import NIOCore

/// The handler of one client connection: translates channel events into events of the exchange machine, and its actions into
/// effects. The steps of a request's walk are the extensions beside this file, in the order of the machine's actions.
final class ClientConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

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
    var response = ResponseRelay()
    var exchange: Exchange?
    var upstream: UpstreamConnection?
    /// What was sent upstream so far, kept while it may have to be sent again over another connection.
    var replay: ByteBuffer?
    /// Whether the first bytes of a request are being written right now.
    var isSendingFirst = false
    /// Received and not yet used; a head that is being decided on stays here.
    var inbound = ByteBuffer()
    /// Whether bytes of a head have come that is not whole yet.
    var isHeadBegun = false
    private(set) var context: ChannelHandlerContext?
    /// The position in the loop's list of connections.
    var position = 0
    private var isReadHeld = false
    private var isReading = false
    private var needsFlush = false
    /// When the present wait is over; nil while there is no limit.
    var deadline: NIODeadline?

    /// Bytes that may wait while a request is being decided on; beyond it reading pauses.
    static let heldBytes = 64 << 10
    /// How long a decision may wait for a key refresh (5 s at most) or for the audit's disk (250 ms at most).
    static let decisionTimeout: Duration = .seconds(6)
    /// How long a closed side is listened to, so that our last answer is not overtaken by a reset.
    static let lingerTimeout: Duration = .seconds(2)

    init(loop: ProxyLoop, onClose: @escaping () -> Void) {
        self.loop = loop
        self.onClose = onClose
    }

    var isIdle: Bool { machine.isIdle }
    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: - Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
        wait(atMost: loop.snapshot.limits.headTimeout)
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        // Accepted before the listener closed, set up after the others were told.
        if loop.isDraining { drainBegan() }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        var bytes = unwrapInboundIn(data)
        if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
        useInbound()
        // Held any longer, the loop could not read into the same memory again.
        if inbound.readableBytes == 0 { inbound = ByteBuffer() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flushIfNeeded()
    }

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { isReadHeld = true }
    }

    /// Back-pressure: what cannot be passed on is not read.
    private var mayRead: Bool {
        switch machine.disposition {
        case .hold: inbound.readableBytes < Self.heldBytes
        case .forwardBody, .tunnel: upstream?.isWritable ?? true
        // Bounded by the route's limit, at which the body is whole or refused.
        case .head, .gatherBody, .dropBody, .discard: true
        }
    }

    /// The upstream takes bytes again, or the machine moved on.
    func resumeReading() {
        guard isReadHeld, mayRead else { return }
        isReadHeld = false
        context?.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { upstream?.resumeReading() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        loop.remove(self)
        carryOut(machine.clientClosed())
        onClose()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    // MARK: - Loop events

    func drainBegan() {
        carryOut(machine.drainBegan())
        endStreamIfDue(wall: nil)
        flushIfNeeded()
    }

    func closeNow() {
        carryOut(machine.graceEnded())
    }

    /// Called a few times a second: deadlines, silence, expiry.
    func sweep(now: NIODeadline, wall: Timestamp) {
        if let deadline, now >= deadline {
            self.deadline = nil
            carryOut(machine.deadlinePassed())
        } else {
            endStreamIfDue(wall: wall)
            breakSilence(now: now)
        }
        useInbound()
        flushIfNeeded()
    }

    /// Limits the present wait. Zero means no limit.
    func wait(atMost limit: Duration) {
        deadline = limit > .zero ? .now() + .microseconds(limit.microseconds) : nil
    }

    // MARK: - Writing

    func write(_ bytes: ByteBuffer) {
        guard let context else { return }
        context.write(wrapOutboundOut(bytes), promise: nil)
        needsFlush = true
    }

    func flushIfNeeded() {
        guard needsFlush, !isReading else { return }
        needsFlush = false
        context?.flush()
    }

    /// Closes once everything written has left, within the time that a stalled body has.
    ///
    /// - Parameter lingers: whether only our side is shut at first.
    func closeAfterWriting(lingers: Bool) {
        guard let context else { return }
        wait(atMost: loop.snapshot.limits.bodyTimeout)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] _ in
            guard let context = self.context else { return }
            if lingers {
                wait(atMost: Self.lingerTimeout)
                context.close(mode: .output, promise: nil)
            } else {
                context.close(promise: nil)
            }
        }
        needsFlush = false
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
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
            case .authenticate: action = authenticate()
            case .awaitKeys: return awaitKeys()
            case .authorize: action = authorize()
            case .gate: action = gate()
            case .gatherBody: return gatherBody()
            case .provideToken: action = provideToken()
            case .recordDecision: action = recordDecision()
            case .awaitRecord: return awaitRecord()
            case .connect: action = connect()
            case .forwardRequest: action = forwardRequest()
            case .answerOpenly(let close): action = answerOpenly(close: close)
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
                context?.close(promise: nil)
                return
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
            case .discard: inbound.clear()
            case .hold: break use
            }
        }
        resumeReading()
    }
}
