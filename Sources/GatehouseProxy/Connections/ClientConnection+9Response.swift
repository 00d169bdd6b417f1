internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// Step 9: the response, passed on as it comes.
extension ClientConnection {
    func upstreamBytesReceived(_ received: ByteBuffer) {
        deliveryBegan()
        relay(received)
        guard upstream == nil else { return }
        // The upstream is no longer ours, so the end of this read will not be told.
        useInbound()
        flushIfNeeded()
    }

    private func relay(_ received: ByteBuffer) {
        var received = received
        if machine.disposition == .tunnel {
            exchange?.bytesOut += Int64(received.readableBytes)
            limitSilence()
            return write(received)
        }
        if response.pending.readableBytes > 0 {
            response.pending.writeBuffer(&received)
            swap(&response.pending, &received)
            response.pending = ByteBuffer()
        }
        if !response.hasHead {
            guard relayHead(&received) else { return }
        }
        relayBody(&received)
    }

    /// Every byte, whichever way it goes, starts the wait for the next anew.
    func limitSilence() {
        if let idle = exchange?.route?.waits.idle { wait(atMost: idle) }
    }

    func upstreamReadCompleted() {
        tellWaiting()
        endStreamIfDue(wall: nil)
        flushIfNeeded()
    }

    // MARK: - Head

    /// - Returns: whether the head is done and what is left of `received` belongs to the body.
    private func relayHead(_ received: inout ByteBuffer) -> Bool {
        while let exchange {
            switch response.parser.parse(received.readableBytesUInt8Span, answersHEAD: exchange.isHead) {
            case .incomplete:
                keep(received)
                return false
            case .refused:
                carryOut(machine.upstreamFailed(.upstreamMalformed))
                return false
            case .complete:
                let head = response.parser.head
                guard head.isInterim else { return begin(head, &received) }
                if exchange.version == .http11 {
                    var bytes = ByteBuffer()
                    write(head, of: received, framing: .none, persistence: .implied, into: &bytes)
                    write(bytes)
                }
                received.moveReaderIndex(forwardBy: head.length)
            }
        }
        return false
    }

    private func begin(_ head: ResponseHead, _ received: inout ByteBuffer) -> Bool {
        guard let exchange, let route = exchange.route else { return false }
        exchange.upstreamAnswered = loop.eventLoop.now
        exchange.upstreamStatus = head.status
        let plan = AnswerPlan(head, received, exchange, route, loop.callers.tags)
        if !AnswerPlan.isOfSession(head.status, exchange) { loop.upstreamAnswered(route, status: head.status) }
        let action = machine.responseHeadReceived(
            reusesUpstream: head.isKeepAlive && head.framing != .untilClose,
            isUpgrade: head.isUpgrade,
            refusal: plan.refusal
        )
        if case .refuse = action {
            carryOut(action)
            return false
        }
        response.hasHead = true
        response.body = BodyRelay(head.framing, trailers: .response, malformed: .upstreamMalformed)
        response.reader = plan.reader
        let isSilent = head.isEventStream && !head.has(.contentEncoding) && received.readableBytes == head.length
        response.delivery = Self.delivery(of: head, plan, isSilent: isSilent, to: exchange.version)
        response.mustClose =
            switch response.delivery {
            case .asItComes: head.framing == .untilClose
            case .bare: true
            case .rechunked, .withheld: false
            }
        response.isEventStream = head.isEventStream && !plan.withholdsBody
        // In a stream that is compressed all the same, nobody but its reader knows where an event ends.
        if response.isEventStream, !head.has(.contentEncoding) { response.events = EventBoundary() }
        exchange.status = head.status
        if head.status >= 500 {
            // Passed on as it is, and a failure all the same.
            exchange.refusal = .upstreamError
            loop.count(.upstreamError, exchange)
        }
        wait(atMost: route.waits.idle)

        // What came of the body rides behind the head in one write when it is small.
        let joined = min(received.readableBytes - head.length, Self.joinedBody)
        var bytes = loop.answerHeads.take(
            capacity: route.responseRewrite.bound(head, publicAuthorityCount: exchange.authority.count) + joined
                + SessionTags.length
        )
        let closes = response.mustClose || machine.responseCloses
        let persistence: ResponseRewrite.Persistence =
            closes ? .close : exchange.version == .http10 ? .keepAlive : .implied
        write(
            head,
            of: received,
            framing: response.clientFraming,
            persistence: persistence,
            sessionTag: plan.sessionTag,
            into: &bytes
        )
        received.moveReaderIndex(forwardBy: head.length)
        if head.isUpgrade {
            exchange.bytesOut += Int64(received.readableBytes)
            bytes.writeBuffer(&received)
            write(bytes)
            carryOut(action)
            useInbound()
            return false
        }
        // The edge holds an event stream's head back until its first body byte.
        if received.readableBytes == 0, response.isAtBoundary {
            response.mark = LeadingMark()
            var comment = response.framed(Self.comment)
            bytes.writeBuffer(&comment)
        }
        if received.readableBytes > 0, received.readableBytes <= Self.joinedBody {
            relayBody(&received, behind: &bytes)
        } else {
            write(bytes)
            if response.body.isComplete { completeResponse(&received) } else { relayBody(&received) }
        }
        // A stream may be idle for hours, and needs neither head any more.
        if response.isEventStream {
            parser.releaseFields()
            response.parser.releaseFields()
        }
        if plan.withholdsBody, self.exchange === exchange { endWithheld() }
        return false
    }

