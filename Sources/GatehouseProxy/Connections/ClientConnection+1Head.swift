internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// Step 1: a request head. Nothing of it is believed beyond what the parser has established.
extension ClientConnection {
    /// - Returns: whether more of what was received can be used.
    func readHead() -> Bool {
        if !isHeadBegun {
            isHeadBegun = true
            wait(atMost: loop.snapshot.waits.head)
        }
        let received = inbound
        switch parser.parse(received.readableBytesUInt8Span) {
        case .incomplete:
            return false
        case .refused(let reason):
            isHeadBegun = false
            exchange = newExchange()
            carryOut(machine.headRefused(reason))
            return true
        case .complete:
            isHeadBegun = false
            hasHead = true
            noteRequest()
            let head = parser.head
            requestBody = BodyRelay(head.framing, trailers: .response, malformed: .requestMalformed)
            let method = RequestMethod(head, in: received.readableBytesUInt8Span)
            let request = ExchangeMachine.Request(
                keepsAlive: head.isKeepAlive && !refusals.isExceeded(at: loop.eventLoop.now),
                isComplete: requestBody.isComplete,
                isUpgrade: head.isWebSocketUpgrade,
                expectsContinue: head.expectsContinue,
                isSafe: method.isSafe
            )
            let exchange = newExchange()
            exchange.method = method
            exchange.version = head.version
            self.exchange = exchange
            wait(atMost: Self.decisionTimeout)
            carryOut(machine.headReceived(request))
            return true
        }
    }

    private func newExchange() -> Exchange {
        Exchange(
            id: RequestID(using: &loop.random),
            startedAt: loop.clock.now(),
            started: loop.eventLoop.now,
            snapshot: loop.snapshot,
            tags: loop.callers.tags
        )
    }

    /// The bytes of a part of the head, valid during the call. Holds while the head stays in `inbound`, which is until it
    /// has been forwarded or refused.
    func withHeadBytes<Result>(_ range: ByteRange?, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        inbound.withUnsafeReadableBytes { bytes in
            guard let range else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
            return body(UnsafeRawBufferPointer(rebasing: bytes[range.lower..<range.upper]))
        }
    }
}
