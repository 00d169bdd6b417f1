package import GatehouseCore

/// All that a request reads of the configuration and the token store: immutable, replaced whole on every event loop by a reload, a
/// refresh or a rotation. Requests under way keep the one they began with.
package final class ProxySnapshot: Sendable {
    package let table: RouteTable
    /// The routes in the order of `table.routes`.
    let routes: [PreparedRoute]
    /// The distinct upstreams of all routes; ``PreparedRoute/upstream`` is a position here.
    let upstreams: [PooledUpstream]
    package let limits: ServerLimits
    let logging: RequestLogging
    /// How much longer than its caller's credential the streamed answer to a call may last.
    let callGrace: Duration
    let waits: ServerWaits

    package init(
        table: RouteTable,
        tokens: TokenSnapshot,
        limits: ServerLimits,
        callGrace: Duration = ServerLimits.defaultCallGrace,
        authorities: UpstreamAuthorities = .none,
        pins: [RouteName: RoutePins] = [:],
        logging: RequestLogging = .refused
    ) {
        var upstreams: [PooledUpstream] = []
        var positions: [PooledUpstream: Int] = [:]
        routes = table.routes.enumerated().map { index, route in
            let upstream = PooledUpstream(upstream: route.upstream, context: authorities.context(for: route.upstream))
            let position = positions[upstream] ?? upstreams.count
            if position == upstreams.count {
                positions[upstream] = position
                upstreams.append(upstream)
            }
            return PreparedRoute(
                route,
                index: index,
                upstream: position,
                tokens: tokens,
                pins: pins[route.name],
                gatedPlaces: GatedPlaces(beside: route, among: table.routes)
            )
        }
        self.table = table
        self.upstreams = upstreams
        self.limits = limits
        self.logging = logging
        self.callGrace = callGrace
        waits = ServerWaits(limits)
    }

    /// The route that lets the same callers through to the same upstream as one of another snapshot.
    func successor(of route: PreparedRoute) -> PreparedRoute? {
        table.successor(of: route.route).map { routes[$0] }
    }
}

/// A route with everything rendered that does not depend on the request.
final class PreparedRoute: Sendable {
    let route: Route
    let index: Int
    /// The position of the route's upstream in ``ProxySnapshot/upstreams``.
    let upstream: Int
    let rewrite: RequestRewrite
    let responseRewrite: ResponseRewrite
    /// The public authority of a route for one host; empty for a route for any.
    let authority: [UInt8]
    let injected: InjectedFields
    /// The secrets, the same for every caller, that answers are searched for: of the injected tokens, with the versions before.
    let secrets: [Secret]
    let waits: RouteWaits
    /// Whether bodies pass the MCP gate.
    let isGated: Bool
    /// The places that the route must not reach, on one whose bodies do not.
    let gatedPlaces: GatedPlaces
    /// The tools as they were approved, on a route that pins them.
    let pins: RoutePins?
    /// The rights of everyone, on a route without grants.
    let permits: Permits?
    /// The token that audit rows name: the first that the route injects.
    let token: (name: TokenName, version: Int)?
    /// The first of its tokens that renews itself.
    let renewed: (name: TokenName, version: Int)?
    /// The token of it that is each caller's own.
    let personal: PersonalInjection?
    /// The origins in the order of the route's `cors.origins`.
    let crossOrigins: [CrossOrigin]
    /// The route's resource metadata as JSON.
    let metadata: [UInt8]?
    /// The rest of a 401's challenge behind `WWW-Authenticate: Bearer error="invalid_token"`.
    let challenge: [UInt8]

    init(
        _ route: Route,
        index: Int,
        upstream: Int,
        tokens: TokenSnapshot,
        pins: RoutePins? = nil,
        gatedPlaces: GatedPlaces
    ) {
        self.route = route
        self.gatedPlaces = gatedPlaces
        self.index = index
        self.upstream = upstream
        rewrite = RequestRewrite(route)
        responseRewrite = ResponseRewrite(route)
        if case .exact(let host) = route.host { authority = Array(host.name.utf8) } else { authority = [] }
        injected = InjectedFields(route.injections, tokens: tokens)
        secrets =
            route.reflection == .off
            ? [] : route.tokens.sorted().flatMap { name in tokens.versions(of: name).map(\.secret) }
        crossOrigins = route.cors?.origins.map { CrossOrigin($0) } ?? []
        metadata = route.resourceMetadata?.document
        challenge = route.resourceMetadata.map { Array(", resource_metadata=\"\($0.url)\"".utf8) } ?? []
        waits = RouteWaits(route.timeouts)
        isGated = route.speech == .mcp
        self.pins = route.pin == nil ? nil : pins ?? .empty
        permits = route.policy.grants == nil ? Permits(route.policy, of: .nobody) : nil
        personal = PersonalInjection(route, tokens)
        let names = route.injections.lazy.flatMap(\.value.tokens)
        func version(of name: TokenName?) -> (name: TokenName, version: Int)? {
            name.flatMap { name in tokens.tokens[name].map { (name, $0.version) } }
        }
        token = version(of: names.first)
        renewed = version(of: names.first(where: tokens.renewed.contains))
    }
}
