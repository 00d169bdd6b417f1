internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// Step 9 on the legacy HTTP+SSE transport: its clients post to an address that an event stream tells, and look for every answer on that
/// stream. One that is given in the answer to the post is never read, and its caller waits for ever.
extension ClientConnection {
    /// The `endpoint` event has passed: from now on answers to what is posted there can be put into this stream.
    func noteEndpoint() {
        guard let exchange, let route = exchange.route?.route, let endpoint = exchange.endpoint,
            let session = endpoint.session
        else { return }
        exchange.endpoint = nil
        if let directory = endpoint.directory { loop.legacy.learn(route.name, PathSession.folded(directory)) }
        loop.legacy.learn(route.name, PathSession.told(endpoint.place))
        if let former = exchange.streamedSession { loop.legacy.closed(former, by: exchange.id) }
        let hash = session.withUnsafeBytes { SessionTags.hash(of: $0) }
        exchange.streamedSession = hash
        loop.legacy.opened(hash, on: LoopBound(self, on: loop.eventLoop), by: exchange.id)
    }

    /// Answers what was posted on the stream of its session, one error for each request.
    ///
    /// - Returns: false when the stream is not open here.
    func tellOnStream(_ reason: Reason, _ exchange: Exchange) -> Bool {
        guard let session = exchange.session else { return false }
        let errors = exchange.waiting.all.map {
            RPCAnswer.errors(reason, ids: [$0], isBatch: false, requestID: exchange.id)
        }
        return loop.legacy.send(errors, to: session.hash)
    }

    /// Puts messages into the stream as soon as it stands between events.
    ///
    /// - Parameter awaited: the exchange of the stream, which may be over.
    func tell(_ messages: [[UInt8]], in awaited: RequestID) {
        guard let exchange, exchange.id == awaited, response.isEventStream else { return }
        guard response.ownMessages.count + messages.count <= ResponseRelay.maximumOwnMessages else {
            return carryOut(machine.deadlinePassed())
        }
        response.ownMessages += messages
        tellWaiting()
        flushIfNeeded()
    }

    /// A client that takes nothing gets nothing more.
    func tellWaiting() {
        guard !response.ownMessages.isEmpty, response.isAtBoundary, isWritable else { return }
        for message in response.ownMessages { write(response.framed(ByteBuffer(bytes: RPCAnswer.event(message)))) }
        response.ownMessages = []
        response.lastByte = loop.eventLoop.now
    }
}
