/// Bounds of one route's requests.
package struct RouteLimits: Hashable, Sendable {
    /// Bytes of a request body after chunked decoding; beyond it the request is refused `body_too_large`.
    package static let defaultBody = 4 << 20
    package var body: Int
    /// Requests per principal, nil for no limit; beyond it `rate_limited` with `Retry-After`.
    package var rate: Rate?

    package init(body: Int = RouteLimits.defaultBody, rate: Rate? = nil) {
        self.body = body
        self.rate = rate
    }

    package struct Rate: Hashable, Sendable {
        package let count: Int
        package let per: Duration
        package let scope: Scope

        package init(count: Int, per: Duration, scope: Scope = .instance) {
            self.count = count
            self.per = per
            self.scope = scope
        }

        /// The requests that a rate counts.
        package enum Scope: String, Sendable, CaseIterable {
            /// Those of one instance.
            case instance
            /// Those of all instances together.
            case fleet
        }
    }
}

/// How long one route's exchanges may wait. A zero duration means no limit.
package struct RouteTimeouts: Hashable, Sendable {
    /// Time until the upstream connection is established; beyond it `upstream_unreachable`.
    package static let defaultConnect: Duration = .seconds(5)
    /// Time from the end of the request to the head of the response; beyond it `upstream_timeout`.
    package static let defaultResponse: Duration = .seconds(300)
    /// Silence on a response body or tunnel. No limit by default: SSE streams are silent for hours.
    package static let defaultIdle: Duration = .zero

    package var connect: Duration
    package var response: Duration
    package var idle: Duration

    package init(
        connect: Duration = RouteTimeouts.defaultConnect,
        response: Duration = RouteTimeouts.defaultResponse,
        idle: Duration = RouteTimeouts.defaultIdle
    ) {
        self.connect = connect
        self.response = response
        self.idle = idle
    }
}

/// Bounds and timeouts of the listener, the same for every route.
package struct ServerLimits: Hashable, Sendable {
    /// Client connections open at once; beyond it a new one is answered 503 `overloaded` and closed.
    package static let defaultConnections = 10_000
    /// Time from the first byte of a request head to its end, and from accept to the first byte; beyond it the connection closes.
    package static let defaultHeadTimeout: Duration = .seconds(10)
    /// How long a request body may stall; beyond it the connection closes.
    package static let defaultBodyTimeout: Duration = .seconds(60)
    /// Bytes a second, on the average since it began, that a body which is held for the MCP gate must bring once `bodyTimeout` is over.
    /// Else one byte a minute would hold memory for ever.
    package static let heldBodyRate = 8 << 10
    /// Client connections idle between requests. cloudflared keeps idle connections for 90 s, so ours live longer:
    /// else it would send a request into a connection that is just being closed.
    package static let defaultKeepAlive: Duration = .seconds(130)
    /// Idle upstream connections in the pool. uvicorn and Node close theirs at 5 s.
    package static let defaultUpstreamKeepAlive: Duration = .seconds(3)
    /// Idle upstream connections kept for each upstream and event loop; beyond it the oldest is closed.
    package static let defaultUpstreamIdle = 256
    /// Time from SIGTERM to the end of the last exchange; beyond it connections are closed.
    package static let defaultDrain: Duration = .seconds(25)

    /// How much longer than its caller's credential an event stream may last that answers a POST: a call that was begun in time ends in
    /// its own time. Cut off, an SDK's client would wait for an answer that never comes.
    package static let defaultCallGrace: Duration = .seconds(300)
    /// How long a stream that must end may take to come to the end of an event; beyond it the event is cut.
    package static let eventGrace: Duration = .seconds(2)

    /// Silence on an event stream before Gatehouse sends a comment. The edge cuts a stream after about 100 s of silence, and
    /// programs in between sooner.
    package static let defaultStreamSilence: Duration = .seconds(15)

    /// Bytes of request bodies that one event loop holds for the MCP gate at once; beyond it a request whose body is not whole yet
    /// is answered 503 `overloaded`.
    package static let defaultHeldBodies = 64 << 20
    /// The part of them that one principal may hold in more than one body; beyond it the request is answered likewise.
    package static let heldBodiesShare = 8

    package var connections = ServerLimits.defaultConnections
    package var headTimeout = ServerLimits.defaultHeadTimeout
    package var bodyTimeout = ServerLimits.defaultBodyTimeout
    package var keepAlive = ServerLimits.defaultKeepAlive
    package var upstreamKeepAlive = ServerLimits.defaultUpstreamKeepAlive
    package var upstreamIdle = ServerLimits.defaultUpstreamIdle
    package var drain = ServerLimits.defaultDrain
    package var streamSilence = ServerLimits.defaultStreamSilence
    package var heldBodies = ServerLimits.defaultHeldBodies
    package var heldBodiesOfOne: Int { heldBodies / ServerLimits.heldBodiesShare }

    package init() {}
}
