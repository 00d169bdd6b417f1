internal import GatehouseCore
internal import NIOCore
internal import NIOPosix
package import NIOSSL
internal import Synchronization

/// Makes connections to upstreams: TCP, TLS over TCP, unix sockets.
package final class UpstreamConnector: Sendable {
    private let trustRoots: NIOSSLTrustRoots
    /// Made for the first `https` upstream: reading the system's certificate authorities takes milliseconds and megabytes.
    private let context = Mutex<NIOSSLContext?>(nil)

    /// Longer than any kernel tries (tcp(7), `tcp_syn_retries`).
    private static let unlimitedConnect: TimeAmount = .minutes(10)

    /// - Parameter trustRoots: certificates that `https` upstreams are verified against.
    package init(trustRoots: NIOSSLTrustRoots = .default) { self.trustRoots = trustRoots }

    /// Makes ready for `https` upstreams, so that the first request to one does not wait for it.
    ///
    /// - Throws: when the certificate authorities cannot be read.
    @discardableResult
    package func prepareTLS() throws -> NIOSSLContext {
        try context.withLock { context in
            if let context { return context }
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = trustRoots
            configuration.applicationProtocols = ["http/1.1"]
            configuration.minimumTLSVersion = .tlsv12
            let made = try NIOSSLContext(configuration: configuration)
            context = made
            return made
        }
    }

    func connect(
        to upstream: Upstream,
        within timeout: Duration,
        on eventLoop: any EventLoop,
        _ completion: @escaping (Result<UpstreamConnection, any Error>) -> Void
    ) {
        let deadline = timeout > .zero ? NIODeadline.now() + .microseconds(timeout.microseconds) : nil
        var bootstrap = ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    if upstream.isSecure {
                        try channel.pipeline.syncOperations.addHandlers(
                            NIOSSLClientHandler(context: prepareTLS(), serverHostname: upstream.serverName),
                            HandshakeAwaiter(on: channel.eventLoop, until: deadline)
                        )
                    }
                    try channel.pipeline.syncOperations.addHandler(UpstreamConnection())
                }
            }
        // Without a limit of the route's the system's own holds, not NIO's default.
        bootstrap = bootstrap.connectTimeout(
            timeout > .zero ? .microseconds(timeout.microseconds) : Self.unlimitedConnect
        )
        let channel =
            switch upstream.endpoint {
            case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        // A connection stands once its certificate is verified: before, no request may be given to it.
        channel.flatMap { channel in
            guard upstream.isSecure else { return channel.eventLoop.makeSucceededFuture(channel) }
            return channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.handler(type: HandshakeAwaiter.self).completed
            }
            .flatMap { $0 }.map { channel }
        }
        .flatMapThrowing { channel in
            NIOLoopBound(
                try channel.pipeline.syncOperations.handler(type: UpstreamConnection.self),
                eventLoop: eventLoop
            )
        }
        .assumeIsolated().whenComplete { result in completion(result.map(\.value)) }
    }
}

extension Upstream {
    /// The name for SNI; an address has none (RFC 6066 section 3).
    fileprivate var serverName: String? {
        guard case .tcp(let host, _) = endpoint else { return nil }
        let isAddress = host.contains(":") || host.utf8.allSatisfy { $0.isASCIIDigit || $0 == 0x2E }
        return isAddress ? nil : host
    }
}
