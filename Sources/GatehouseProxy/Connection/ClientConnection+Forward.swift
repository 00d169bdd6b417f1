internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// The upstream connection, the rewritten head, and the body as it comes.
extension ClientConnection {
    func connect(again: Bool) -> ExchangeAction {
        guard let exchange, let route = exchange.route else { preconditionFailure("an allowed request has a route") }
        exchange.upstream.started = .now()
        let pool = loop.pool(at: route.upstream, of: exchange.snapshot)
        if !again, let idle = pool.take() {
            link.connected(idle)
            return machine.connected(isReused: true)
        }
        loop.connector.connect(to: pool.upstream, within: route.waits.connect, on: loop.eventLoop) {
            [self] result in
            if case .success(let connection) = result { connection.pool = pool }
            guard self.exchange?.id == exchange.id, machine.isConnecting else {
                if case .success(let late) = result { pool.put(late) }
                return
            }
            switch result {
            case .success(let connection) where connection.isOpen:
                link.connected(connection)
                carryOut(machine.connected())
            case .success:
                // One that closed before it could be used would never notify its holder.
                exchange.upstream.connectFailure = "it closed the connection at once"
                carryOut(machine.connectFailed())
            case .failure(let error):
                exchange.upstream.connectFailure = "\(error)"
                carryOut(machine.connectFailed())
            }
            useInbound()
            flushIfNeeded()
        }
        return .wait
    }

    func forwardRequest() -> ExchangeAction {
        guard let exchange, let route = exchange.route, let injected = exchange.injected,
            let upstream = link.connection
        else {
            preconditionFailure("an allowed request has its route, its fields and a connection")
        }
        upstream.begin(for: self)
        response.reset()
        if let opening = link.takeOpening() {
            send(opening, over: upstream)
            return .wait
        }
        let phase = ForwardPhase(exchange: exchange, route: route, injected: injected)
        let bound = phase.bound(inbound)
        let joined = min(inbound.count - inbound.head.length, ForwardPhase.joinedBody)
        var opening = OpeningBytes(
            head: loop.requestHeads.take(capacity: bound + joined),
            bound: bound + ForwardPhase.joinedBody
        )
        phase.writeHead(inbound, bound: bound, into: &opening)
        exchange.authority = phase.authority(inbound)
        inbound.passHead()
        var splice = SplicedBody(exchange.call.received, exchange.call.owned.cuts)
        exchange.call.received = nil
        let refusal = takeBody { part in
            if splice == nil { opening.put(part) } else { splice?.pass(part) { opening.put($0) } }
        }
        splice?.finish { opening.put($0) }
        if let refusal { return machine.requestBodyRefused(refusal) }
        let action = body.isComplete && !machine.isRequestComplete ? machine.requestCompleted() : .wait
        send(opening, over: upstream)
        return action
    }

    private func send(_ opening: OpeningBytes, over upstream: UpstreamConnection) {
        let sent = upstream.socket.sentBytes
        upstream.write(opening.head)
        upstream.write(opening.body)
        if !upstream.flush(), upstream.socket.sentBytes == sent { machine.sendingFailed() }
        link.keep(opening)
        zeroSpentHead()
    }

    /// Zeroes the head that began the request, and has its memory serve another.
    func zeroSpentHead() {
        guard !machine.keepsOpening, let head = link.takeSpentHead() else { return }
        loop.requestHeads.keepZeroed(head)
    }

    /// - Returns: whether more of what was received can be used.
    func forwardBody() -> Bool {
        guard let upstream = link.connection else { return false }
        machine.bodyPassed()
        zeroSpentHead()
        let before = inbound.count
        let refusal = takeBody { upstream.write($0) }
        let isProgress = inbound.count < before
        // The sweep comes by here too: what has stood here before gives no more time.
        if isProgress { beginWait() }
        if let refusal {
            carryOut(machine.requestBodyRefused(refusal))
        } else if body.isComplete {
            carryOut(machine.requestCompleted())
        }
        upstream.flush()
        return isProgress
    }

    /// Takes what has come of the body, part by part.
    ///
    /// - Returns: why the body is refused, nil while it is well.
    private func takeBody(_ part: (ByteBuffer) -> Void) -> Reason? {
        guard let exchange, let route = exchange.route?.route else { return nil }
        while true {
            switch inbound.take(&body) {
            case .part(let bytes), .trailers(let bytes):
                exchange.received(bytes.readableBytes)
                if body.relay.payloadBytes > route.limits.body { return .bodyTooLarge }
                part(bytes)
                if route.upstream.isConnectPage { body.passedForm(bytes) }
            case .more: return nil
            case .refused(let reason): return reason
            }
        }
    }

    /// - Returns: whether more of what was received can be used.
    func dropBody() -> Bool {
        let before = inbound.count
        switch inbound.take(&body) {
        case .refused(let reason): carryOut(machine.requestBodyRefused(reason))
        case .part(let bytes), .trailers(let bytes): carryOut(machine.bodyDropped(bytes.readableBytes))
        case .more: break
        }
        if body.isComplete, machine.disposition == .dropBody { carryOut(machine.requestCompleted()) }
        return inbound.count < before
    }

    func tunnelInbound() {
        guard let upstream = link.connection else { return inbound.clear() }
        let bytes = inbound.takeAll()
        exchange?.received(bytes.readableBytes)
        beginWait()
        upstream.write(bytes)
        upstream.flush()
    }

    /// The upstream connection closed, whether or not it owed us something.
    func upstreamClosed(_ connection: UpstreamConnection) {
        guard connection === link.connection else { return }
        _ = link.takeConnection()
        if response.endsWithConnection, !connection.isBroken {
            endResponse()
        } else {
            carryOut(machine.upstreamClosed())
        }
        useInbound()
        flushIfNeeded()
    }
}
