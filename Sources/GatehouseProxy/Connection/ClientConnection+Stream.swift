internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// Event streams: comments in silence, messages of Gatehouse's own, and their end.
extension ClientConnection {
    /// Sends a comment when an event stream has been silent for long, and only between events. A client that takes nothing gets
    /// none: they would pile up.
    func breakSilence(now: MonotonicTime) {
        guard let exchange, let stream = response.stream, response.isAtBoundary, isWritable,
            stream.isSilent(for: exchange.snapshot.waits.streamSilence, at: now)
        else { return }
        response.stream?.passed(at: now)
        write(response.comment)
    }

    // MARK: - End

    /// Ends a stream at once whose caller is no longer admitted, whose route is gone or admits others, or whose keys have ended. A stream without an
    /// end of its own ends behind an event when its caller's credential has expired or the process drains; one that answers a call ends when it has
    /// outlasted the credential by the grace that calls have.
    ///
    /// - Parameter wall: the time, nil when only the end of an event is looked for.
    func endStreamIfDue(wall: Timestamp?) {
        guard let exchange, response.isEventStream || machine.disposition == .tunnel else { return }
        if loop.isDraining, !exchange.endsByItself, response.isAtBoundary { return carryOut(machine.streamDrained()) }
        if let stream = response.stream, stream.isDue(at: loop.eventLoop.now, isAtBoundary: response.isAtBoundary) {
            return carryOut(machine.assertionExpired())
        }
        guard let wall else { return }
        if let caller = exchange.caller {
            if caller.isShutOut { return carryOut(machine.assertionExpired()) }
            let grace = exchange.endsByItself ? loop.snapshot.callGrace : .zero
            if wall >= caller.expiresAt + grace, response.stream?.isEnding != true { return endSoon() }
        }
        let tags = loop.gate.callers.tags
        if exchange.isNew(tags), !exchange.isOpened(by: tags) { return carryOut(machine.assertionExpired()) }
        guard exchange.isNew(loop.snapshot), let route = exchange.route else { return }
        if let successor = loop.snapshot.successor(of: route) {
            // Answers to later calls may come on it.
            exchange.pins = successor.pins
            return
        }
        carryOut(machine.assertionExpired())
    }

    /// Ends a stream where its event ends, which an upstream or a client that stalls may put off for a short time only. Where no events
    /// are followed there is nothing to wait for.
    private func endSoon() {
        guard response.stream?.boundary != nil, !response.isAtBoundary else {
            return carryOut(machine.assertionExpired())
        }
        response.stream?.end(by: loop.eventLoop.now + TimeSpan(ServerLimits.eventGrace))
    }

    /// Writes the end of the stream to its client.
    func endStreamCleanly() {
        if let exchange, exchange.call.isListening, let id = exchange.call.waiting.all.first {
            write(response.framed(ByteBuffer(bytes: RPCAnswer.event(RPCAnswer.listenEnded(id: id)))))
        }
        if response.sendsChunks { write(Chunk.last) }
    }
}

/// The legacy HTTP+SSE transport: its clients post to an address that an event stream names, and expect every answer on that stream. An answer in the
/// response to the post is never read, and its caller waits for ever.
extension ClientConnection: EventStreamHolder {
    /// The `endpoint` event has passed: from now on answers to what is posted there can be put into this stream.
    func note(_ endpoint: EndpointAddress, in exchange: Exchange?) {
        guard let exchange, let route = exchange.route?.route, let session = endpoint.session else { return }
        let legacy = loop.gate.legacy
        exchange.answer.stream.endpoint = nil
        if let directory = endpoint.directory { legacy.learn(route.name, PathSession.folded(directory)) }
        legacy.learn(route.name, PathSession.told(endpoint.place))
        if let former = exchange.answer.stream.session { legacy.closed(former, by: exchange.id) }
        let hash = session.withUnsafeBytes { SessionTags.hash(of: $0) }
        exchange.answer.stream.session = hash
        legacy.opened(hash, on: LoopBound(self, on: loop.eventLoop), by: exchange.id)
    }

    /// Answers the posted requests on the stream of their session, with one error for each.
    ///
    /// - Returns: false when the stream is not open here.
    func tellOnStream(_ reason: Reason, _ exchange: Exchange) -> Bool {
        guard let session = exchange.session.bound else { return false }
        let errors = exchange.call.waiting.all.map {
            RPCAnswer.errors(
                reason,
                argument: exchange.answer.argument,
                ids: [$0],
                isBatch: false,
                requestID: exchange.id
            )
        }
        return loop.gate.legacy.send(errors, to: session.hash)
    }

    /// Writes messages into the stream as soon as it stands between events.
    func tell(_ messages: [[UInt8]], in awaited: RequestID) {
        guard let exchange, exchange.id == awaited, response.isEventStream else { return }
        guard response.stream?.queue(messages) == true else { return carryOut(machine.streamStalled()) }
        writeMessages()
        flushIfNeeded()
    }

    /// A client that takes nothing gets nothing more.
    func writeMessages() {
        guard response.stream?.hasMessages == true, response.isAtBoundary, isWritable else { return }
        for message in response.stream?.takeMessages(at: loop.eventLoop.now) ?? [] {
            write(response.framed(ByteBuffer(bytes: RPCAnswer.event(message))))
        }
    }
}