    /// The client has all that it gets. An upstream that still sends is not waited for: its connection closes.
    private func endWithheld() {
        upstream?.close()
        upstream = nil
        carryOut(machine.responseCompleted(mustClose: false))
    }

    /// A body that ends with its connection goes on in chunks: one that is cut, which the upstream's connection tells, would else end at
    /// the client as a whole one does (RFC 9112 section 8).
    private static func delivery(
        of head: ResponseHead,
        _ plan: AnswerPlan,
        isSilent: Bool,
        to version: HTTPVersion
    ) -> ResponseRelay.Delivery {
        guard !plan.withholdsBody else { return .withheld }
        return switch version {
        // A stream that begins in silence gets a comment first, behind which its byte order mark is taken off.
        case .http10:
            head.framing == .chunked || plan.isEdited || isSilent && head.framing == .untilClose ? .bare : .asItComes
        case .http11: head.framing == .untilClose || plan.isEdited ? .rechunked : .asItComes
        }
    }

    private func write(
        _ head: ResponseHead,
        of received: ByteBuffer,
        framing: BodyFraming,
        persistence: ResponseRewrite.Persistence,
        sessionTag: ArraySlice<UInt8> = [],
        into bytes: inout ByteBuffer
    ) {
        guard let exchange, let rewrite = exchange.route?.responseRewrite else { return }
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

    // MARK: - Body

    private func relayBody(_ received: inout ByteBuffer) {
        var nothing = ByteBuffer()
        relayBody(&received, behind: &nothing)
    }

    /// - Parameter leading: a head that the first of the body joins; empty afterwards. `inout`, because a second reference to its bytes
    ///   would have them copied.
    private func relayBody(_ received: inout ByteBuffer, behind leading: inout ByteBuffer) {
        response.lastByte = loop.eventLoop.now
        limitSilence()
        relay: while true {
            switch takePart(of: &received) {
            case .part(var part):
                exchange?.bytesOut += Int64(part.readableBytes)
                if leading.readableBytes > 0 {
                    leading.writeBuffer(&part)
                    loop.answerHeads.keep(leading)
                    write(leading)
                    leading = ByteBuffer()
                } else if part.readableBytes > 0 {
                    write(part)
                }
            case .more: break relay
            case .refused:
                write(leading)
                return carryOut(machine.upstreamFailed(.upstreamMalformed))
            }
        }
        write(leading)
        if response.body.isComplete { completeResponse(&received) } else { keep(received) }
    }

    /// The next part as the client gets it; follows events and answers on the way.
    private func takePart(of received: inout ByteBuffer) -> BodyRelay.Step {
        guard received.readableBytes > 0, !response.body.isComplete else { return .more }
        guard response.events != nil || response.delivery != .asItComes || response.reader != nil else {
            return response.body.take(from: &received)
        }
        if response.mark?.isFramed == true { return takeFramedPart(of: &received) }
        let before = received
        // Until its first byte tells whether a mark is taken off, which needs chunks of another size.
        let isOpening = response.mark != nil && response.delivery == .asItComes
        let delivery = isOpening ? .rechunked : response.delivery
        var passing = PassingPayload(response.events, response.mark, response.reader, delivery, exchange)
        let step = response.body.take(from: &received) { range in
            guard let slice = before.getSlice(at: before.readerIndex + range.lowerBound, length: range.count) else {
                return
            }
            passing.take(slice)
        }
        response.events = passing.events
        response.mark = passing.mark
        if exchange?.endpoint != nil { noteEndpoint() }
        guard case .part = step else { return step }
        if isOpening {
            if !passing.isBegun {
                // Of a chunk only its size, or a part of that: nothing waits here.
                response.mark?.noteFraming()
                return step
            }
            if passing.beginsWithoutMark {
                response.mark = nil
            } else {
                response.delivery = .rechunked
            }
        }
        switch response.delivery {
        case .asItComes: return step
        case .bare: return .part(passing.payload)
        case .rechunked: return .part(passing.chunk())
        case .withheld: return .part(ByteBuffer())
        }
    }

    /// The next part of a stream that passes as it comes, and whose first chunk's size has been passed on before its first byte.
    private func takeFramedPart(of received: inout ByteBuffer) -> BodyRelay.Step {
        let before = received
        var events = response.events
        var mark = response.mark
        var blanks: [Int] = []
        let step = response.body.take(from: &received) { range in
            guard var slice = before.getSlice(at: before.readerIndex + range.lowerBound, length: range.count) else {
                return
            }
            let count = mark?.blank(&slice) ?? 0
            blanks += range.lowerBound..<range.lowerBound + count
            events?.advance(over: slice.readableBytesUInt8Span)
        }
        response.events = events
        response.mark = mark?.isOver == true ? nil : mark
        guard case .part(var part) = step, !blanks.isEmpty else { return step }
        for offset in blanks { part.setInteger(UInt8(0x0A), at: part.readerIndex + offset) }
        return .part(part)
    }

    /// Keeps what cannot be used before more comes, in memory of its own.
    private func keep(_ received: ByteBuffer) {
        guard received.readableBytes > 0 else { return }
        response.pending = ByteBuffer(bytes: received.readableBytesView)
    }

    private func completeResponse(_ received: inout ByteBuffer) {
        // Bytes after the end of a response belong to no request: such a connection serves no other.
        if received.readableBytes > 0 {
            upstream?.close()
            upstream = nil
        }
        endResponse()
        carryOut(machine.responseCompleted(mustClose: response.mustClose))
    }

    /// The upstream's body is whole; the client's end is written where it has another.
    func endResponse() {
        if response.delivery == .rechunked { write(ResponseRelay.lastChunk) }
    }

    // MARK: - Event streams

    static let comment: StaticString = ":\n\n"

    /// Sends a comment when an event stream has been silent for long, and only between events. A client that takes nothing gets
    /// none: they would pile up.
    func breakSilence(now: MonotonicTime) {
        guard let exchange, response.isAtBoundary, isWritable else { return }
        guard now - response.lastByte >= exchange.snapshot.waits.streamSilence else { return }
        response.lastByte = now
        write(response.framed(Self.comment))
    }

    /// Ends a stream whose caller is let in no more, whose route is gone or lets in others, or whose keys have ended, at once; one that has no end of its own,
    /// when its caller's credential has run out or the process drains, where an event ends; and one that answers a call, when it has
    /// outlasted the credential by the grace that calls have.
    ///
    /// - Parameter wall: the time, nil when only the end of an event is looked for.
    func endStreamIfDue(wall: Timestamp?) {
        guard let exchange, response.isEventStream || machine.disposition == .tunnel else { return }
        if loop.isDraining, !exchange.endsByItself, response.isAtBoundary { return carryOut(machine.streamDrained()) }
        if let endsBy = response.endsBy, response.isAtBoundary || loop.eventLoop.now >= endsBy {
            return carryOut(machine.assertionExpired())
        }
        guard let wall else { return }
        if let caller = exchange.caller {
            if caller.isShutOut { return carryOut(machine.assertionExpired()) }
            let grace = exchange.endsByItself ? loop.snapshot.callGrace : .zero
            if wall >= caller.expiresAt + grace, response.endsBy == nil { return endSoon() }
        }
        if exchange.tagsHeldAgainst !== loop.callers.tags {
            exchange.tagsHeldAgainst = loop.callers.tags
            if !exchange.isOpened(by: loop.callers.tags) { return carryOut(machine.assertionExpired()) }
        }
        guard exchange.heldAgainst !== loop.snapshot else { return }
        exchange.heldAgainst = loop.snapshot
        guard let route = exchange.route?.route, !loop.snapshot.table.stillOpens(route) else { return }
        carryOut(machine.assertionExpired())
    }

    /// Ends a stream where its event ends, which an upstream or a client that stalls may put off for a short time only. Where no events
    /// are followed there is nothing to wait for.
    private func endSoon() {
        guard response.events != nil, !response.isAtBoundary else { return carryOut(machine.assertionExpired()) }
        response.endsBy = loop.eventLoop.now + TimeSpan(ServerLimits.eventGrace)
    }

    // MARK: - Tunnel

    func tunnelInbound() {
        guard let upstream else { return inbound.clear() }
        let bytes = inbound
        inbound = ByteBuffer()
        exchange?.bytesIn += Int64(bytes.readableBytes)
        limitSilence()
        upstream.write(bytes)
        upstream.flush()
    }
}
