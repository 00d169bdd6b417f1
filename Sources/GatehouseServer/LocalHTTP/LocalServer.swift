package import GatehouseCore
package import SocketLoop

/// A small HTTP/1.1 server for what is not the data plane: the admin listener, and the servers of the demo. Anything that reaches it may send
/// what it likes, so all that a connection can hold is bounded, and so is the number of connections.
package final class LocalServer: Sendable {
    package struct Bounds: Sendable {
        /// Connections open at once. A further one takes the place of the one that has kept the server waiting longest: who holds all places
        /// with half requests keeps nobody else out. More than a listener accepts in one turn of its loop, so that each is read before it
        /// has to go.
        package static let defaultConnections = 128
        /// Time from the first byte of a request to its end, and from accept to the first byte; beyond it the connection closes.
        package static let defaultRequestTimeout: TimeSpan = .seconds(10)
        /// Time between requests; beyond it the connection closes.
        package static let defaultIdleTimeout: TimeSpan = .seconds(130)
        /// How long a client may take nothing of an answer; beyond it the connection closes.
        package static let defaultWriteTimeout: TimeSpan = .seconds(10)
        /// How long a closed side is listened to, so that the last answer is not overtaken by a reset.
        package static let lingerTimeout: TimeSpan = .seconds(2)

        package var connections = Bounds.defaultConnections
        /// Bytes of a request's body; beyond it 413.
        package var body = 0
        package var requestTimeout = Bounds.defaultRequestTimeout
        package var idleTimeout = Bounds.defaultIdleTimeout
        package var writeTimeout = Bounds.defaultWriteTimeout

        package init() {}

        /// For the page on which people connect their tokens: its answer may wait for a vendor, and the data path limits how long.
        static var ofConnectPage: Bounds {
            var bounds = Bounds()
            bounds.body = Route.connectBody
            return bounds
        }
    }

    /// Answers one request of a connection; the next is read when this one is answered.
    package typealias Answering = @Sendable (_ request: LocalRequest) async -> LocalAnswer

    package let port: Int?
    private let listeners: LoopBound<[SocketListener]>
    private let connections: LoopBound<LocalConnections>

    /// - Throws: ``SocketError`` when the address cannot be had.
    package static func start(
        on address: Endpoint,
        loop: EpollLoop,
        bounds: Bounds = Bounds(),
        isShared: Bool = false,
        answer: @escaping Answering
    ) async throws -> LocalServer {
        let connections = try await loop.submit {
            LoopBound(LocalConnections(loop, bounds: bounds, answer: answer), on: loop)
        }
        let (listeners, port) = try await SocketListener.listen(
            on: address,
            unixMode: Endpoint.unixMode,
            isShared: isShared,
            loop: loop
        ) { connections.value.adopt($0) }
        return LocalServer(listeners, connections, port)
    }

    /// A server that listens nowhere: each connection is made by ``connect(on:)``, within this process.
    package static func start(
        within loop: EpollLoop,
        bounds: Bounds = Bounds(),
        answer: @escaping Answering
    ) async throws -> LocalServer {
        let connections = try await loop.submit {
            LoopBound(LocalConnections(loop, bounds: bounds, answer: answer), on: loop)
        }
        let listeners = LoopBound<[SocketListener]>([], on: loop)
        return LocalServer(listeners, connections, nil)
    }

    /// The client's end of a new connection to this server.
    ///
    /// - Parameter loop: the client's, on which this is called.
    package func connect(on loop: EpollLoop) throws(SocketError) -> StreamSocket {
        let (one, other) = try SocketPair.make()
        // It is closed with its loop, should that have ended.
        connections.loop.execute { [connections] in connections.value.adopt(other) }
        return try StreamSocket(adopting: one, on: loop)
    }

    private init(
        _ listeners: LoopBound<[SocketListener]>,
        _ connections: LoopBound<LocalConnections>,
        _ port: Int?
    ) {
        self.listeners = listeners
        self.connections = connections
        self.port = port
    }

    /// Stops accepting and closes every connection.
    package func close() async {
        await SocketListener.leave(listeners)
        _ = try? await connections.loop.submit { [connections] in connections.value.closeAll() }
    }
}

/// The connections of one server. Confined to its loop.
final class LocalConnections {
    let loop: EpollLoop
    let bounds: LocalServer.Bounds
    let answer: LocalServer.Answering
    /// The open connections, at most ``LocalServer/Bounds/connections``.
    private var open: [LocalConnection] = []
    private var isSweeping = false

    /// How far deadlines may be overrun.
    private static let sweepInterval: TimeSpan = .milliseconds(500)

    init(_ loop: EpollLoop, bounds: LocalServer.Bounds, answer: @escaping LocalServer.Answering) {
        self.loop = loop
        self.bounds = bounds
        self.answer = answer
    }

    func adopt(_ descriptor: CInt) {
        // One that cannot be watched is closed already.
        guard let socket = try? StreamSocket(adopting: descriptor, on: loop) else { return }
        if open.count >= bounds.connections {
            guard let slowest = open.filter(\.waitsForClient).min(by: { $0.since < $1.since }) else {
                return socket.close()
            }
            slowest.close()
            remove(slowest)
        }
        let connection = LocalConnection(socket, of: self)
        open.append(connection)
        connection.begin()
        if !isSweeping { startSweep() }
    }

    func remove(_ connection: LocalConnection) { open.removeAll { $0 === connection } }

    func closeAll() {
        for connection in open { connection.close() }
        open = []
    }

    private func startSweep() {
        isSweeping = true
        loop.schedule(after: Self.sweepInterval) { [weak self] in self?.sweepOnce() }
    }

    private func sweepOnce() {
        for connection in open where connection.deadline <= loop.now { connection.close() }
        if open.isEmpty { isSweeping = false } else { startSweep() }
    }
}
