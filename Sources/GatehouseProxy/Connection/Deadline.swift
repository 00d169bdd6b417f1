internal import GatehouseCore
internal import SocketLoop

/// When the present wait of a client connection is over. The machine names the wait; here, and nowhere else, it becomes a time.
struct Deadline {
    private(set) var wait: ExchangeWait?
    /// Nil while there is no limit.
    private(set) var time: MonotonicTime?

    /// How long a decision may wait for a key refresh or a caller's identity (5 s at most), or for the audit's disk (250 ms at most).
    static let decision: TimeSpan = .seconds(6)
    /// How long a request waits for a newer version of its token: a renewal has 10 s, and is then written.
    static let renewal: TimeSpan = .seconds(12)
    /// How long a closed side is listened to, so that our last answer is not overtaken by a reset.
    static let linger: TimeSpan = .seconds(2)
    /// How long an idle connection on which a request may be under way is kept in a drain. Its answer says that the connection closes.
    static let drain: TimeSpan = .seconds(1)
    /// The same while another instance takes new connections: busy clients use each of theirs once more by then.
    static let handOver: TimeSpan = .seconds(5)

    /// - Parameter route: the route's own limits, when a route is found.
    mutating func begin(_ wait: ExchangeWait, at now: MonotonicTime, _ server: ServerWaits, _ route: RouteWaits?) {
        begin(wait, until: Self.limit(of: wait, server, route).map { now + $0 })
    }

    /// - Parameter time: nil for no limit.
    mutating func begin(_ wait: ExchangeWait, until time: MonotonicTime?) {
        self.wait = wait
        self.time = time
    }

    /// How long a wait may take; nil for no limit.
    private static func limit(of wait: ExchangeWait, _ server: ServerWaits, _ route: RouteWaits?) -> TimeSpan? {
        switch wait {
        case .head: server.head
        case .keepAlive: server.keepAlive
        case .decision: decision
        case .gathering, .requestBody, .output: server.body
        case .connection: nil
        case .token: renewal
        case .responseHead: route?.response
        case .silence: route?.idle
        case .linger: linger
        }
    }

    /// The present wait takes no longer than this.
    mutating func hasten(_ grace: DrainGrace, at now: MonotonicTime) {
        let end = now + (grace == .handsOver ? Self.handOver : Self.drain)
        if time.map({ end < $0 }) ?? true { time = end }
    }

    /// - Returns: whether the wait is over; true is returned once.
    mutating func passes(at now: MonotonicTime) -> Bool {
        guard let time, now >= time else { return false }
        self = Deadline()
        return true
    }
}
