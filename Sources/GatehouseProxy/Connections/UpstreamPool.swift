internal import GatehouseCore
internal import SocketLoop

/// The idle keep-alive connections to one upstream on one event loop. The one used last is taken first, so that the others age
/// and close.
final class UpstreamPool {
    let upstream: Upstream
    /// Idle connections kept; beyond it the oldest is closed. None once the pool is retired.
    private var bound: Int
    private var idle: [UpstreamConnection] = []

    init(_ upstream: Upstream, bound: Int) {
        self.upstream = upstream
        self.bound = bound
    }

    var count: Int { idle.count }

    func take() -> UpstreamConnection? {
        while let connection = idle.popLast() {
            if connection.isOpen { return connection }
        }
        return nil
    }

    func put(_ connection: UpstreamConnection) {
        guard bound > 0 else { return connection.close() }
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

    /// Closes what is idle, and from now on whatever comes back.
    func retire() {
        bound = 0
        let all = idle
        idle = []
        for connection in all { connection.close() }
    }
}
