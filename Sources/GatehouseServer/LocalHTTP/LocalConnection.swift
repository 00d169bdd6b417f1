internal import GatehouseCore
internal import GatehouseProxy
internal import NIOCore
internal import SocketLoop

/// One connection to a ``LocalServer``: one request at a time is read, answered, and its answer taken, before the next is looked at. What
/// a client sends meanwhile stays in the kernel.
final class LocalConnection {
    private enum Phase {
        /// A request is waited for, or has begun.
        case reading
        /// The answer is being made.
        case answering
        /// The client has still to take of the last answer.
        case writing
        case streaming
        /// All is said; what comes is discarded until the client closes (RFC 9112 section 9.6).
        case lingering
    }

    private let socket: StreamSocket
    private let server: LocalConnections
    private var phase = Phase.reading
    private var parser = RequestHeadParser(requiresHost: false)
    /// A request whose body is not whole yet.
    private var begun: (request: LocalRequest, body: BodyScanner)?
    private var isHead = false
    private var isKeepAlive = true
    private var version = HTTPVersion.http11
    /// Received and not yet used; at most one head and one reading.
    private var inbound = ByteBuffer()
    private var events: LocalAnswer.Events?
    /// When the present wait began.
    private(set) var since: MonotonicTime
    /// When the present wait is over.
    private(set) var deadline: MonotonicTime

    init(_ socket: StreamSocket, of server: LocalConnections) {
        self.socket = socket
        self.server = server
        since = server.loop.now
        deadline = server.loop.now + server.bounds.requestTimeout
    }

    func begin() { socket.handler = self }

    /// Whether the client has the next word: such a connection may be closed in favour of another.
    var waitsForClient: Bool {
        switch phase {
        case .answering: false
        case .reading, .writing, .streaming, .lingering: true
        }
    }

    func close() { socket.close() }

    private func enter(_ next: Phase, atMost limit: TimeSpan?) {
        phase = next
        since = server.loop.now
        deadline = limit.map { since + $0 } ?? MonotonicTime(nanoseconds: .max)
    }

    // MARK: - Reading

    /// Uses what has come until a request is whole.
    private func useInbound() {
        while case .reading = phase, inbound.readableBytes > 0, socket.isOpen {
            let before = inbound.readableBytes
            if begun == nil { readHead() } else { readBody() }
            if inbound.readableBytes == before { break }
        }
    }

    private func readHead() {
        let received = inbound
        let bytes = received.readableBytesUInt8Span
        switch parser.parse(bytes) {
        case .incomplete: return
        case .refused(let reason): return refuse(Self.status(of: reason))
        case .complete: break
        }
        let head = parser.head
        func text(_ range: ByteRange) -> String {
            received.getString(at: received.readerIndex + range.lower, length: range.upper - range.lower) ?? ""
        }
        var request = LocalRequest(method: text(head.method), path: text(head.path))
        request.query = head.query.map(text)
        if head.has(.host) { request.host = text(head.authority) }
        request.fields = head.fields.map { (text($0.name), text($0.value)) }
        isHead = request.method == "HEAD"
        isKeepAlive = head.isKeepAlive
        version = head.version
        if case .length(let length) = head.framing, length > server.bounds.body { return refuse(.contentTooLarge) }
        inbound.moveReaderIndex(forwardBy: head.length)
        let body = BodyScanner(head.framing)
        if body.isComplete { return answer(request) }
        begun = (request, body)
        if head.expectsContinue {
            socket.write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
            socket.flush()
        }
    }

    private func readBody() {
        guard var (request, body) = begun else { return }
        let received = inbound
        let progress = body.scan(received.readableBytesUInt8Span) { range in
            let bytes = received.getSlice(at: received.readerIndex + range.lowerBound, length: range.count)
            if let bytes { request.body.appendZeroing(bytes) }
        }
        inbound.moveReaderIndex(forwardBy: progress.consumed)
        guard request.body.readableBytes <= server.bounds.body else { return refuse(.contentTooLarge) }
        switch progress.state {
        case .incomplete: begun = (request, body)
        case .complete:
            begun = nil
            answer(request)
        // Trailers have no reader here.
        case .trailers, .refused: refuse(.badRequest)
        }
    }

