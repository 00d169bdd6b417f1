internal import GatehouseCore
internal import NIOCore

/// The handler of one connection to an upstream. Hands what happens to the client connection that holds it; idle in a pool
/// otherwise.
final class UpstreamConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Who uses the connection now. Both are on one event loop; cleared when the exchange ends.
    private var holder: ClientConnection?
    /// Where the connection goes when it is idle, and is dropped from when it closes there.
    weak var pool: UpstreamPool?
    private var context: ChannelHandlerContext?
    private var isReadHeld = false
    var idleSince = NIODeadline.now()
    /// Whether an exchange was served before the present one: such a connection may have been closed by the upstream already.
    private(set) var isReused = false
    /// Whether the connection ended in an error: a body that ends with it may be cut short (RFC 9112 section 9.8).
    private(set) var isBroken = false
    /// Within a read, of which more may come.
    private var isInRead = false
    /// Released within a read: goes back to the pool when nothing has followed.
    private var isReleased = false

    var isWritable: Bool { context?.channel.isWritable ?? false }
    var isOpen: Bool { context != nil }

    func begin(for client: ClientConnection) {
        holder = client
    }

    /// Ends the use by a client connection; its bytes are whole, so another exchange may follow.
    func release() {
        holder = nil
        guard context != nil else { return }
        isReused = true
        resumeReading()
        if isInRead { isReleased = true } else { putBack() }
    }

    private func putBack() {
        isReleased = false
        if let pool { pool.put(self) } else { close() }
    }

    func write(_ bytes: ByteBuffer, flush: Bool, promise: EventLoopPromise<Void>? = nil) {
        guard let context else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
        context.write(wrapOutboundOut(bytes), promise: promise)
        if flush { context.flush() }
    }

    func flush() { context?.flush() }

    func close() {
        holder = nil
        context?.close(promise: nil)
    }

    func makePromise() -> EventLoopPromise<Void>? { context?.eventLoop.makePromise() }

    /// The client takes bytes again.
    func resumeReading() {
        guard isReadHeld else { return }
        isReadHeld = false
        context?.read()
    }

    // MARK: - Channel events

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func read(context: ChannelHandlerContext) {
        if let holder, !holder.isWritable {
            isReadHeld = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isInRead = true
        if let holder {
            holder.upstreamBytesReceived(unwrapInboundIn(data))
        } else {
            // Bytes that nobody asked for: whatever they are, the next response must not begin with them.
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isInRead = false
        if isReleased { putBack() }
        holder?.upstreamReadCompleted()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { holder?.resumeReading() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        guard let client = holder else { return pool?.drop(self) ?? () }
        holder = nil
        client.upstreamClosed(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset or a TLS failure; channelInactive follows and tells the holder.
        isBroken = true
        context.close(promise: nil)
    }
}
