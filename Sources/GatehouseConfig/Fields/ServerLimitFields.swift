internal import GatehouseCore
internal import YAMLReader

/// The keys of `limits` at the top level.
enum ServerLimitFields {
    static let connectionsRange = 1...1_000_000
    static let timeoutRange: ClosedRange<Duration> = .milliseconds(100)...(.seconds(3600))
    /// cloudflared keeps idle connections for 90 s; the margin is for its clock, its pool's timers and the way between.
    static let minimumKeepAlive: Duration = .seconds(125)
    static let maximumKeepAlive: Duration = .seconds(86_400)
    static let upstreamIdleRange = 0...65_536
    static let drainRange: ClosedRange<Duration> = .zero...(.seconds(3600))

    static let connections = Field(
        "connections",
        .integer(connectionsRange),
        .fallback(ServerLimits.defaultConnections),
        "Client connections open at once; beyond it 503."
    )
    static let headTimeout = Field(
        "head_timeout",
        .duration(timeoutRange),
        .fallback(ServerLimits.defaultHeadTimeout),
        "How long a request head may take."
    )
    static let bodyTimeout = Field(
        "body_timeout",
        .duration(timeoutRange),
        .fallback(ServerLimits.defaultBodyTimeout),
        "How long a request body may stall; one that waits for the MCP gate must then bring 8 KiB a second on the average."
    )
    static let keepAlive = Field(
        "keep_alive",
        .keepAlive,
        .fallback(ServerLimits.defaultKeepAlive),
        "How long client connections may idle; longer than cloudflared's pool (90 s)."
    )
    static let upstreamKeepAlive = Field(
        "upstream_keep_alive",
        .duration(timeoutRange),
        .fallback(ServerLimits.defaultUpstreamKeepAlive),
        "How long pooled upstream connections may idle; shorter than the upstream's own limit."
    )
    static let upstreamIdle = Field(
        "upstream_idle",
        .integer(upstreamIdleRange),
        .fallback(ServerLimits.defaultUpstreamIdle),
        "Idle upstream connections kept for each upstream and event loop."
    )
    static let drain = Field(
        "drain",
        .duration(drainRange),
        .fallback(ServerLimits.defaultDrain),
        "From SIGTERM to the end of what is in flight."
    )

    static let all = [
        connections.form, headTimeout.form, bodyTimeout.form, keepAlive.form, upstreamKeepAlive.form, upstreamIdle.form,
        drain.form,
    ]

    static let shape = Shape<ServerLimits>.mapping(
        all,
        wanted: "limits",
        show: { limits in
            .mapping([
                (connections.key, connections.shape.show(limits.connections)),
                (headTimeout.key, headTimeout.shape.show(limits.headTimeout)),
                (bodyTimeout.key, bodyTimeout.shape.show(limits.bodyTimeout)),
                (keepAlive.key, keepAlive.shape.show(limits.keepAlive)),
                (upstreamKeepAlive.key, upstreamKeepAlive.shape.show(limits.upstreamKeepAlive)),
                (upstreamIdle.key, upstreamIdle.shape.show(limits.upstreamIdle)),
                (drain.key, drain.shape.show(limits.drain)),
            ])
        },
        read: { keys, _ in
            var limits = ServerLimits()
            limits.connections = keys.read(connections) ?? limits.connections
            limits.headTimeout = keys.read(headTimeout) ?? limits.headTimeout
            limits.bodyTimeout = keys.read(bodyTimeout) ?? limits.bodyTimeout
            limits.keepAlive = keys.read(keepAlive) ?? limits.keepAlive
            limits.upstreamKeepAlive = keys.read(upstreamKeepAlive) ?? limits.upstreamKeepAlive
            limits.upstreamIdle = keys.read(upstreamIdle) ?? limits.upstreamIdle
            limits.drain = keys.read(drain) ?? limits.drain
            return limits
        }
    )
}

extension Shape where Value == Duration {
    fileprivate static let keepAlive: Shape = {
        let minimum = ServerLimitFields.minimumKeepAlive
        let any = Shape.duration(.zero...ServerLimitFields.maximumKeepAlive)
        return Shape(.duration(minimum...ServerLimitFields.maximumKeepAlive), show: any.show) { node, decoding in
            guard let decoded = any.decode(node, decoding) else { return nil }
            guard decoded.value >= minimum else {
                decoding.error(
                    "keep_alive is under \(DurationText(minimum)): cloudflared keeps idle connections for 90 s and would send requests into closing ones",
                    at: node.span,
                    hint: "\(DurationText(ServerLimits.defaultKeepAlive)) is the default"
                )
                return nil
            }
            return decoded
        }
    }()
}
