internal import GatehouseCore

/// The route of a request, by host and path.
enum RoutePhase {
    struct Match {
        let route: PreparedRoute
        /// Bytes of the path that the route's prefix covers.
        let prefix: Int
    }

    /// - Returns: nil when no route has this host and path.
    static func find(_ inbound: borrowing InboundBytes, in snapshot: ProxySnapshot) -> Match? {
        let head = inbound.head
        if let route = metadataRoute(head, inbound, snapshot) { return Match(route: route, prefix: 0) }
        let match = inbound.withBytes(head.host) { host in
            inbound.withBytes(head.path) { path in snapshot.table.route(host: host, path: path) }
        }
        return match.map { Match(route: snapshot.routes[$0.route], prefix: $0.prefix) }
    }

    /// The route whose resource metadata is asked for (RFC 9728 section 3.1): it is found by the path of the resource, not by the path that was asked.
    private static func metadataRoute(
        _ head: RequestHead,
        _ inbound: borrowing InboundBytes,
        _ snapshot: ProxySnapshot
    ) -> PreparedRoute? {
        inbound.withBytes(head.path) { path in
            guard let rest = WellKnown.resourcePath(path) else { return nil }
            let match = inbound.withBytes(head.host) { host in
                let root: StaticString = "/"
                return root.withUTF8Buffer { root in
                    snapshot.table.route(host: host, path: rest.isEmpty ? UnsafeRawBufferPointer(root) : rest)
                }
            }
            guard let match, snapshot.routes[match.route].metadata != nil else { return nil }
            return snapshot.routes[match.route]
        }
    }
}
