internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Tells when the TLS handshake with an upstream is done, its certificate verified, or has failed.
final class HandshakeAwaiter: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<Void>
    private let deadline: NIODeadline?
    private var limit: Scheduled<Void>?

    var completed: EventLoopFuture<Void> { promise.futureResult }

    /// - Parameter deadline: when the handshake is given up; nil for never.
    init(on eventLoop: any EventLoop, until deadline: NIODeadline?) {
        promise = eventLoop.makePromise()
        self.deadline = deadline
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard let deadline else { return }
        let channel = context.channel
        limit = context.eventLoop.scheduleTask(deadline: deadline) { channel.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        guard let event = event as? TLSUserEvent, case .handshakeCompleted = event else { return }
        limit?.cancel()
        promise.succeed()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.fireErrorCaught(error)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        limit?.cancel()
        // Without effect when the handshake is done.
        promise.fail(ChannelError.eof)
    }
}
