internal import GatehouseCore
internal import GatehouseMCP
internal import Logging
internal import NIOCore
internal import SocketLoop

/// Step 10: the end of an exchange, however it comes, and its outcome recorded.
extension ClientConnection {
    /// Answers in place of the upstream.
    func refuse(_ reason: Reason, close: Bool) -> ExchangeAction {
        guard let exchange else { return .wait }
        exchange.refusal = reason
        // Nobody is there to be told; the end of the connection records it.
        guard socket.isOpen else { return .wait }
        var body = rpcBody(reason, exchange)
        exchange.status = status(of: reason, exchange, isRPC: body != nil)
        if body != nil, exchange.isLegacyPost, tellOnStream(reason, exchange) {
            exchange.status = 202
            body = []
        }
        if !exchange.isDecided { record(.decision) }
        if exchange.caller == nil { refusals.refused(at: loop.eventLoop.now) }
        tell(reason, exchange)
        if let upstream {
            self.upstream = nil
            upstream.close()
        }
        // What was decided on stays in `inbound` until here; its body, if any, begins behind it.
        if hasHead {
            inbound.moveReaderIndex(forwardBy: parser.head.length)
            hasHead = false
            if machine.isRequestWhole { dropWholeBody() }
        } else if machine.disposition == .dropBody, exchange.route == nil {
            inbound.clear()
        }
        let closes = close || machine.refusalCloses(remaining: requestBody.remaining)
        let answer = SmallAnswer(
            reason,
            requestID: exchange.id,
            persistence: closes ? .close : exchange.version == .http10 ? .keepAlive : .implied,
            isHEAD: exchange.isHead,
            retryAfter: exchange.retryAfter,
            challenge: exchange.route?.challenge ?? [],
            extra: lines(beside: reason, exchange),
            status: exchange.status,
            body: body
        )
        var bytes = loop.answerHeads.take(capacity: answer.bound)
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: answer.bound) { answer.write(into: $0) }
        loop.answerHeads.keep(bytes)
        write(bytes)
        wait(atMost: Self.lingerTimeout)
        return machine.refusalWritten(remaining: requestBody.remaining)
    }

    private func lines(beside reason: Reason, _ exchange: Exchange) -> [UInt8] {
        let lines = exchange.crossOrigin?.lines ?? []
        guard case .methodDenied = reason else { return lines }
        return lines + RequestAdmission.allow(exchange.route).withUTF8Buffer { Array($0) }
    }

    /// The refusal in the words of JSON-RPC, when someone waits for an answer that can say it so.
    private func rpcBody(_ reason: Reason, _ exchange: Exchange) -> [UInt8]? {
        guard !exchange.waiting.isEmpty, let code = reason.rpcCode else { return nil }
        exchange.rpcError = String(code)
        return RPCAnswer.errors(
            reason,
            ids: exchange.waiting.all,
            isBatch: exchange.waiting.isBatch,
            requestID: exchange.id
        )
    }

    private func status(of reason: Reason, _ exchange: Exchange, isRPC: Bool) -> Int {
        switch reason {
        // A notification has no answer that could carry the refusal, so its status does.
        case .targetMalformed: isRPC ? 200 : reason.status
        case .toolDenied, .promptDenied, .resourceDenied, .taskUnknown, .requestStateUnknown, .tasksListDenied:
            isRPC ? 200 : Reason.principalDenied.status
        case _:
            // Clients that give up on a 5xx give up on a 429, too.
            isRPC && (reason.status >= 500 || reason == .rateLimited)
                && exchange.route?.route.answersErrorsAs200 == true ? 200 : reason.status
        }
    }

    /// Drops a body that the gate has read whole, so that the next request follows.
    private func dropWholeBody() {
        while !requestBody.isComplete {
            guard case .part = requestBody.take(from: &inbound) else { return }
        }
    }

    /// Has the log tell of it, with the address of who was not established while the head is still there.
    private func tell(_ reason: Reason, _ exchange: Exchange) {
        guard exchange.caller == nil, hasHead, let address = parser.head.cfConnectingIP else {
            return peer.bytes.count == 0
                ? loop.count(reason, exchange) : loop.count(reason, exchange, address: peer.bytes)
        }
        inbound.withUnsafeReadableBytes { bytes in
            let address = UnsafeRawBufferPointer(rebasing: bytes[address.lower..<address.upper])
            loop.count(reason, exchange, address: address)
        }
    }

    /// The exchange is over and the connection goes on.
    func finish(_ fate: UpstreamFate) {
        recordOutcome(.complete)
        letGo(of: fate)
        wait(atMost: machine.isIdle ? loop.snapshot.waits.keepAlive : Self.lingerTimeout)
        resumeReading()
        flushIfNeeded()
    }

    /// The exchange cannot be completed.
    func abort(_ ending: Ending) {
        let endsCleanly = (ending == .expired || ending == .drained) && response.isAtBoundary
        if endsCleanly {
            if let exchange, exchange.isListening, let id = exchange.waiting.all.first {
                write(response.framed(ByteBuffer(bytes: RPCAnswer.event(RPCAnswer.listenEnded(id: id)))))
            }
            if response.sendsChunks { write(ResponseRelay.lastChunk) }
        }
        let isCutSilently = !endsCleanly && response.endsWithClient
        recordOutcome(ending)
        letGo(of: .close)
        // What an upstream sent before it broke off still reaches the client, which sees by its framing that it is cut; where there is no
        // framing, only a reset tells it.
        if isCutSilently {
            socket.reset()
        } else if endsCleanly || ending == .upstreamClosed {
            closeAfterWriting(lingers: false)
        } else {
            socket.close()
        }
    }

    func recordOutcome(_ ending: Ending) {
        guard let exchange else { return }
        if let reader = response.reader { note(reader, exchange) }
        if !exchange.isDecided, exchange.caller != nil {
            // It ended before anything was decided: while its body was gathered. Whoever was verified leaves a decision.
            exchange.refusal = exchange.refusal ?? .bodyIncomplete
            record(.decision)
        }
        if exchange.isDecided, !exchange.isCounted { record(.outcome, ending: ending) }
        if let session = exchange.streamedSession { loop.legacy.closed(session, by: exchange.id) }
        loop.metrics.count(exchange, at: loop.eventLoop.now)
        if held > 0 || gathered != nil { releaseHold(of: exchange) }
        self.exchange = nil
    }

    private func note(_ reader: AnswerReader, _ exchange: Exchange) {
        if exchange.rpcError.isEmpty, let outcome = reader.outcome { exchange.rpcError = outcome }
        let unreadable = reader.unreadableEntries
        guard unreadable > 0, let route = exchange.route?.route else { return }
        loop.metrics.countUnreadable(unreadable, on: route)
        loop.logger.warning(
            "list entries that cannot be read were withheld",
            metadata: ["request.id": "\(exchange.id)", "route": "\(route.name.text)", "entries": "\(unreadable)"]
        )
    }

    /// Gives the upstream connection back or up.
    func letGo(of fate: UpstreamFate) {
        replay = nil
        deadline = nil
        response.reset()
        guard let upstream else { return }
        self.upstream = nil
        switch fate {
        case .reuse: upstream.release()
        case .close: upstream.close()
        }
    }
}
