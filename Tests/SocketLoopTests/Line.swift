import GatehouseTestSupport
import Glibc
import NIOCore
import SocketLoop
import Synchronization

/// A loop with one socket on it, whose other end the test holds.
final class Line: Sendable {
    let loop: EpollLoop
    let events = Watched(Events())
    private let bound: LoopBound<Handler>

    struct Events {
        var received: [UInt8] = []
        /// What lies in the loop's memory behind the bytes that were received last.
        var behind: [UInt8] = []
        var readings = 0
        var isWritableAgain = false
        var isWritten = false
        /// Nil while the connection stands.
        var isBroken: Bool?
        /// In the order of the calls, for what is not `received`.
        var calls: [String] = []
    }

    private init(_ loop: EpollLoop, _ bound: LoopBound<Handler>, _ handler: Handler) {
        self.loop = loop
        self.bound = bound
        handler.events = events
    }

    /// - Returns: the line, and the test's end of it.
    static func open(mayRead: Bool = true) async throws -> (Line, RawSocket) {
        let loop = try EpollLoop.start(named: "test")
        var pair: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else {
            throw SocketFailure("socketpair", errno)
        }
        _ = fcntl(pair[0], F_SETFL, fcntl(pair[0], F_GETFL) | O_NONBLOCK)
        let descriptor = pair[0]
        let line = try await loop.submit { () -> Result<Line, SocketError> in
            Result { () throws(SocketError) in
                let handler = Handler(try StreamSocket(adopting: descriptor, on: loop))
                handler.mayRead = mayRead
                return Line(loop, LoopBound(handler, on: loop), handler)
            }
        }.get()
        return (line, RawSocket(descriptor: pair[1]))
    }

    /// Does something with the socket on its loop.
    func with<Value: Sendable>(_ body: @escaping @Sendable (StreamSocket) -> Value) async throws -> Value {
        try await loop.submit { [bound] in body(bound.value.socket) }
    }

    func mayRead(_ mayRead: Bool) async throws {
        try await loop.submit { [bound] in
            bound.value.mayRead = mayRead
            bound.value.socket.resumeReading()
        }
    }

    func send(_ bytes: [UInt8]) async throws -> Bool {
        try await with { socket in
            socket.write(ByteBuffer(bytes: bytes))
            return socket.flush()
        }
    }

    final class Handler: StreamSocketHandler {
        let socket: StreamSocket
        var mayRead = true
        var events: Watched<Events>?

        init(_ socket: StreamSocket) {
            self.socket = socket
            socket.handler = self
        }

        func received(_ bytes: ByteBuffer) {
            events?.update {
                $0.received += bytes.readableBytesView
                $0.behind = bytes.withVeryUnsafeBytes { Array($0[bytes.writerIndex...]) }
            }
        }

        func readCompleted() {
            events?.update {
                $0.readings += 1
                $0.calls.append("read")
            }
        }

        func becameWritable() { events?.update { $0.isWritableAgain = true } }

        func written() {
            events?.update {
                $0.isWritten = true
                $0.calls.append("written")
            }
        }

        func closed(isBroken: Bool) {
            events?.update {
                $0.isBroken = isBroken
                $0.calls.append("closed")
            }
        }
    }
}
