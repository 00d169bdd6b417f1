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
        let pairs = Self.pairs(old.routes, new.routes)
        gains = Self.gains(from: old, to: new, pairs)
        losses = Self.gains(from: new, to: old, Self.pairs(new.routes, old.routes))
        changes = Self.changes(from: old, to: new, pairs)
    }

    private typealias RoutePair = (old: Route?, new: Route, point: Point)

    private static func changes(
        from old: Configuration,
        to new: Configuration,
        _ pairs: [RoutePair]
    ) -> [RouteChange] {
        let personal = (before: Set(old.personalTokens.keys), after: Set(new.personalTokens.keys))
        return pairs.flatMap { pair -> [RouteChange] in
            guard let before = pair.old, RouteComparison.isSame(before, pair.new) else { return [] }
            if before === pair.new, personal.before == personal.after { return [] }
            return RouteChange.between(before, pair.new, personal: personal)
        }
    }

    private static func gains(
        from old: Configuration,
        to new: Configuration,
        _ pairs: [RoutePair]
    ) -> [AccessGain] {
        var gains = denyGains(from: old.access.deny, to: new.access.deny)
        if let age = old.access.maxTokenAge, new.access.maxTokenAge.map({ $0 > age }) ?? true {
            let limit = new.access.maxTokenAge.map { "up to \(DurationText($0))" } ?? "of any age"
            gains.append(AccessGain(kind: .age, route: nil, words: "assertions \(limit) are accepted"))
        }
        if let place = new.access.groups, place != old.access.groups {
            gains.append(AccessGain(kind: .grant, route: nil, words: "groups are read from the claim \(place)"))
        }
        gains += identityGains(from: old.access.identity, to: new.access.identity)
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
        // A route that was read from the same text lets in whom it let in.
        for pair in pairs where pair.old !== pair.new {
            gains += RouteComparison.gains(from: pair.old, to: pair.new, at: pair.point)
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

    /// Another source of groups may let in others: which, only its answers say.
    private static func identityGains(from old: IdentitySettings?, to new: IdentitySettings?) -> [AccessGain] {
        func gain(_ words: String, loss: String? = nil) -> AccessGain {
            AccessGain(kind: .grant, route: nil, words: words, loss: loss)
        }
        guard let new else {
            return old == nil ? [] : [gain("groups and claims are those of the assertion, and no others are fetched")]
        }
        var gains: [AccessGain] = []
        if new.url != old?.url { gains.append(gain("groups and claims are fetched from \(new.url)")) }
        guard let old else { return gains }
        if old.onFailure == .deny, new.onFailure == .assertion {
            gains.append(
                gain(
                    "whose identity cannot be fetched is let in by the groups and claims of the assertion",
                    loss: "whose identity cannot be fetched is refused"
                )
            )
        }
        if new.refresh > old.refresh {
            gains.append(gain("groups and claims that were fetched are used for \(DurationText(new.refresh))"))
        }
        if new.maxStale > old.maxStale {
            let time = DurationText(new.maxStale)
            gains.append(gain("groups and claims that were fetched serve for \(time) while newer ones cannot be"))
        }
        return gains
    }

    /// The routes that serve the same requests in two tables, once each. Nil where the old one serves none of them.
    private static func pairs(_ old: RouteTable, _ new: RouteTable) -> [RoutePair] {
        var seen: Set<Pair> = []
        return Point.all(of: [old, new]).compactMap { point in
            guard let after = point.route(in: new) else { return nil }
            let before = point.route(in: old)
            return seen.insert(Pair(before, after)).inserted ? (before, after, point) : nil
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
