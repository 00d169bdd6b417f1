import Foundation
import GatehouseTestSupport
import NIOCore
import NIOEmbedded
import NIOSSL
import NIOTLS
import TLSClient
import Testing

/// The session against another implementation of TLS, in memory: BoringSSL in an embedded channel.
@Suite struct TLSSessionTests {
    @Test(arguments: [1, 7, 100_000], [TLSVersion.tlsv12, .tlsv13])
    func `a handshake and its data pass in pieces of any size`(piece: Int, version: TLSVersion) throws {
        let pair = try Pair(version: version)
        try pair.connect(piece: piece)
        #expect(pair.session.isSecured)
        #expect(pair.negotiated.read { $0 } == "http/1.1")

        let question = (0..<200_000).map { UInt8(truncatingIfNeeded: $0) }
        try question.withUnsafeBytes { try pair.session.write($0) }
        try pair.exchange(piece: 100_000)
        #expect(try pair.readOnServer() == question)

        let answer = Array(question.reversed())
        try pair.server.writeOutbound(ByteBuffer(bytes: answer))
        try pair.exchange(piece: max(piece, 500))
        #expect(pair.received == answer)
        #expect(!pair.isEnded)
    }

    @Test func `the server's last word is told from a mere silence`() throws {
        let pair = try Pair()
        try pair.connect()
        try pair.server.writeOutbound(ByteBuffer(string: "bye"))
        pair.server.close(promise: nil)
        try pair.exchange()
        #expect(String(decoding: pair.received, as: UTF8.self) == "bye")
        #expect(pair.isEnded)
    }

    @Test func `a session that ends says so`() throws {
        let pair = try Pair()
        try pair.connect()
        pair.session.end()
        #expect(pair.session.pendingOutput > 0)
    }

    @Test func `a record that was tampered with is an error and gives nothing`() throws {
        let pair = try Pair()
        try pair.connect()
        try pair.server.writeOutbound(ByteBuffer(string: "secret"))
        var record = try pair.takeFromServer()
        record[record.count - 1] ^= 1
        try record.withUnsafeBytes { try pair.session.receive($0) }
        #expect(throws: TLSError.self) { try pair.read() }
        #expect(pair.received.isEmpty)
    }

    @Test func `a certificate of an unknown authority, or for another name, ends the handshake`() throws {
        let stranger = try Pair(trusting: .stranger)
        #expect(throws: TLSError.self) { try stranger.connect() }
        #expect(!stranger.session.isSecured)
        let other = try Pair(host: "127.0.0.2")
        #expect(throws: TLSError.self) { try other.connect() }
        let named = try Pair(host: "gatehouse.example")
        #expect(throws: TLSError.self) { try named.connect() }
    }

    /// Authorities do not verify the common name (RFC 9525 section 2).
    @Test func `a common name is no name of the server`() throws {
        let pair = try Pair(trusting: .commonName, showing: .commonName, host: "gatehouse.example")
        #expect(throws: TLSError.self) { try pair.connect() }
        #expect(!pair.session.isSecured)
    }

    @Test func `what is no TLS ends the handshake`() throws {
        let pair = try Pair()
        _ = try pair.session.handshake()
        try Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8).withUnsafeBytes { try pair.session.receive($0) }
        #expect(throws: TLSError.self) { try pair.session.handshake() }
    }

    @Test func `a server of TLS 1.1 is refused`() throws {
        let pair = try Pair(version: .tlsv11)
        #expect(throws: (any Error).self) { try pair.connect() }
        #expect(!pair.session.isSecured)
    }

    @Test func `a file without certificates is an error that names it`() throws {
        #expect(throws: TLSError.self) { try TLSContext(.file("/nonexistent/roots.pem")) }
        #expect(throws: Never.self) { try TLSContext(.system) }
    }
}

/// A session and the server that it talks to.
private final class Pair {
    let session: TLSSession
    let server: EmbeddedChannel
    let negotiated = Watched<String?>(nil)
    private(set) var received: [UInt8] = []
    private(set) var isEnded = false

    init(
        version: TLSVersion = .tlsv13,
        trusting roots: TestCertificate = .loopback,
        showing certificate: TestCertificate = .loopback,
        host: String = "127.0.0.1"
    ) throws {
        let path = "/tmp/gatehouse-\(UInt32.random(in: 0...UInt32.max)).pem"
        try roots.certificate.write(toFile: path, atomically: true, encoding: .utf8)
        defer { unlink(path) }
        session = try TLSSession(TLSContext(.file(path)), host: host)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.certificate.utf8))
                .map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(certificate.privateKey.utf8), format: .pem))
        )
        configuration.minimumTLSVersion = .tlsv1
        configuration.maximumTLSVersion = version
        configuration.applicationProtocols = ["http/1.1", "h2"]
        let context = try NIOSSLContext(configuration: configuration)
        server = EmbeddedChannel()
        try server.pipeline.syncOperations.addHandlers(
            NIOSSLServerHandler(context: context),
            Noting(negotiated)
        )
        server.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    deinit {
        // The server's handlers hold each other until its channel is closed, and nobody answers its goodbye.
        server.close(promise: nil)
        server.embeddedEventLoop.advanceTime(by: .minutes(1))
    }

    func connect(piece: Int = 100_000) throws {
        _ = try session.handshake()
        for _ in 0..<20 where !session.isSecured { try exchange(piece: piece) }
        try exchange(piece: piece)
    }

    /// Carries bytes both ways until nothing moves.
    func exchange(piece: Int = 100_000) throws {
        while true {
            let sent = takeFromSession()
            if !sent.isEmpty { try server.writeInbound(ByteBuffer(bytes: sent)) }
            let answer = try takeFromServer()
            guard !sent.isEmpty || !answer.isEmpty else { return }
            var rest = answer[...]
            while !rest.isEmpty {
                try rest.prefix(piece).withUnsafeBytes { try session.receive($0) }
                rest = rest.dropFirst(piece)
                if !session.isSecured { guard try session.handshake() == .done else { continue } }
                try read()
            }
        }
    }

    func read() throws {
        var place = [UInt8](repeating: 0, count: 4096)
        while true {
            switch try place.withUnsafeMutableBytes({ try session.read(into: $0) }) {
            case .bytes(let count): received += place[..<count]
            case .waiting: return
            case .ended:
                isEnded = true
                return
            }
        }
    }

    func readOnServer() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let next = try server.readInbound(as: ByteBuffer.self) { bytes += next.readableBytesView }
        return bytes
    }

    private func takeFromSession() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: session.pendingOutput)
        let count = bytes.withUnsafeMutableBytes { session.takeOutput(into: $0) }
        return Array(bytes[..<count])
    }

    func takeFromServer() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let next = try server.readOutbound(as: ByteBuffer.self) { bytes += next.readableBytesView }
        return bytes
    }
}

/// Notes the protocol that was agreed on.
private final class Noting: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let negotiated: Watched<String?>

    init(_ negotiated: Watched<String?>) { self.negotiated = negotiated }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let name)? = event as? TLSUserEvent { negotiated.update { $0 = name } }
    }
}
