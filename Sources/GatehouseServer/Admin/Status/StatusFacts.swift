internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens

/// Everything that the status page shows, at one moment. Holds no secret.
struct StatusFacts: Sendable {
    /// A break-glass credential that is alive.
    struct Credential: Sendable {
        let name: String
        let expiresAt: Timestamp
    }

    var version = ""
    var startedAt: Timestamp
    /// Keys, store, routes, audit, configuration, and what is wrong with them.
    var instance: InstanceFacts
    /// The minute that ``LoopMetrics`` counts in now.
    var minute = 0
    var traffic = LoopMetrics.Snapshot()
    var openConnections = 0
    var openExchanges = 0
    var storeKind = ""
    /// Empty, with ``tokensProblem``, when the store could not be asked.
    var tokens: [TokenSummary] = []
    var tokensProblem: String?
    /// Nil for an instance without a file.
    var file: StatusFile?
    /// Nil when no route takes any.
    var credentials: [Credential]?

    init(startedAt: Timestamp, instance: InstanceFacts) {
        self.startedAt = startedAt
        self.instance = instance
    }

    var now: Timestamp { instance.now }
    var readiness: Readiness { Readiness(instance) }
    var routes: [Route] { instance.routes }
    var keys: SigningKeySource.Status { instance.keys }
    var store: TokenRefreshState { instance.store }
    var storeName: String { instance.storeName }
    var audit: AuditState { instance.audit }
    var reload: ReloadState { instance.reload }

    /// The last hour of all routes together.
    var hour: [LastHour.Minute] {
        var sum = LastHour()
        for hour in traffic.hours.values { sum.add(hour) }
        return sum.ending(at: minute)
    }

    /// Tokens of a route that are not there to be sent.
    func missingTokens(of route: Route) -> [String] { instance.missing(route).map(\.text) }

    /// The same of all routes.
    var missingTokens: [String] { Set(routes.flatMap { missingTokens(of: $0) }).sorted() }
}