    private static func status(of reason: Reason) -> LocalAnswer.Status {
        switch reason {
        case .targetTooLong: .targetTooLong
        case .headersTooLarge: .fieldsTooLarge
        case _: .badRequest
        }
    }

    // MARK: - Answering

    private func answer(_ request: LocalRequest) {
        enter(.answering, atMost: nil)
        let loop = server.loop
        let connection = LoopBound(self, on: loop)
        Task { [answer = server.answer] in
            let made = await answer(request)
            request.body.zero()
            loop.execute { connection.value.send(made) }
        }
    }

    private func refuse(_ status: LocalAnswer.Status) {
        isKeepAlive = false
        begun = nil
        send(LocalAnswer(status: status, body: "\(status.code) \(StatusPhrase.of(status.code))\n"))
    }

    private func send(_ answer: LocalAnswer) {
        guard socket.isOpen else {
            answer.events?.ended()
            return
        }
        socket.write(answer.bytes(closes: !isKeepAlive, version: version, withoutBody: isHead))
        if let events = answer.events {
            self.events = events
            enter(.streaming, atMost: nil)
            socket.flush()
            return sendEvent(0)
        }
        finish()
    }

    /// All of an answer is written.
    private func finish() {
        enter(.writing, atMost: server.bounds.writeTimeout)
        if !isKeepAlive { return socket.tellWhenWritten() }
        socket.flush()
        if socket.isWritable { readNext() }
    }

    private func readNext() {
        guard case .writing = phase, isKeepAlive else { return }
        enter(.reading, atMost: inbound.readableBytes > 0 ? server.bounds.requestTimeout : server.bounds.idleTimeout)
        useInbound()
        socket.resumeReading()
    }

    // MARK: - Events

    private func sendEvent(_ index: Int) {
        guard let events, socket.isOpen else { return }
        switch events.next(index) {
        case .more(let data):
            write(data)
            server.loop.schedule(after: TimeSpan(events.interval)) { [weak self] in self?.sendEvent(index + 1) }
        case .last(let data):
            write(data)
            endEvents()
            socket.write(ByteBuffer(staticString: "0\r\n\r\n"))
            finish()
        }
    }

    private func write(_ data: String) {
        let event = "event: message\ndata: \(data)\n\n"
        socket.write(ByteBuffer(string: "\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n"))
        socket.flush()
    }

    private func endEvents() {
        events?.ended()
        events = nil
    }
}

// MARK: - Socket events

extension LocalConnection: StreamSocketHandler {
    /// Back-pressure: while a request is answered nothing is read.
    var mayRead: Bool {
        switch phase {
        case .reading, .streaming, .lingering: true
        case .answering, .writing: false
        }
    }

    func received(_ bytes: ByteBuffer) {
        guard case .reading = phase else { return }
        if begun == nil, inbound.readableBytes == 0 { enter(.reading, atMost: server.bounds.requestTimeout) }
        // The bytes are copied, because the loop's buffer serves the next reading; until then it would hold them.
        inbound.appendZeroing(bytes)
        bytes.zero()
        useInbound()
        if inbound.readableBytes == 0 {
            inbound.zero()
            inbound = ByteBuffer()
        }
    }

    func readCompleted() {}

    /// The request is answered to its end, and no other one is read.
    func inputEnded() -> Bool {
        switch phase {
        case .reading: return false
        case .answering, .writing, .streaming:
            isKeepAlive = false
            return true
        case .lingering: return socket.hasOutput
        }
    }

    func becameWritable() {
        if case .writing = phase { server.loop.soon { [self] in readNext() } }
    }

    func written() {
        enter(.lingering, atMost: LocalServer.Bounds.lingerTimeout)
        socket.shutOutput()
        socket.resumeReading()
    }

    func closed(isBroken: Bool) {
        endEvents()
        server.remove(self)
    }
}
