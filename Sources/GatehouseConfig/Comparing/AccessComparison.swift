internal import GatehouseCore

/// The access that callers gain, and the access that they lose, between two configurations.
///
/// It errs on one side: every gain is reported, and a grant that others cover only together is reported although nobody gains.
package struct AccessComparison: Sendable {
    package let gains: [AccessGain]
    /// The gains of the change in the other direction.
    package let losses: [AccessGain]
    /// The differences behind routes that are in both.
    package let changes: [RouteChange]

    package init(from old: Configuration, to new: Configuration) {
        gains = Self.gains(from: old, to: new)
        losses = Self.gains(from: new, to: old)
        changes = Self.changes(from: old, to: new)
    }

    private static func changes(from old: Configuration, to new: Configuration) -> [RouteChange] {
        var seen: Set<Pair> = []
        return Point.all(of: [old.routes, new.routes]).flatMap { point -> [RouteChange] in
            guard let before = point.route(in: old.routes), let after = point.route(in: new.routes),
                RouteComparison.isSame(before, after), seen.insert(Pair(before, after)).inserted
            else { return [] }
            let personal = (before: Set(old.personalTokens.keys), after: Set(new.personalTokens.keys))
            return RouteChange.between(before, after, personal: personal)
        }
    }

    static func gains(from old: Configuration, to new: Configuration) -> [AccessGain] {
        var gains = denyGains(from: old.access.deny, to: new.access.deny)
        if let age = old.access.maxTokenAge, new.access.maxTokenAge.map({ $0 > age }) ?? true {
            let limit = new.access.maxTokenAge.map { "up to \(DurationText($0))" } ?? "of any age"
            gains.append(AccessGain(kind: .age, route: nil, words: "assertions \(limit) are accepted"))
        }
        if let place = new.access.groups, place != old.access.groups {
            gains.append(AccessGain(kind: .grant, route: nil, words: "groups are read from the claim \(place)"))
        }
        if old.reload.widening == .confirm, new.reload.widening != .confirm {
            gains.append(
                AccessGain(
                    kind: .unconfirmed,
                    route: nil,
                    words: "wider access needs no confirmation any more",
                    loss: "wider access needs confirmation"
                )
            )
        }
        var seen: Set<Pair> = []
        for point in Point.all(of: [old.routes, new.routes]) {
            guard let route = point.route(in: new.routes) else { continue }
            let before = point.route(in: old.routes)
            guard seen.insert(Pair(before, route)).inserted else { continue }
            gains += RouteComparison.gains(from: before, to: route, at: point)
        }
        var told: Set<AccessGain> = []
        return gains.filter { told.insert($0).inserted }
    }

    private static func denyGains(from old: DenyList, to new: DenyList) -> [AccessGain] {
        let lists: [(what: String, old: [Glob], new: [Glob])] = [
            ("the user", old.users, new.users), ("the service token", old.serviceTokens, new.serviceTokens),
            ("the subject", old.subjects, new.subjects), ("the group", old.groups, new.groups),
        ]
        return lists.flatMap { list in
            list.old.filter { entry in !list.new.contains { $0.covers(entry) } }.map { entry in
                AccessGain(
                    kind: .denyGone,
                    route: nil,
                    words: "\(list.what) \(entry) is denied no more",
                    loss: "\(list.what) \(entry) is denied"
                )
            }
        }
    }

    private struct Pair: Hashable {
        let old: ObjectIdentifier?
        let new: ObjectIdentifier

        init(_ old: Route?, _ new: Route) {
            self.old = old.map { ObjectIdentifier($0) }
            self.new = ObjectIdentifier(new)
        }
    }

    /// A place where a route begins: between two of them, what serves a request does not change.
    struct Point: Hashable {
        let host: HostPattern
        let path: PathPrefix

        /// The points in the order of the tables.
        static func all(of tables: [RouteTable]) -> [Point] {
            let routes = tables.flatMap(\.routes)
            let hosts = routes.map(\.host)
            let anywhere = routes.filter { $0.host == .any }.map(\.path)
            let points =
                routes.map { Point(host: $0.host, path: $0.path) }
                + hosts.flatMap { host in anywhere.map { Point(host: host, path: $0) } }
            var seen: Set<Point> = []
            return points.filter { seen.insert($0).inserted }
        }

        func route(in table: RouteTable) -> Route? {
            // No host is called nothing, so what is found for it is for any.
            var host = if case .exact(let host) = host { host.name } else { "" }
            var path = path.text
            return host.withUTF8 { host in
                path.withUTF8 { path in
                    table.route(host: UnsafeRawBufferPointer(host), path: UnsafeRawBufferPointer(path))
                }
            }
            .map { table.routes[$0.route] }
        }
    }
}
