internal import GatehouseCore
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// A small HTTP server on a free port of 127.0.0.1, for the demo's issuer and MCP server.
final class LoopbackServer: Sendable {
    struct Request: Sendable {
        let method: String
        let path: String
        let fields: [(name: String, value: String)]
        let body: [UInt8]
    }

    struct Answer: Sendable {
        var status = 200
        var type = "application/json"
        var body = ""
        /// Server-sent events instead of a body.
        var stream: Stream?
    }

    /// Events one by one, with ``interval`` between them.
    struct Stream: Sendable {
        enum Piece: Sendable {
            case more(String)
            case last(String)
        }

        static let interval: Duration = .milliseconds(50)

        /// The data of the next event, by its position.
        let next: @Sendable (Int) -> Piece
        /// The stream is over: it ended, or its reader went.
        let ended: @Sendable () -> Void
    }

    let port: Int
    private let channel: any Channel

    static func start(
        on group: any EventLoopGroup,
        answer: @escaping @Sendable (Request) -> Answer
    ) async throws -> LoopbackServer {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(LoopbackHandler(answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let port = channel.localAddress?.port else { preconditionFailure("a bound TCP channel has a port") }
        return LoopbackServer(channel: channel, port: port)
    }

    private init(channel: any Channel, port: Int) {
        self.channel = channel
        self.port = port
    }

    func close() async { try? await channel.close().get() }
}

private final class LoopbackHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answer: @Sendable (LoopbackServer.Request) -> LoopbackServer.Answer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var stream: LoopbackServer.Stream?

    init(answer: @escaping @Sendable (LoopbackServer.Request) -> LoopbackServer.Answer) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let bytes): body += bytes.readableBytesView
        case .end:
            guard let head else { return }
            let request = LoopbackServer.Request(
                method: head.method.rawValue,
                path: String(head.uri.prefix { $0 != "?" }),
                fields: head.headers.map { ($0.name, $0.value) },
                body: body
            )
            let answer = answer(request)
            if let stream = answer.stream { begin(stream, context) } else { send(answer, context) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func begin(_ stream: LoopbackServer.Stream, _ context: ChannelHandlerContext) {
        self.stream = stream
        let fields: HTTPHeaders = ["Content-Type": "text/event-stream", "Cache-Control": "no-cache"]
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: fields))),
            promise: nil
        )
        sendEvent(0, context)
    }

    private func sendEvent(_ index: Int, _ context: ChannelHandlerContext) {
        guard let stream else { return }
        switch stream.next(index) {
        case .more(let data):
            write(data, context)
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: .microseconds(LoopbackServer.Stream.interval.microseconds)) {
                let (handler, context) = bound.value
                handler.sendEvent(index + 1, context)
            }
        case .last(let data):
            write(data, context)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            end()
        }
    }

    private func write(_ data: String, _ context: ChannelHandlerContext) {
        let event = ByteBuffer(string: "event: message\ndata: \(data)\n\n")
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(event))), promise: nil)
    }

    private func end() {
        stream?.ended()
        stream = nil
    }

    private func send(_ answer: LoopbackServer.Answer, _ context: ChannelHandlerContext) {
        let fields: HTTPHeaders = ["Content-Type": answer.type, "Content-Length": String(answer.body.utf8.count)]
        let status = HTTPResponseStatus(statusCode: answer.status)
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: fields))),
            promise: nil
        )
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}
