internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// An HTTP server on a free port of 127.0.0.1, whose answers a closure gives.
package final class LoopbackHTTP: Sendable {
    package struct Request: Sendable {
        package let method: String
        /// Path and query.
        package let target: String
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]

        /// The first field of that name, which is given in lower case.
        package func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
    }

    package struct Answer: Sendable {
        package enum Ending: Sendable {
            case complete
            /// The bytes of the body are sent, and no end ever.
            case open
            /// Nothing is sent, as by a proxy that waits for the end of a stream.
            case held
        }

        package let status: Int
        package let body: [UInt8]
        /// Beside the type, which is JSON unless one stands here.
        package var fields: [(name: String, value: String)] = []
        package var ending = Ending.complete

        package init(_ status: Int, _ body: [UInt8]) {
            self.status = status
            self.body = body
        }

        package init(_ status: Int, _ text: String) { self.init(status, Array(text.utf8)) }

        package init(_ status: Int, _ text: String, _ fields: [(name: String, value: String)]) {
            self.init(status, text)
            self.fields = fields
        }
    }

    package let url: String
    private let channel: any Channel

    /// - Parameters:
    ///   - certificate: serves TLS with it, which is its own authority.
    ///   - answer: called on an event loop.
    package static func start(
        _ certificate: TestCertificate? = nil,
        answer: @escaping @Sendable (Request) -> Answer
    ) async throws -> LoopbackHTTP {
        let context = try certificate.map { pair in
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(pair.certificate.utf8))
                        .map { .certificate($0) },
                    privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(pair.privateKey.utf8), format: .pem))
                )
            )
        }
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(LoopbackHTTPHandler(answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port ?? 0
        return LoopbackHTTP("\(certificate == nil ? "http" : "https")://127.0.0.1:\(port)", channel)
    }

    private init(_ url: String, _ channel: any Channel) {
        self.url = url
        self.channel = channel
    }

    deinit { channel.close(promise: nil) }

    package func close() async { try? await channel.close().get() }
}

private final class LoopbackHTTPHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answer: @Sendable (LoopbackHTTP.Request) -> LoopbackHTTP.Answer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(answer: @escaping @Sendable (LoopbackHTTP.Request) -> LoopbackHTTP.Answer) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let bytes): body += bytes.readableBytesView
        case .end:
            guard let head else { return }
            let answer = answer(
                LoopbackHTTP.Request(
                    method: head.method.rawValue,
                    target: head.uri,
                    headers: head.headers.map { ($0.name, $0.value) },
                    body: body
                )
            )
            guard answer.ending != .held else { return }
            var fields: HTTPHeaders = ["Content-Type": "application/json"]
            for field in answer.fields { fields.replaceOrAdd(name: field.name, value: field.value) }
            if answer.ending == .complete { fields.add(name: "Content-Length", value: "\(answer.body.count)") }
            let status = HTTPResponseStatus(statusCode: answer.status)
            let line = HTTPResponseHead(version: .http1_1, status: status, headers: fields)
            context.write(wrapOutboundOut(.head(line)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
            guard answer.ending == .complete else { return context.flush() }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
