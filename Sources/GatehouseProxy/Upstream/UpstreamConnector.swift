internal import GatehouseCore
package import SocketLoop
internal import Synchronization
package import TLSClient

/// Makes connections to upstreams: TCP, TLS over TCP, unix sockets.
package final class UpstreamConnector: Sendable {
    private let trustRoots: TLSContext.TrustRoots
    /// Made for the first `https` upstream, because reading the system's certificate authorities takes milliseconds and megabytes.
    private let context = Mutex<TLSContext?>(nil)

    private let deadPeer: DeadPeer
    private let connectPage: ConnectPage?

    /// Makes a connection to the page on which people connect their tokens, on a loop: no address leads there.
    package typealias ConnectPage = @Sendable (EpollLoop) throws(SocketError) -> StreamSocket

    /// - Parameters:
    ///   - trustRoots: certificates that `https` upstreams are verified against whose routes name none.
    ///   - deadPeer: when an upstream that says nothing any more is given up.
    ///   - connectPage: nil where there is no such page.
    package init(
        trustRoots: TLSContext.TrustRoots = .system,
        deadPeer: DeadPeer = .standard,
        connectPage: ConnectPage? = nil
    ) {
        self.trustRoots = trustRoots
        self.deadPeer = deadPeer
        self.connectPage = connectPage
    }

    /// Makes ready for `https` upstreams, so that the first request to one does not wait for it.
    ///
    /// - Throws: ``TLSError`` when the certificate authorities cannot be read.
    @discardableResult
    package func prepareTLS() throws(TLSError) -> TLSContext {
        try context.withLock { context throws(TLSError) in
            if let context { return context }
            let made = try TLSContext(trustRoots)
            context = made
            return made
        }
    }

    /// Calls back once the connection stands, its certificate verified where TLS is spoken: before, no request may be given to it.
    /// Never before it returns.
    func connect(
        to upstream: PooledUpstream,
        within timeout: TimeSpan?,
        on eventLoop: EpollLoop,
        _ completion: @escaping (Result<UpstreamConnection, any Error>) -> Void
    ) {
        if let connectPage, upstream.upstream.isConnectPage {
            let made = Result { () throws(SocketError) in UpstreamConnection(try connectPage(eventLoop)) }
            return eventLoop.soon { completion(made.mapError { $0 }) }
        }
        do throws(TLSError) {
            SocketConnector.connect(
                to: upstream.upstream.endpoint,
                tls: try session(for: upstream),
                within: timeout,
                deadPeer: deadPeer,
                on: eventLoop
            ) { result in
                completion(result.map { UpstreamConnection($0) }.mapError { $0 })
            }
        } catch {
            eventLoop.soon { completion(.failure(error)) }
        }
    }

    private func session(for pooled: PooledUpstream) throws(TLSError) -> TLSSession? {
        let upstream = pooled.upstream
        guard upstream.isSecure, case .tcp(let host, _) = upstream.endpoint else { return nil }
        let context = if let own = pooled.context { own } else { try prepareTLS() }
        return try TLSSession(context, host: upstream.tls.serverName ?? host)
    }
}
