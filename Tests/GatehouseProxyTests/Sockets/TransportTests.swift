import Foundation
import GatehouseCore
import GatehouseTestSupport
import NIOCore
import NIOPosix
import NIOSSL
import TLSClient
import Testing

@testable import GatehouseProxy

/// Unix sockets on both sides, and TLS to the upstream.
@Suite struct TransportTests {
    private static func path(_ name: String) -> String {
        // Short enough for sockaddr_un wherever the temporary directory is.
        "/tmp/gatehouse-\(UInt32.random(in: 0...UInt32.max))-\(name).sock"
    }

    @Test func `Unix sockets serve on both sides`() async throws {
        let listener = Self.path("listen")
        let upstream = Self.path("upstream")
        defer {
            unlink(listener)
            unlink(upstream)
        }
        try await Gateway.run(listener: listener, upstream: try RawListener(path: upstream)) { gateway in
            let attributes = try FileManager.default.attributesOfItem(atPath: listener)
            #expect((attributes[.posixPermissions] as? Int) == 0o660)
            let client = try gateway.client()
            try client.send(Gateway.post(body: "x"))
            let connection = try gateway.upstream.accept()
            #expect(try connection.receive(through: "\r\n\r\nx").contains("\r\nHost: localhost\r\n"))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().text == "{}")
            _ = try gateway.exchange(client, over: connection)
        }
    }

    @Test func `a socket file that a process left behind is replaced`() async throws {
        let path = Self.path("left")
        defer { unlink(path) }
        do { _ = try RawListener(path: path) }
        try await Gateway.run(listener: path) { gateway in _ = try gateway.exchange(try gateway.client()) }
    }

