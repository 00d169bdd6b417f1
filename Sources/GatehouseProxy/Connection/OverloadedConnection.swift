internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// Answers a connection beyond the limit with 503 `overloaded` and closes it, so that the client learns why.
final class OverloadedConnection {
    private let socket: StreamSocket
    private let loop: ProxyLoop
    private var limit: UInt64?

    /// Answered connections of one event loop that wait for their clients to close; beyond it a new one is closed unanswered.
    static let maximumAnswered = 64
    static let lingerTimeout: TimeSpan = .seconds(2)

    init(_ socket: StreamSocket, loop: ProxyLoop) {
        self.socket = socket
        self.loop = loop
    }

    func begin() {
        loop.metrics.countOverloaded()
        guard loop.answeredOverloads < Self.maximumAnswered else { return socket.close() }
        loop.answeredOverloads += 1
        socket.handler = self
        let answer = LocalResponse(.overloaded)
        let id = RequestID(at: loop.clock.now(), using: &loop.random)
        var bytes = loop.answerHeads.take(capacity: answer.bound)
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: answer.bound) {
            answer.write(requestID: id, persistence: .close, into: $0)
        }
        loop.answerHeads.keep(bytes)
        socket.write(bytes)
        limit = loop.eventLoop.schedule(after: Self.lingerTimeout) { [socket] in socket.close() }
        socket.tellWhenWritten()
    }
}

extension OverloadedConnection: StreamSocketHandler {
    var mayRead: Bool { true }

    func received(_ bytes: ByteBuffer) {}
    func readCompleted() {}
    func becameWritable() {}

    /// Closed with a request unread, the kernel would send a reset that overtakes the answer (RFC 9112 section 9.6).
    func written() { socket.shutOutput() }

    func closed(isBroken: Bool) {
        loop.answeredOverloads -= 1
        if let limit { loop.eventLoop.cancel(limit) }
    }
}
