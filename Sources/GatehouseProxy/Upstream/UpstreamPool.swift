internal import GatehouseCore
internal import SocketLoop

/// The idle keep-alive connections to one upstream on one event loop. The one used last is taken first, so that the others age
/// and close.
final class UpstreamPool {
    let upstream: PooledUpstream
    /// Idle connections kept; beyond it the oldest is closed. None once the pool is retired.
    private var bound: Int
    /// The first descriptor that no idle connection may have: they leave room for clients and for the control plane.
    private let ceiling: Int
    private var idle: [UpstreamConnection] = []

    // A named upstream may move while connections to its former address are still reused, so its addresses are compared.
    private let name: String?
    private var addresses: Set<String>?
    /// Counts the changes of ``addresses``; connections are compared with each once.
    private var revision = 0
    private var isUsed = false
    private var nextLook: MonotonicTime?

    /// Time between two look-ups of a name's addresses, while connections to it are used.
    static let followInterval: TimeSpan = .seconds(10)

    init(_ upstream: PooledUpstream, bound: Int, ceiling: Int) {
        self.upstream = upstream
        self.bound = bound
        self.ceiling = ceiling
        if case .tcp(let host, _) = upstream.upstream.endpoint, HostAddresses.isName(host) {
            name = host
        } else {
            name = nil
        }
    }

    var count: Int { idle.count }

    func take() -> UpstreamConnection? {
        while let connection = idle.popLast() {
            // What has come may wait for its turn on this loop: an end, by which a call is lost that must not be sent twice, or bytes, with which
            // the answer to another caller would begin.
            if connection.socket.isSilent { return connection }
            connection.close()
        }
        return nil
    }

    func put(_ connection: UpstreamConnection) {
        guard bound > 0, connection.socket.number < ceiling, isCurrent(connection) else { return connection.close() }
        isUsed = true
        connection.pool = self
        connection.idleSince = connection.socket.loop.now
        idle.append(connection)
        if idle.count > bound { idle.removeFirst().close() }
    }

    /// The connection closed while it was idle.
    func drop(_ connection: UpstreamConnection) {
        idle.removeAll { $0 === connection }
    }

    /// Closes what was idle too long. The upstream may close a connection just as we write to it, so ours go first.
    ///
    /// - Returns: how many stay.
    func closeExpired(now: MonotonicTime, after limit: TimeSpan) -> Int {
        let oldest = now - limit
        let expired = idle.prefix { $0.idleSince < oldest }
        idle.removeFirst(expired.count)
        for connection in expired { connection.close() }
        return idle.count
    }

    // MARK: - Names

    /// Closes what leads to addresses that the name no longer has, idle connections now and others when they come back.
    func follow(now: MonotonicTime, on loop: EpollLoop) {
        guard let name, isUsed, nextLook.map({ now >= $0 }) ?? true else { return }
        isUsed = false
        nextLook = now + Self.followInterval
        HostAddresses.find(name, on: loop) { [weak self] in self?.found($0) }
    }

    private func found(_ found: Set<String>?) {
        guard let found, !found.isEmpty, found != addresses else { return }
        addresses = found
        revision += 1
        let moved = idle.filter { !isCurrent($0) }
        idle.removeAll { connection in moved.contains { $0 === connection } }
        for connection in moved { connection.close() }
    }

    private func isCurrent(_ connection: UpstreamConnection) -> Bool {
        guard let addresses, connection.revision != revision else { return true }
        connection.revision = revision
        return addresses.contains(connection.socket.peerAddress)
    }

    /// Closes what is idle, and from now on whatever comes back.
    func retire() {
        bound = 0
        let all = idle
        idle = []
        for connection in all { connection.close() }
    }
}
