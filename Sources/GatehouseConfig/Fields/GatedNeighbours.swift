internal import GatehouseCore

/// Routes to one upstream, of which some have a gate.
enum GatedNeighbours {
    /// Warns of each route by which a gated path is reached ungated as it is written. Other spellings are refused; this one is the operator's
    /// word.
    static func check(_ routes: [Route], _ decoding: Decoding) {
        let table = RouteTable(routes)
        for (index, route) in routes.enumerated() {
            for path in GatedPlaces(beside: route, among: routes).paths
            where isReached(path, through: index, of: table) {
                decoding.warning(
                    "this route leads to \(route.upstream.path)\(path) of its upstream, which another route gates, without a gate",
                    at: decoding.claims[index].nameSpan,
                    hint:
                        "give the gated one the path \(publicPath(path, route)) on this host, or this one another upstream path"
                )
            }
        }
    }

    private static func isReached(_ path: String, through index: Int, of table: RouteTable) -> Bool {
        let route = table.routes[index]
        // A name that no route has finds those for any host.
        let host = if case .exact(let host) = route.host { host.name } else { "" }
        return Array(host.utf8).withUnsafeBytes { host in
            Array(publicPath(path, route).utf8).withUnsafeBytes { table.route(host: host, path: $0)?.route == index }
        }
    }

    private static func publicPath(_ path: String, _ route: Route) -> String {
        (route.path == .root ? "" : route.path.text) + path
    }
}
