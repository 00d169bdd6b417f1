internal import GatehouseCore
internal import GatehouseMCP
internal import Logging
internal import NIOCore
internal import SocketLoop

/// Gatehouse's own answers, and the end of an exchange, however it comes: its outcome is recorded.
extension ClientConnection {
    /// Answers in place of the upstream.
    func refuse(_ reason: Reason, close: Bool) -> ExchangeAction {
        guard let exchange else { return .wait }
        exchange.answer.refusal = reason
        // The client has gone, so no answer is sent; the end of the connection records the refusal.
        guard socket.isOpen else { return .wait }
        var answer = RefusalPhase.answer(reason, exchange)
        if case .answer = answer.content, exchange.isLegacyPost, tellOnStream(reason, exchange) {
            answer.status = 202
            answer.content = .answer([])
        }
        exchange.answer.status = answer.status
        if exchange.decision == .open { record() }
        if exchange.caller == nil { refusals.refused(at: loop.eventLoop.now) }
        tell(reason, exchange)
        link.takeConnection()?.close()
        // The request head that was decided on stays in `inbound` until here; its body, if any, begins behind it.
        if inbound.hasHead {
            inbound.passHead()
            if machine.isRequestWhole { dropWholeBody() }
        } else if machine.disposition == .dropBody, exchange.route == nil {
            inbound.clear()
        }
        return write(answer, close: close, exchange)
    }

    /// Answers a request that needs no authentication. It is recorded like a forwarded one, but nothing depends on the record: the answer holds no
    /// secret.
    func answerPublicly(_ answer: LocalResponse, close: Bool) -> ExchangeAction {
        guard let exchange else { return .wait }
        exchange.answer.status = answer.status
        record()
        inbound.passHead()
        return write(answer, close: close, exchange)
    }

    /// Answers another proxy that it may forward its request.
    func confirm(close: Bool) -> ExchangeAction {
        guard let exchange, let caller = exchange.caller, let route = exchange.route else {
            preconditionFailure("a request is allowed to a caller on a route")
        }
        let answer = ConfirmPhase.answer(to: caller, on: route.route)
        exchange.answer.status = answer.status
        inbound.passHead()
        return write(answer, close: close, exchange)
    }

    private func write(_ answer: LocalResponse, close: Bool, _ exchange: Exchange) -> ExchangeAction {
        let closes = close || machine.refusalCloses(remaining: body.remaining)
        let bound = answer.bound
        var bytes = loop.answerHeads.take(capacity: bound)
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { output in
            answer.write(
                requestID: exchange.id,
                persistence: persistence(closes: closes, exchange),
                isHEAD: exchange.isHead,
                into: output
            )
        }
        loop.answerHeads.keep(bytes)
        write(bytes)
        return machine.refusalWritten(remaining: body.remaining)
    }

    /// Drops a body that the gate has read whole, so that the next request follows.
    private func dropWholeBody() {
        while !body.isComplete {
            switch inbound.take(&body) {
            case .part, .trailers: continue
            case .more, .refused: return
            }
        }
    }

    /// Counts the refusal for the log, with the client's address where no caller was established and the head is still there.
    private func tell(_ reason: Reason, _ exchange: Exchange) {
        guard exchange.caller == nil, inbound.hasHead, let address = inbound.head.cfConnectingIP else {
            return peer.bytes.count == 0
                ? loop.count(reason, exchange) : loop.count(reason, exchange, address: peer.bytes)
        }
        inbound.withBytes(address) { loop.count(reason, exchange, address: $0) }
    }

    // MARK: - End

    /// The exchange is over: its outcome is recorded, and the upstream connection given back or up.
    func endExchange(_ ending: Ending, _ fate: UpstreamFate) {
        if let exchange { recordOutcome(ending, exchange) }
        response.reset()
        switch fate {
        case .reuse: link.connection?.release()
        case .close: link.connection?.close()
        }
        if let head = link.takeSpentHead() { loop.requestHeads.keepZeroed(head) }
        link = UpstreamLink()
        body.zeroForm()
    }

    private func recordOutcome(_ ending: Ending, _ exchange: Exchange) {
        if let reader = response.reader { note(reader, exchange) }
        if exchange.decision == .open, exchange.caller != nil {
            // The exchange ended before its decision, while its body was gathered. A verified caller leaves a decision.
            exchange.answer.refusal = exchange.answer.refusal ?? .bodyIncomplete
            record()
        }
        if exchange.decision == .recorded {
            RecordPhase(recorder: loop.recorder, exchange: exchange, peer: peer)
                .outcome(ending, at: loop.clock.now(), .now())
        }
        if let session = exchange.answer.stream.session { loop.gate.legacy.closed(session, by: exchange.id) }
        loop.metrics.count(exchange, at: loop.eventLoop.now)
        releaseHeld(of: exchange)
        self.exchange = nil
    }

    private func note(_ reader: AnswerReader, _ exchange: Exchange) {
        if exchange.answer.rpcError.isEmpty, let outcome = reader.outcome { exchange.answer.rpcError = outcome }
        let unreadable = reader.unreadableEntries
        guard unreadable > 0, let route = exchange.route?.route else { return }
        loop.metrics.countUnreadable(unreadable, on: route)
        loop.logger.warning(
            "list entries that cannot be read were withheld",
            metadata: ["request.id": "\(exchange.id)", "route": "\(route.name.text)", "entries": "\(unreadable)"]
        )
    }
}
