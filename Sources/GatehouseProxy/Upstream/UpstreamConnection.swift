internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// The exchange that a connection to an upstream serves now.
protocol UpstreamHolder: AnyObject {
    /// Whether bytes that the upstream sends can be passed on.
    var isWritable: Bool { get }
    func upstreamBytesReceived(_ received: ByteBuffer)
    func upstreamReadCompleted()
    func upstreamClosed(_ connection: UpstreamConnection)
    /// The upstream takes bytes again.
    func resumeReading()
}

/// The handler of one connection to an upstream. Passes events on to its holder; idle in a pool otherwise.
final class UpstreamConnection {
    let socket: StreamSocket
    /// The exchange that uses the connection now. Both are on one event loop; cleared when the exchange ends.
    private var holder: (any UpstreamHolder)?
    /// The pool that keeps the connection while it is idle, and drops it when it closes there.
    var pool: UpstreamPool?
    var idleSince: MonotonicTime
    /// The revision of the pool's addresses with which this connection's was last compared.
    var revision = 0
    /// Whether the connection ended in an error: a body that ends with it may be cut short (RFC 9112 section 9.8).
    private(set) var isBroken = false
    /// Whether a read is under way, of which more may come.
    private var isInRead = false
    /// Released within a read: goes back to the pool when nothing has followed.
    private var isReleased = false

    init(_ socket: StreamSocket) {
        self.socket = socket
        idleSince = socket.loop.now
        socket.handler = self
    }

    var isWritable: Bool { socket.isWritable }
    var isOpen: Bool { socket.isOpen }

    func begin(for client: any UpstreamHolder) {
        holder = client
    }

    /// Ends the use by a client connection; its bytes are whole, so another exchange may follow.
    func release() {
        holder = nil
        guard isOpen else { return }
        resumeReading()
        if isInRead { isReleased = true } else { putBack() }
    }

    private func putBack() {
        isReleased = false
        if let pool { pool.put(self) } else { close() }
    }

    func write(_ bytes: ByteBuffer) { socket.write(bytes) }

    /// - Returns: false when the connection takes nothing any more. What the upstream said before is still read, and then it closes.
    @discardableResult
    func flush() -> Bool { socket.flush() }

    func close() {
        holder = nil
        socket.close()
    }

    /// The client takes bytes again.
    func resumeReading() { socket.resumeReading() }
}

// MARK: - Socket events

extension UpstreamConnection: StreamSocketHandler {
    var mayRead: Bool { holder?.isWritable ?? true }

    func received(_ bytes: ByteBuffer) {
        isInRead = true
        if let holder {
            holder.upstreamBytesReceived(bytes)
        } else {
            // Unsolicited bytes: whatever they are, the next response must not begin with them.
            socket.close()
        }
    }

    func readCompleted() {
        isInRead = false
        if isReleased { putBack() }
        holder?.upstreamReadCompleted()
    }

    func becameWritable() { holder?.resumeReading() }

    func closed(isBroken: Bool) {
        self.isBroken = isBroken
        guard let client = holder else { return pool?.drop(self) ?? () }
        holder = nil
        client.upstreamClosed(self)
    }
}
