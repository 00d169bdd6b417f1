internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// The response, passed on as it comes.
extension ClientConnection {
    func upstreamBytesReceived(_ received: ByteBuffer) {
        machine.answerBegan()
        zeroSpentHead()
        relay(received)
        guard link.connection == nil else { return }
        // The upstream connection is released, so no event will report the end of this read.
        useInbound()
        flushIfNeeded()
    }

    func upstreamReadCompleted() {
        writeMessages()
        endStreamIfDue(wall: nil)
        flushIfNeeded()
    }

    private func relay(_ received: ByteBuffer) {
        if machine.disposition == .tunnel {
            exchange?.sent(received.readableBytes)
            beginWait()
            return write(received)
        }
        var received = received
        response.join(&received)
        if response.hasHead { relayBody(&received) } else { relayHead(&received) }
    }

    // MARK: - Head

    private func relayHead(_ received: inout ByteBuffer) {
        var isReflecting = false
        while let exchange {
            switch response.parseHead(received, answersHEAD: exchange.isHead) {
            case .incomplete: return response.keep(received)
            case .refused: return carryOut(machine.upstreamFailed(.upstreamMalformed))
            case .complete:
                let head = response.head
                if !isReflecting, let secrets = exchange.secrets,
                    let clean = ReflectPhase.cleaned(received, head: head.length, of: secrets)
                {
                    // What is left of it is read once more.
                    received = clean
                    isReflecting = true
                    continue
                }
                if !isReflecting, exchange.secrets != nil, exchange.route?.route.reflection == .block,
                    ReflectPhase.waitsForBody(head, received)
                {
                    return response.keep(received)
                }
                guard head.isInterim else { return begin(head, &received, exchange, isReflecting: isReflecting) }
                if isReflecting {
                    if exchange.route?.route.reflection == .block {
                        return carryOut(machine.upstreamFailed(.secretReflected))
                    }
                    note(reflectionIn: exchange)
                    isReflecting = false
                }
                if exchange.version == .http11 {
                    var bytes = ByteBuffer()
                    write(head, of: received, framing: .none, persistence: .implied, exchange, into: &bytes)
                    write(bytes)
                }
                received.moveReaderIndex(forwardBy: head.length)
            }
        }
    }

    /// - Parameter isReflecting: whether a secret stood in the head.
    private func begin(
        _ head: ResponseHead,
        _ received: inout ByteBuffer,
        _ exchange: Exchange,
        isReflecting: Bool
    ) {
        guard let route = exchange.route else { return }
        exchange.upstream.answered = loop.eventLoop.now
        exchange.upstream.status = head.status
        let plan = AnswerPlan(head, received, exchange, route, loop.gate.callers.tags)
        var reflected = ReflectPhase.Result(isReflecting: isReflecting)
        if plan.refusal == nil, let secrets = exchange.secrets {
            let hasBody = !plan.withholdsBody
            reflected = ReflectPhase.look(at: head, &received, for: secrets, route.route.reflection, reflected, hasBody)
        }
        if !AnswerPlan.isOfSession(head.status, exchange) { loop.upstreamAnswered(route, status: head.status) }
        let rejected = head.status == 401 ? exchange.renewed : nil
        let action = machine.responseHeadReceived(
            reusesUpstream: head.isKeepAlive && head.framing != .untilClose,
            isUpgrade: head.isUpgrade,
            refusal: plan.refusal ?? reflected.refusal,
            rejectsToken: rejected != nil
        )
        switch action {
        case .awaitToken: return carryOut(action)
        case .refuse:
            if let rejected { loop.renewal(rejected.name, rejected.owner, rejected.version) {} }
            return carryOut(action)
        case _: break
        }
        response.begin(
            head,
            plan,
            guarded: reflected.isOpen ? exchange.secrets.map { ($0, route.route.reflection) } : nil,
            hasBody: received.readableBytes > head.length,
            to: exchange.version,
            at: loop.eventLoop.now
        )
        exchange.answer.status = head.status
        if head.status >= 500 {
            // Passed on as it is, and a failure all the same.
            exchange.answer.refusal = .upstreamError
            loop.count(.upstreamError, exchange)
        }
        if reflected.isReflecting { note(reflectionIn: exchange) }
        // The part of a small body that has arrived is written together with the head.
        let joined = min(received.readableBytes - head.length, ForwardPhase.joinedBody)
        var bytes = loop.answerHeads.take(
            capacity: route.responseRewrite.bound(head, publicAuthorityCount: exchange.authority.count) + joined
                + SessionTags.length
        )
        write(
            head,
            of: received,
            framing: response.clientFraming,
            persistence: persistence(closes: response.mustClose || machine.responseCloses, exchange),
            sessionTag: plan.sessionTag,
            exchange,
            into: &bytes
        )
        received.moveReaderIndex(forwardBy: head.length)
        if head.isUpgrade { return beginTunnel(action, &received, behind: &bytes, exchange) }
        // The edge holds an event stream's head back until its first body byte.
        if received.readableBytes == 0, response.isAtBoundary {
            var comment = response.openingComment()
            bytes.writeBuffer(&comment)
        }
        beginWait()
        if received.readableBytes > 0, received.readableBytes <= ForwardPhase.joinedBody {
            relayBody(&received, behind: &bytes)
        } else {
            write(bytes)
            if response.isComplete { completeResponse(&received) } else { relayBody(&received) }
        }
        if response.isEventStream {
            inbound.releaseHead()
            response.releaseHead()
        }
        if plan.withholdsBody, self.exchange === exchange { endWithheld() }
    }

