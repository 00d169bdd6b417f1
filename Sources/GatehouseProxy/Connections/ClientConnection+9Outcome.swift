internal import GatehouseCore
internal import Logging
internal import NIOCore

/// Step 9: the end of an exchange, however it comes, and its outcome recorded.
extension ClientConnection {
    /// Answers in place of the upstream.
    func refuse(_ reason: Reason, close: Bool) -> ExchangeAction {
        guard let exchange, let context else { return .wait }
        exchange.refusal = reason
        exchange.status = reason.status
        if !exchange.isDecided { record(.decision) }
        log(reason, exchange)
        if let upstream {
            self.upstream = nil
            upstream.close()
        }
        // What was decided on stays in `inbound` until here; its body, if any, begins behind it.
        if hasHead {
            inbound.moveReaderIndex(forwardBy: parser.head.length)
            hasHead = false
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
            extra: exchange.crossOrigin?.lines ?? []
        )
        var bytes = context.channel.allocator.buffer(capacity: answer.bound)
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: answer.bound) { answer.write(into: $0) }
        write(bytes)
        wait(atMost: Self.lingerTimeout)
        return machine.refusalWritten(remaining: requestBody.remaining)
    }

    /// What callers do wrong is for those who look for it; what fails on our side or behind us is for everybody.
    private func log(_ reason: Reason, _ exchange: Exchange) {
        let level: Logger.Level = reason.status >= 500 ? .warning : .debug
        loop.logger.log(
            level: level,
            "request refused",
            metadata: [
                "request.id": "\(exchange.id)", "reason": "\(reason.rawValue)",
                "route": "\(exchange.route?.route.name.text ?? "")", "upstream.status": "\(exchange.upstreamStatus)",
            ]
        )
    }

    /// The exchange is over and the connection goes on.
    func finish(_ fate: UpstreamFate) {
        recordOutcome(.complete)
        letGo(of: fate)
        wait(atMost: machine.isIdle ? loop.snapshot.limits.keepAlive : Self.lingerTimeout)
        resumeReading()
        flushIfNeeded()
    }

    /// The exchange cannot be completed.
    func abort(_ ending: Ending) {
        let endsCleanly = (ending == .expired || ending == .drained) && response.isAtBoundary
        if endsCleanly, response.body.framing == .chunked, !response.unchunks {
            var last = ByteBuffer()
            last.writeStaticString("0\r\n\r\n")
            write(last)
        }
        recordOutcome(ending)
        letGo(of: .close)
        // What an upstream sent before it broke off still reaches the client, which sees by its framing that it is cut.
        if endsCleanly || ending == .upstreamClosed {
            closeAfterWriting(lingers: false)
        } else {
            context?.close(promise: nil)
        }
    }

    func recordOutcome(_ ending: Ending) {
        guard let exchange else { return }
        if exchange.isDecided { record(.outcome, ending: ending) }
        loop.metrics.count(exchange)
        self.exchange = nil
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
