internal import GatehouseCore
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// The admin listener: health, readiness, metrics, status. Answers GET and HEAD of a few paths, and POST of those that change something.
final class AdminServer: Sendable {
    struct Page: Sendable {
        var status: HTTPResponseStatus = .ok
        var type = "text/plain; charset=utf-8"
        var body: String
        /// Beside those that every page has.
        var fields: [(name: String, value: String)] = []
    }

    struct Request: Sendable {
        let method: String
        /// Without the query.
        let path: String
        /// The value of `Host`.
        let host: String?
        /// The value of ``RunFile/keyField``.
        let runKey: String?
    }

    typealias Pages = @Sendable (_ request: Request) async -> Page?

    private let channel: any Channel

    /// - Parameter pages: the page that a request asks for, nil when there is none.
    static func start(on address: ListenAddress, group: any EventLoopGroup, pages: @escaping Pages) async throws
        -> AdminServer
    {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(AdminHandler(pages: pages))
                }
            }
        let channel: any Channel
        do {
            switch address {
            case .tcp(let host, let port): channel = try await bootstrap.bind(host: host, port: port).get()
            case .unix(let path):
                channel = try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            }
        } catch {
            throw GatehouseError(.listener, "the admin listener cannot listen on \(address)", underlying: error)
        }
        return AdminServer(channel: channel)
    }

    private init(channel: any Channel) { self.channel = channel }

    var port: Int? { channel.localAddress?.port }

    func close() async { try? await channel.close().get() }
}

/// One connection to the admin listener. Slow clients hold a connection of it, never one of the data plane.
private final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let pages: AdminServer.Pages
    private var head: HTTPRequestHead?

    init(pages: @escaping AdminServer.Pages) { self.pages = pages }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard [.GET, .HEAD, .POST].contains(head.method) else {
            return send(AdminServer.Page(status: .methodNotAllowed, body: "only GET is served here\n"), head, context)
        }
        let request = AdminServer.Request(
            method: head.method.rawValue,
            path: String(head.uri.prefix { $0 != "?" }),
            host: head.headers.first(name: "Host"),
            runKey: head.headers.first(name: RunFile.keyField)
        )
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        Task { [pages] in
            let page = await pages(request) ?? AdminServer.Page(status: .notFound, body: "there is no such page\n")
            eventLoop.execute {
                let (handler, context) = bound.value
                handler.send(page, head, context)
            }
        }
    }

    private func send(_ page: AdminServer.Page, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        var fields = HTTPHeaders()
        fields.add(name: "Content-Type", value: page.type)
        fields.add(name: "Content-Length", value: String(page.body.utf8.count))
        fields.add(name: "Cache-Control", value: "no-store")
        fields.add(name: "X-Content-Type-Options", value: "nosniff")
        for field in page.fields { fields.add(name: field.name, value: field.value) }
        if !head.isKeepAlive { fields.add(name: "Connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: page.status, headers: fields))),
            promise: nil
        )
        if head.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: page.body)))), promise: nil)
        }
        let channel = context.channel
        let end = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !head.isKeepAlive { end.whenComplete { _ in channel.close(promise: nil) } }
    }
}
