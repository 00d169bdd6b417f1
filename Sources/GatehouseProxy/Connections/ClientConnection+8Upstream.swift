internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// Step 8: the upstream connection, the rewritten head, and the body as it comes.
extension ClientConnection {
    /// Body bytes that ride behind a head in one write; more of them go as they are.
    static let joinedBody = 16 << 10

    /// The first bytes of a request: its head with what rides behind it, and what is too long for that.
    struct Sent {
        var head: ByteBuffer
        var body = ByteBuffer()
    }

    func connect(again: Bool) -> ExchangeAction {
        guard let exchange, let route = exchange.route else { preconditionFailure("an allowed request has a route") }
        // The connector has a limit of its own, so the sweep leaves this wait alone.
        deadline = nil
        exchange.upstreamStarted = .now()
        let pool = loop.pool(at: route.upstream, of: exchange.snapshot)
        if !again, let idle = pool.take() {
            upstream = idle
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
                upstream = connection
                carryOut(machine.connected())
            case .success:
                // One that closed before it could be used would never tell its holder.
                exchange.connectFailure = "it closed the connection at once"
                carryOut(machine.connectFailed())
            case .failure(let error):
                exchange.connectFailure = "\(error)"
                carryOut(machine.connectFailed())
            }
            useInbound()
            flushIfNeeded()
        }
        return .wait
    }

    func forwardRequest() -> ExchangeAction {
        guard let exchange, let route = exchange.route, let injected = exchange.injected, let upstream
        else {
            preconditionFailure("an allowed request has its route, its fields and a connection")
        }
        upstream.begin(for: self)
        response.reset()
        if let replay {
            self.replay = nil
            setForwardingDeadline()
            send(replay, over: upstream)
            return .wait
        }
        let head = parser.head
        let source = inbound
        let bound = route.rewrite.bound(head, injectedCount: injected.count)
        let joined = min(inbound.readableBytes - head.length, Self.joinedBody)
        var sent = Sent(head: loop.requestHeads.take(capacity: bound + joined))
        injected.withUnsafeBytes { lines in
            _ = sent.head.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { output in
                route.rewrite.write(
                    head,
                    bytes: source.readableBytesUInt8Span,
                    prefixLength: exchange.prefix,
                    injectedLines: lines,
                    requestID: exchange.id,
                    untagging: untagging(exchange, head),
                    into: output
                )
            }
        }
        // A route for any host is public under the name that was asked for.
        exchange.authority =
            route.authority.isEmpty ? withHeadBytes(head.authority) { Array($0) } : route.authority
        inbound.moveReaderIndex(forwardBy: head.length)
        hasHead = false
        var splice = SplicedBody(exchange.call, exchange.owned.cuts)
        exchange.call = nil
        func put(_ part: ByteBuffer) {
            var part = part
            if sent.body.readableBytes > 0 {
                sent.body.writeBuffer(&part)
            } else if sent.head.readableBytes + part.readableBytes <= bound + Self.joinedBody {
                sent.head.writeBuffer(&part)
            } else {
                sent.body = part
            }
        }
        let refusal = takeBody { part in
            if splice == nil { put(part) } else { splice?.pass(part, put) }
        }
        splice?.finish(put)
        if let refusal { return machine.requestBodyRefused(refusal) }
        let action = requestBody.isComplete && !machine.isRequestComplete ? machine.requestCompleted() : .wait
        setForwardingDeadline()
        loop.requestHeads.keep(sent.head)
        send(sent, over: upstream)
        return action
    }

    /// The tags of what belongs to the caller, which the upstream does not know.
    private func untagging(_ exchange: Exchange, _ head: RequestHead) -> RequestRewrite.Untagging {
        var untagging = RequestRewrite.Untagging()
        if exchange.session != nil {
            untagging.field = head.has(.mcpSessionID) ? SessionTags.length : 0
            untagging.query = exchange.queryTag
            untagging.path = exchange.pathTag
        }
        untagging.event = exchange.owned.event
        untagging.name = exchange.owned.name
        if case .length(let length) = head.framing, !exchange.owned.cuts.isEmpty {
            untagging.contentLength = length - exchange.owned.cuts.length
        }
        return untagging
    }

    /// Sends the request's first bytes. A reused connection may have been closed by the upstream already, so they are kept to be
    /// sent again: the machine decides.
    private func send(_ bytes: Sent, over upstream: UpstreamConnection) {
        if machine.mayDeliverAgain { replay = bytes }
        let sent = upstream.socket.sentBytes
        upstream.write(bytes.head)
        upstream.write(bytes.body)
        if !upstream.flush(), upstream.socket.sentBytes == sent { machine.sendingFailed() }
    }

    /// - Returns: whether more of what was received can be used.
    func forwardBody() -> Bool {
        guard let upstream else { return false }
        deliveryBegan()
        let before = inbound.readableBytes
        let refusal = takeBody { upstream.write($0) }
        let isProgress = inbound.readableBytes < before
        // The sweep comes by here too: what has stood here before gives no more time.
        if isProgress { setForwardingDeadline() }
        if let refusal {
            carryOut(machine.requestBodyRefused(refusal))
        } else if requestBody.isComplete {
            carryOut(machine.requestCompleted())
        }
        upstream.flush()
        return isProgress
    }

    /// Takes what has come of the body, part by part.
    ///
    /// - Returns: why the body is refused, nil while it is well.
    private func takeBody(_ part: (ByteBuffer) -> Void) -> Reason? {
        guard let limit = exchange?.route?.route.limits.body else { return nil }
        while true {
            switch requestBody.take(from: &inbound) {
            case .part(let bytes):
                exchange?.bytesIn += Int64(bytes.readableBytes)
                if requestBody.payloadBytes > limit { return .bodyTooLarge }
                part(bytes)
            case .more: return nil
            case .refused(let reason): return reason
            }
        }
    }

    /// - Returns: whether more of what was received can be used.
    func dropBody() -> Bool {
        let before = inbound.readableBytes
        switch requestBody.take(from: &inbound) {
        case .refused(let reason): carryOut(machine.requestBodyRefused(reason))
        case .part(let bytes): carryOut(machine.bodyDropped(bytes.readableBytes))
        case .more: break
        }
        if requestBody.isComplete, machine.disposition == .dropBody {
            wait(atMost: loop.snapshot.waits.keepAlive)
            carryOut(machine.requestCompleted())
        }
        return inbound.readableBytes < before
    }

    /// What was kept to be sent again is not needed any more.
    func deliveryBegan() {
        replay = nil
        machine.deliveryBegan()
    }

    private func setForwardingDeadline() {
        guard let exchange, let waits = exchange.route?.waits else { return }
        if response.hasHead { return wait(atMost: waits.idle) }
        wait(atMost: requestBody.isComplete ? waits.response : exchange.snapshot.waits.body)
    }

    /// The upstream connection closed, whether or not it owed us something.
    func upstreamClosed(_ connection: UpstreamConnection) {
        guard connection === upstream else { return }
        upstream = nil
        if response.endsWithConnection, !connection.isBroken {
            endResponse()
            carryOut(machine.responseCompleted(mustClose: response.mustClose))
        } else {
            carryOut(machine.upstreamClosed())
        }
        useInbound()
        flushIfNeeded()
    }
}
