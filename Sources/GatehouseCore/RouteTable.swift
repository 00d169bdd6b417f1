/// All routes, found by host and path. Looking up costs one hash of the host and a bisection of that host's paths, however many routes
/// there are.
package struct RouteTable: Sendable {
    package let routes: [Route]
    /// Hosts by their hash.
    private let slots: [[Entry]]
    private let anyHost: PathIndex

    private struct Entry: Sendable {
        let host: [UInt8]
        let paths: PathIndex
    }

    /// - Precondition: no two routes have the same host and path; GatehouseConfig reports those.
    package init(_ routes: [Route]) {
        self.routes = routes
        var hosts: [[UInt8]: [(prefix: PathPrefix, route: Int)]] = [:]
        var any: [(prefix: PathPrefix, route: Int)] = []
        for (index, route) in routes.enumerated() {
            switch route.host {
            case .any: any.append((route.path, index))
            case .exact(let host): hosts[Array(host.name.utf8), default: []].append((route.path, index))
            }
        }
        var capacity = 8
        while capacity < hosts.count * 2 { capacity *= 2 }
        var slots = [[Entry]](repeating: [], count: capacity)
        for (host, paths) in hosts {
            let hash = host.withUnsafeBytes { Self.hash($0) }
            slots[hash & (capacity - 1)].append(Entry(host: host, paths: PathIndex(paths)))
        }
        self.slots = slots
        anyHost = PathIndex(any)
    }

    /// Whether what was let in through a route, maybe of another table, would be let in by this one: the same doors, callers and target.
    package func stillOpens(_ route: Route) -> Bool { successor(of: route) != nil }

    /// The position of the route that lets in, through the same doors to the same target, whom a route of maybe another table lets in.
    package func successor(of route: Route) -> Int? {
        routes.firstIndex { candidate in
            candidate === route
                || candidate.name == route.name && candidate.host == route.host && candidate.path == route.path
                    && candidate.audiences == route.audiences && candidate.credentials == route.credentials
                    && candidate.policy == route.policy && candidate.upstream == route.upstream
                    && candidate.endpoints == route.endpoints
        }
    }

    /// The route for a request, by position in ``routes``, and the bytes of `path` that its prefix covers.
    ///
    /// An exact host goes before `*`, a longer prefix before a shorter one.
    ///
    /// - Parameters:
    ///   - host: the request's host without port, in any case.
    ///   - path: the path without query, already found unambiguous.
    package func route(host: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer) -> (route: Int, prefix: Int)? {
        let slot = Self.hash(host) & (slots.count - 1)
        // Reading by index avoids retaining each part of an entry.
        for index in slots[slot].indices where Self.equal(slots[slot][index].host, host) {
            if let found = slots[slot][index].paths.route(path) { return found }
        }
        return anyHost.route(path)
    }

    private static func equal(_ lowercased: [UInt8], _ host: UnsafeRawBufferPointer) -> Bool {
        guard lowercased.count == host.count else { return false }
        for index in lowercased.indices where lowercased[index] != host[index].lowercasedASCII { return false }
        return true
    }

    /// FNV-1a over the lower-cased bytes. Host names come from the operator's file, so a chosen collision gains nothing.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte.lowercasedASCII)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: hash ^ (hash >> 32))
    }
}
