internal import GatehouseCore
internal import NIOCore

/// Step 2: the route, by host and path.
extension ClientConnection {
    func route() -> ExchangeAction {
        let head = parser.head
        let snapshot = loop.snapshot
        let match =
            metadataRoute()
            ?? withHeadBytes(head.host) { host in
                withHeadBytes(head.path) { path in snapshot.table.route(host: host, path: path) }
            }
        if let match {
            let route = snapshot.routes[match.route]
            exchange?.route = route
            requestBody = BodyRelay(head.framing, trailers: TrailerFilter(route.rewrite), malformed: .requestMalformed)
            exchange?.prefix = match.prefix
        }
        return machine.routed(match != nil)
    }
}
