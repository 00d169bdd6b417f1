internal import GatehouseCore
internal import SocketLoop

/// The configured limits on waiting, in the loop's own measure. Nil means no limit.
struct ServerWaits {
    let head: TimeSpan?
    let body: TimeSpan?
    let keepAlive: TimeSpan?
    let upstreamKeepAlive: TimeSpan
    let streamSilence: TimeSpan

    init(_ limits: ServerLimits) {
        head = TimeSpan(limit: limits.headTimeout)
        body = TimeSpan(limit: limits.bodyTimeout)
        keepAlive = TimeSpan(limit: limits.keepAlive)
        upstreamKeepAlive = TimeSpan(limits.upstreamKeepAlive)
        streamSilence = TimeSpan(limits.streamSilence)
    }
}

/// A route's own, likewise.
struct RouteWaits {
    let connect: TimeSpan?
    let response: TimeSpan?
    let idle: TimeSpan?

    init(_ timeouts: RouteTimeouts) {
        connect = TimeSpan(limit: timeouts.connect)
        response = TimeSpan(limit: timeouts.response)
        idle = TimeSpan(limit: timeouts.idle)
    }
}

extension TimeSpan {
    /// Zero is how configurations say that there is no limit.
    fileprivate init?(limit: Duration) {
        guard limit > .zero else { return nil }
        self.init(limit)
    }
}