    private func beginTunnel(
        _ action: ExchangeAction,
        _ received: inout ByteBuffer,
        behind bytes: inout ByteBuffer,
        _ exchange: Exchange
    ) {
        exchange.sent(received.readableBytes)
        bytes.writeBuffer(&received)
        write(bytes)
        carryOut(action)
        useInbound()
    }

    /// The client has all that it gets. An upstream that still sends is not waited for: its connection closes.
    private func endWithheld() {
        link.takeConnection()?.close()
        carryOut(machine.responseCompleted(mustClose: false))
    }

    private func write(
        _ head: ResponseHead,
        of received: ByteBuffer,
        framing: BodyFraming,
        persistence: ResponseRewrite.Persistence,
        sessionTag: ArraySlice<UInt8> = [],
        _ exchange: Exchange,
        into bytes: inout ByteBuffer
    ) {
        guard let rewrite = exchange.route?.responseRewrite else { return }
        let extra = exchange.crossOrigin?.lines ?? []
        exchange.authority.withUnsafeBytes { authority in
            _ = bytes.writeWithUnsafeMutableBytes(
                minimumWritableBytes: rewrite.bound(
                    head,
                    publicAuthorityCount: authority.count,
                    extraCount: extra.count + sessionTag.count
                )
            ) { output in
                rewrite.write(
                    head,
                    bytes: received.readableBytesUInt8Span,
                    framing: framing,
                    persistence: persistence,
                    requestID: exchange.id,
                    extra: extra,
                    publicAuthority: authority,
                    sessionTag: sessionTag,
                    into: output
                )
            }
        }
    }

    /// How a response of any kind says whether its connection goes on.
    func persistence(closes: Bool, _ exchange: Exchange) -> ResponseRewrite.Persistence {
        closes ? .close : exchange.version == .http10 ? .keepAlive : .implied
    }

    // MARK: - Body

    private func relayBody(_ received: inout ByteBuffer) {
        var nothing = ByteBuffer()
        relayBody(&received, behind: &nothing)
    }

    /// - Parameter leading: a head that the first of the body joins; empty afterwards. `inout`, because a second reference to its bytes
    ///   would have them copied.
    private func relayBody(_ received: inout ByteBuffer, behind leading: inout ByteBuffer) {
        response.stream?.passed(at: loop.eventLoop.now)
        beginWait()
        let exchange = exchange
        relay: while true {
            let step = response.takePart(of: &received, exchange)
            if let endpoint = exchange?.answer.stream.endpoint { note(endpoint, in: exchange) }
            if let exchange, exchange.answer.isReflecting { note(reflectionIn: exchange) }
            if let exchange, exchange.pins != nil { noteTools(of: exchange) }
            switch step {
            case .part(var part), .trailers(var part):
                exchange?.sent(part.readableBytes)
                if leading.readableBytes > 0 {
                    leading.writeBuffer(&part)
                    loop.answerHeads.keep(leading)
                    write(leading)
                    leading = ByteBuffer()
                } else if part.readableBytes > 0 {
                    write(part)
                }
            case .more: break relay
            case .refused(let reason):
                write(leading)
                return carryOut(machine.upstreamFailed(reason))
            }
        }
        write(leading)
        if response.isComplete { completeResponse(&received) } else { response.keep(received) }
    }

    private func completeResponse(_ received: inout ByteBuffer) {
        // Bytes after the end of a response belong to no request: such a connection serves no other.
        if received.readableBytes > 0 { link.takeConnection()?.close() }
        endResponse()
    }

    /// The upstream's answer is whole.
    func endResponse() {
        let step = response.takeEnd(exchange)
        if let exchange, exchange.answer.isReflecting { note(reflectionIn: exchange) }
        if let exchange, exchange.pins != nil { noteTools(of: exchange) }
        switch step {
        case .part(let end), .trailers(let end): write(end)
        case .more: break
        case .refused(let reason): return carryOut(machine.upstreamFailed(reason))
        }
        carryOut(machine.responseCompleted(mustClose: response.mustClose))
    }

    /// Hands on what the answer has said of the tools of a route that pins them.
    private func noteTools(of exchange: Exchange) {
        guard let reader = response.reader, let route = exchange.route?.route else { return }
        let news = reader.takeNews()
        let hasChanged = reader.takeChangeOfTools()
        if hasChanged || !news.isEmpty { loop.onTools(route, news, hasChanged) }
    }

    /// An answer, or a part of it, holds a secret: counted once for each exchange.
    private func note(reflectionIn exchange: Exchange) {
        exchange.answer.isReflecting = false
        guard exchange.answer.refusal != .secretReflected else { return }
        exchange.answer.refusal = .secretReflected
        loop.count(.secretReflected, exchange)
    }
}