    @Test func `a Unix upstream that is not there is a 502`() async throws {
        let path = Self.path("none")
        try await Gateway.run(routes: { _ in [try Gateway.route("unix:\(path)")] }) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            #expect(try client.receiveAnswer().status == 502)
            #expect(gateway.audit.outcomes.last?.refusal == .upstreamUnreachable)
        }
    }

    @Test func `an upstream is found by its name`() async throws {
        try await Gateway.run(routes: { [try Gateway.route($0.url.replacing("127.0.0.1", with: "localhost"))] }) {
            gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let connection = try gateway.upstream.accept()
            #expect(try connection.receive(through: "\r\n\r\n").contains("\r\nHost: localhost:"))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    // MARK: - TLS

    /// The file with a certificate, which the caller removes.
    private static func roots(_ certificate: TestCertificate = .loopback) throws -> String {
        let path = "/tmp/gatehouse-\(UInt32.random(in: 0...UInt32.max)).pem"
        try certificate.certificate.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test func `an HTTPS upstream is verified and used`() async throws {
        let roots = try Self.roots()
        defer { unlink(roots) }
        try await TLSUpstream.run { upstream in
            try await Gateway.run(
                trustRoots: .file(roots),
                routes: { _ in [try Gateway.route("https://127.0.0.1:\(upstream.port)")] }
            ) { gateway in
                let client = try gateway.client()
                for _ in 0..<2 {
                    try client.send(Gateway.get())
                    #expect(try client.receiveAnswer().text == "tls")
                }
                #expect(upstream.heads.read { $0.count } == 2)
                #expect(upstream.heads.read { $0[0].contains("\r\nX-Coda-Api-Key: \(Gateway.token)\r\n") })
            }
        }
    }

    /// One is not trusted, the other is and names somebody else.
    @Test(arguments: [true, false])
    func `a certificate that does not verify is a 502, and its server sees no request`(isTrusted: Bool) async throws {
        let roots = try Self.roots(.stranger)
        defer { unlink(roots) }
        try await TLSUpstream.run(isTrusted ? .stranger : .loopback) { upstream in
            try await Gateway.run(
                trustRoots: .file(roots),
                routes: { _ in [try Gateway.route("https://127.0.0.1:\(upstream.port)")] }
            ) { gateway in
                let client = try gateway.client()
                try client.send(Gateway.post(body: "x"))
                #expect(try client.receiveAnswer().status == 502)
                #expect(gateway.audit.outcomes.last?.refusal == .upstreamUnreachable)
                #expect(upstream.heads.read { $0.isEmpty })
            }
        }
    }

    /// The route's own authority is believed on that route, and the system's are not.
    @Test func `a route verifies against its own authority`() async throws {
        let (own, other) = (try Self.roots(), try Self.roots(.stranger))
        defer {
            unlink(own)
            unlink(other)
        }
        try await TLSUpstream.run { upstream in
            let url = "https://127.0.0.1:\(upstream.port)"
            try await Gateway.run(routes: { _ in
                [
                    try Gateway.route(url, path: "/own", tls: .init(authorities: own)),
                    try Gateway.route(url, name: "other", path: "/other", inject: [:], tls: .init(authorities: other)),
                    try Gateway.route(url, name: "system", path: "/system", inject: [:]),
                ]
            }) { gateway in
                let client = try gateway.client()
                for (path, status) in [("/own", 200), ("/other", 502), ("/system", 502), ("/own", 200)] {
                    try client.send(Gateway.get(path))
                    #expect(try client.receiveAnswer().status == status)
                }
                #expect(upstream.heads.read { $0.count } == 2)
            }
        }
    }

    /// A server that has another name than the address under which it is reached.
    @Test(arguments: [("other.example", 200), ("another.example", 502)])
    func `the certificate names the server that the route names`(name: String, status: Int) async throws {
        let roots = try Self.roots(.stranger)
        defer { unlink(roots) }
        try await TLSUpstream.run(.stranger) { upstream in
            try await Gateway.run(routes: { _ in
                [
                    try Gateway.route(
                        "https://127.0.0.1:\(upstream.port)",
                        tls: .init(authorities: roots, serverName: name)
                    )
                ]
            }) { gateway in
                let client = try gateway.client()
                try client.send(Gateway.get())
                #expect(try client.receiveAnswer().status == status)
                #expect(upstream.heads.read { $0.allSatisfy { $0.contains("\r\nHost: 127.0.0.1:") } })
            }
        }
    }

    /// A connection that an authority let in does not outlive it, and stays where the file says what it said.
    @Test func `another authority in the same file is followed`() async throws {
        let file = try Self.roots()
        defer { unlink(file) }
        try await TLSUpstream.run { upstream in
            let routes = [
                try Gateway.route("https://127.0.0.1:\(upstream.port)", tls: .init(authorities: file))
            ]
            let first = try UpstreamAuthorities(of: routes)
            try await Gateway.run(routes: { _ in routes }) { gateway in
                let client = try gateway.client()
                try client.send(Gateway.get())
                #expect(try client.receiveAnswer().status == 200)
                try await Polling.until("an idle connection") { try await gateway.idle() == 1 }

                let same = try UpstreamAuthorities(of: routes, keeping: first)
                #expect(same.context(for: routes[0].upstream) === first.context(for: routes[0].upstream))

                try TestCertificate.stranger.certificate.write(toFile: file, atomically: true, encoding: .utf8)
                let changed = try UpstreamAuthorities(of: routes, keeping: first)
                gateway.server.replaceSnapshot(try Gateway.snapshot(routes, authorities: changed))
                #expect(try await gateway.idle() == 0)
                try client.send(Gateway.get())
                #expect(try client.receiveAnswer().status == 502)
            }
        }
    }

    @Test(arguments: [
        (nil, "No such file"), ("", "no certificates"), ("nonsense", "no certificates"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
    ])
    func `a file of authorities that is none is named`(content: String?, words: String) throws {
        let path = "/tmp/gatehouse-\(UInt32.random(in: 0...UInt32.max)).pem"
        defer { unlink(path) }
        try content?.write(toFile: path, atomically: true, encoding: .utf8)
        let route = try Gateway.route("https://127.0.0.1:1", tls: .init(authorities: path))
        let error = #expect(throws: InvalidValue.self) { try UpstreamAuthorities(of: [route]) }
        #expect(error?.message.contains(words) ?? false, "\(error?.message ?? "")")
        #expect(error?.message.contains("'coda', \(path)") ?? false)
    }

    @Test func `a pipe in place of authorities is not waited for`() throws {
        let path = "/tmp/gatehouse-\(UInt32.random(in: 0...UInt32.max)).pem"
        #expect(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let route = try Gateway.route("https://127.0.0.1:1", tls: .init(authorities: path))
        let error = #expect(throws: InvalidValue.self) { try UpstreamAuthorities(of: [route]) }
        #expect(error?.message.contains("a pipe") ?? false)
    }

    @Test func `an upstream that speaks no TLS is a 502`() async throws {
        try await Gateway.run(routes: { [try Gateway.route($0.url.replacing("http:", with: "https:"))] }) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let connection = try gateway.upstream.accept()
            try connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
            #expect(try client.receiveAnswer().status == 502)
            #expect(gateway.audit.outcomes.last?.refusal == .upstreamUnreachable)
            #expect(!String(decoding: connection.received, as: UTF8.self).contains(Gateway.token))
        }
    }

    @Test func `a handshake that stalls ends with the connect timeout`() async throws {
        try await Gateway.run(routes: {
            [
                try Gateway.route(
                    $0.url.replacing("http:", with: "https:"),
                    timeouts: RouteTimeouts(connect: .milliseconds(50))
                )
            ]
        }) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let connection = try gateway.upstream.accept()
            #expect(try client.receiveAnswer().status == 502)
            #expect(gateway.audit.outcomes.last?.refusal == .upstreamUnreachable)
            _ = try connection.receiveToEnd(orReset: true)
        }
    }

    /// Asks for a body that ends with its upstream's connection, with the alert that TLS ends with or without it.
    private func receiveBody(
        endsCleanly: Bool,
        for request: String,
        _ receive: (RawSocket) throws -> Void
    ) async throws {
        let roots = try Self.roots()
        defer { unlink(roots) }
        let closes: TLSUpstream.Closing = endsCleanly ? .cleanly : .abruptly
        try await TLSUpstream.run(answer: "HTTP/1.1 200 OK\r\n\r\nall", closes: closes) { upstream in
            try await Gateway.run(
                trustRoots: .file(roots),
                routes: { _ in [try Gateway.route("https://127.0.0.1:\(upstream.port)")] }
            ) { gateway in
                let client = try gateway.client()
                try client.send(request)
                try receive(client)
                let ending: Ending = endsCleanly ? .complete : .upstreamClosed
                #expect(try gateway.audit.waitForOutcomes().first?.ending == ending)
            }
        }
    }

    @Test(arguments: [true, false])
    func `a body that ends with the connection needs the TLS end`(isClean: Bool) async throws {
        try await receiveBody(endsCleanly: isClean, for: Gateway.get()) { client in
            _ = try client.receive(through: "\r\n3\r\nall\r\n")
            if isClean {
                try client.receive(exactly: "0\r\n\r\n")
            } else {
                #expect(try client.receiveToEnd(orReset: true).isEmpty)
            }
        }
    }

    /// A client of HTTP/1.0 learns the end of such a body from its connection alone.
    @Test(arguments: [true, false])
    func `a client without chunks sees a reset where a body was cut`(isClean: Bool) async throws {
        let request = Gateway.get().replacing("HTTP/1.1", with: "HTTP/1.0")
        try await receiveBody(endsCleanly: isClean, for: request) { client in
            if isClean {
                let text = try client.receiveTextToEnd()
                #expect(text.hasSuffix("\r\n\r\nall"))
            } else {
                let failure = #expect(throws: SocketFailure.self) { try client.receiveToEnd() }
                #expect(failure?.isReset == true)
            }
        }
    }
}

/// An HTTPS server that gives every request the same answer and keeps the heads it got.
private final class TLSUpstream: Sendable {
    enum Closing {
        case never, cleanly
        /// Without the alert that TLS ends with.
        case abruptly
    }

    let heads: Watched<[String]>
    let port: Int

    static func run(
        _ certificate: TestCertificate = .loopback,
        answer: String = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntls",
        closes: Closing = .never,
        _ body: (TLSUpstream) async throws -> Void
    ) async throws {
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.certificate.utf8))
                    .map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(certificate.privateKey.utf8), format: .pem))
            )
        )
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let heads = Watched<[String]>([])
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOSSLServerHandler(context: context),
                        Answering(answer, closes, heads)
                    )
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let upstream = TLSUpstream(port: channel.localAddress?.port ?? 0, heads: heads)
        do { try await body(upstream) } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    private init(port: Int, heads: Watched<[String]>) {
        self.port = port
        self.heads = heads
    }

    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answer: String
        private let closes: Closing
        private let heads: Watched<[String]>
        private var text = ""

        init(_ answer: String, _ closes: Closing, _ heads: Watched<[String]>) {
            self.answer = answer
            self.closes = closes
            self.heads = heads
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            guard text.hasSuffix("\r\n\r\n") else { return }
            let head = text
            text = ""
            heads.update { $0.append(head) }
            let written = context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)))
            let closes = closes
            let channel = context.channel
            written.assumeIsolated().whenComplete { _ in
                switch closes {
                case .never: break
                case .cleanly: channel.close(promise: nil)
                case .abruptly:
                    // From the TLS handler on, so that it does not see the close.
                    let tls = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
                    tls?.close(promise: nil)
                }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
