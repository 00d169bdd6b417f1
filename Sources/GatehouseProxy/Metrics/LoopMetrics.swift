package import GatehouseCore
internal import SocketLoop

/// The counters of one event loop. Read by hopping onto the loop; counters of all loops are added up there where they are
/// shown.
package final class LoopMetrics {
    /// One series of finished requests. Bounded: routes times reasons times the statuses that were seen.
    package struct Series: Hashable, Sendable {
        /// Nil when no route was found.
        package let route: RouteName?
        /// Nil when the request was allowed and answered by the upstream.
        package let reason: Reason?
        package let status: Int

        package init(route: RouteName?, reason: Reason?, status: Int) {
            (self.route, self.reason, self.status) = (route, reason, status)
        }
    }

    package struct Snapshot: Sendable {
        package var requests: [Series: Int] = [:]
        /// Time that Gatehouse itself took, by route.
        package var added: [RouteName: LatencyHistogram] = [:]
        /// Time from the request being sent upstream to the head of its answer, by route.
        package var upstream: [RouteName: LatencyHistogram] = [:]
        package var overloaded = 0
        /// List entries withheld because they could not be read, by route.
        package var unreadable: [RouteName: Int] = [:]
        /// Requests whose answer held a secret, by route.
        package var reflected: [RouteName: Int] = [:]
        /// Keyed by route; nil for requests that found none.
        package var hours: [RouteName?: LastHour] = [:]
        package var health: [RouteName: RouteHealth] = [:]
        package var refusals = LastRefusals()

        package init() {}

        package mutating func add(_ other: Snapshot) {
            requests.merge(other.requests, uniquingKeysWith: +)
            added.merge(other.added) { $0.adding($1) }
            upstream.merge(other.upstream) { $0.adding($1) }
            refusals.add(other.refusals)
            unreadable.merge(other.unreadable, uniquingKeysWith: +)
            reflected.merge(other.reflected, uniquingKeysWith: +)
            for (name, hour) in other.hours { hours[name, default: LastHour()].add(hour) }
            health.merge(other.health) { $0.merged(with: $1) }
            overloaded += other.overloaded
        }
    }

    /// Counters of one route, found by pointer: a dictionary of strings would cost more than all else counted here.
    private struct RouteCounters {
        let route: Route?
        var requests: [(reason: Reason?, status: Int, count: Int)] = []
        var added = LatencyHistogram()
        var upstream = LatencyHistogram()
        var hour = LastHour()
        var health = RouteHealth()
        var unreadable = 0
        var reflected = 0
    }

    private var routes: [RouteCounters] = []
    private var retired = Snapshot()
    private var overloaded = 0
    private var refusals = LastRefusals()

    package init() {}

    /// Distinct statuses of one route and reason; further ones are counted as the last of these.
    static let seriesBound = 64

    /// The minute on the clock that ``LastHour`` counts by.
    package static var minute: Int { minute(of: .now()) }

    private static func minute(of time: MonotonicTime) -> Int { Int(time.nanoseconds / 60_000_000_000) }

    func count(_ exchange: Exchange, at now: MonotonicTime) {
        let route = exchange.route?.route
        let index = position(of: route)
        let status = exchange.answer.status
        let reason = exchange.answer.refusal
        if let series = routes[index].requests.firstIndex(where: { $0.status == status && $0.reason == reason }) {
            routes[index].requests[series].count += 1
        } else if routes[index].requests.count < Self.seriesBound {
            routes[index].requests.append((reason, status, 1))
        } else {
            routes[index].requests[Self.seriesBound - 1].count += 1
        }
        routes[index].hour.count(reason, minute: Self.minute(of: now))
        routes[index].health.finished(exchange)
        if reason == .secretReflected { routes[index].reflected += 1 }
        if let reason {
            refusals.record(
                LastRefusals.Entry(
                    at: exchange.startedAt,
                    requestID: exchange.id,
                    route: route?.name,
                    reason: reason,
                    status: status
                )
            )
        }
        guard let started = exchange.upstream.started else { return }
        routes[index].added.record((started - exchange.started).nanoseconds / 1000)
        if let answered = exchange.upstream.answered {
            routes[index].upstream.record((answered - started).nanoseconds / 1000)
        }
    }

    private func position(of route: Route?) -> Int {
        if let index = routes.firstIndex(where: { $0.route === route }) { return index }
        routes.append(RouteCounters(route: route))
        return routes.count - 1
    }

    func countOverloaded() { overloaded += 1 }

    func countUnreadable(_ entries: Int, on route: Route) { routes[position(of: route)].unreadable += entries }

    /// Counters of routes that a reload removed are kept under their names.
    func retire(keeping table: RouteTable) {
        let kept = Set(table.routes.map { ObjectIdentifier($0) })
        let gone = routes.filter { counters in counters.route.map { !kept.contains(ObjectIdentifier($0)) } ?? false }
        guard !gone.isEmpty else { return }
        retired.add(Self.sum(gone))
        routes.removeAll { counters in counters.route.map { !kept.contains(ObjectIdentifier($0)) } ?? false }
    }

    package var current: Snapshot {
        var snapshot = Self.sum(routes)
        snapshot.add(retired)
        snapshot.overloaded += overloaded
        snapshot.refusals = refusals
        return snapshot
    }

    private static func sum(_ routes: [RouteCounters]) -> Snapshot {
        var snapshot = Snapshot()
        for counters in routes {
            let name = counters.route?.name
            snapshot.hours[name, default: LastHour()].add(counters.hour)
            for series in counters.requests {
                snapshot.requests[Series(route: name, reason: series.reason, status: series.status), default: 0] +=
                    series.count
            }
            guard let name else { continue }
            if counters.unreadable > 0 { snapshot.unreadable[name, default: 0] += counters.unreadable }
            if counters.reflected > 0 { snapshot.reflected[name, default: 0] += counters.reflected }
            snapshot.added[name, default: LatencyHistogram()].add(counters.added)
            snapshot.upstream[name, default: LatencyHistogram()].add(counters.upstream)
            snapshot.health[name] = snapshot.health[name]?.merged(with: counters.health) ?? counters.health
        }
        return snapshot
    }
}
