package import GatehouseCore
package import NIOCore
internal import NIOPosix
internal import Synchronization

/// The listener and its event loops.
package final class ProxyServer: Sendable {
    private let loops: [NIOLoopBound<ProxyLoop>]
    private let byEventLoop: [ObjectIdentifier: NIOLoopBound<ProxyLoop>]
    private let group: any EventLoopGroup
    private let listener = Mutex<(any Channel)?>(nil)
    private let open = ConnectionCount()
    private let maximumConnections: Int

    /// Connections that wait to be accepted.
    private static let backlog: CInt = 1024

    /// - Parameter makeLoop: makes what one event loop owns; called on that loop, with its position.
    package init(
        group: any EventLoopGroup,
        limits: ServerLimits,
        makeLoop: @escaping @Sendable (any EventLoop, Int) -> ProxyLoop
    ) async throws {
        var loops: [NIOLoopBound<ProxyLoop>] = []
        for (index, eventLoop) in group.makeIterator().enumerated() {
            loops.append(
                try await eventLoop.submit { NIOLoopBound(makeLoop(eventLoop, index), eventLoop: eventLoop) }.get()
            )
        }
        self.loops = loops
        self.group = group
        maximumConnections = limits.connections
        byEventLoop = Dictionary(uniqueKeysWithValues: zip(group.makeIterator().map { ObjectIdentifier($0) }, loops))
    }

    /// Binds and accepts.
    ///
    /// - Returns: the address that was bound, with the port that the system chose for port 0.
    package func listen(on address: ListenAddress) async throws -> SocketAddress? {
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [byEventLoop, open, maximumConnections] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let loop = byEventLoop[ObjectIdentifier(channel.eventLoop)]?.value else {
                        preconditionFailure("every event loop of the group has its ProxyLoop")
                    }
                    guard open.enter(below: maximumConnections) else {
                        return try channel.pipeline.syncOperations.addHandler(OverloadedHandler(loop: loop))
                    }
                    try channel.pipeline.syncOperations.addHandler(ClientConnection(loop: loop) { open.leave() })
                }
            }
        let channel: any Channel
        switch address {
        case .tcp(let host, let port):
            bootstrap = bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            channel = try await bootstrap.bind(host: host, port: port).get()
        case .unix(let path):
            channel = try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            try UnixSocketMode.restrict(path)
        }
        listener.withLock { $0 = channel }
        return channel.localAddress
    }

    /// Puts a new snapshot in force on every loop. No connection is dropped.
    package func replaceSnapshot(_ snapshot: ProxySnapshot) {
        for loop in loops { loop.eventLoop.execute { loop.value.replaceSnapshot(snapshot) } }
    }

    /// Runs a closure on each loop and gathers the results.
    package func onEachLoop<Result: Sendable>(_ body: @escaping @Sendable (ProxyLoop) -> Result) async throws
        -> [Result]
    {
        var results: [Result] = []
        for loop in loops { results.append(try await loop.eventLoop.submit { body(loop.value) }.get()) }
        return results
    }

    package var openConnections: Int { open.value }

    /// Stops accepting, lets what is under way end, and closes the rest when the grace period is over.
    package func drain(within grace: Duration) async {
        try? await listener.withLock { $0 }?.close().get()
        _ = try? await onEachLoop { $0.beginDraining() }
        let deadline = ContinuousClock.now + grace
        while openConnections > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        _ = try? await onEachLoop { $0.closeEverything() }
    }
}

/// Client connections open now, on all loops. Touched when a connection opens or closes, never by a request.
final class ConnectionCount: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func enter(below limit: Int) -> Bool {
        if count.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        leave()
        return false
    }

    func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}
