internal import GatehouseCore
internal import NIOCore

/// Answers a connection beyond the limit with 503 `overloaded` and closes it, so that the client learns why.
final class OverloadedHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let loop: ProxyLoop

    /// Answered connections of one event loop that wait for their clients to close; beyond it a new one is closed unanswered.
    static let maximumAnswered = 64
    static let lingerTimeout: TimeAmount = .seconds(2)

    init(loop: ProxyLoop) { self.loop = loop }

    func channelActive(context: ChannelHandlerContext) {
        loop.metrics.countOverloaded()
        let answer = SmallAnswer(.overloaded, requestID: RequestID(using: &loop.random), persistence: .close)
        var bytes = context.channel.allocator.buffer(capacity: SmallAnswer.maximumLength)
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: SmallAnswer.maximumLength) { answer.write(into: $0) }
        let channel = context.channel
        guard loop.answeredOverloads < Self.maximumAnswered else { return channel.close(promise: nil) }
        loop.answeredOverloads += 1
        // Closed with a request unread, the kernel would send a reset that overtakes the answer (RFC 9112 section 9.6).
        context.writeAndFlush(wrapOutboundOut(bytes)).whenComplete { _ in channel.close(mode: .output, promise: nil) }
        let limit = context.eventLoop.scheduleTask(in: Self.lingerTimeout) { channel.close(promise: nil) }
        channel.closeFuture.assumeIsolated().whenComplete { [loop] _ in
            loop.answeredOverloads -= 1
            limit.cancel()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
