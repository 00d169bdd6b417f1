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
    var now: Timestamp
    /// The minute that ``LoopMetrics`` counts in now.
    var minute = 0
    var readiness: Readiness
    var routes: [Route] = []
    var traffic = LoopMetrics.Snapshot()
    var openConnections = 0
    var openExchanges = 0
    var keys = SigningKeySource.Status()
    var storeName = ""
    var storeKind = ""
    var store: TokenRefreshState
    /// Empty, with ``tokensProblem``, when the store could not be asked.
    var tokens: [TokenSummary] = []
    var tokensProblem: String?
    var audit = AuditState()
    var reload: ReloadState
    /// Nil for an instance without a file.
    var file: StatusFile?
    /// Tokens that are served, last-good ones included.
    var served: Set<TokenName> = []
    /// Nil when no route takes any.
    var credentials: [Credential]?

    /// The last hour of all routes together.
    var hour: [LastHour.Minute] {
        var sum = LastHour()
        for hour in traffic.hours.values { sum.add(hour) }
        return sum.ending(at: minute)
    }

    /// Tokens of a route that are not there to be sent.
    func missingTokens(of route: Route) -> [String] { route.tokens.subtracting(served).map(\.text).sorted() }

    /// The same of all routes.
    var missingTokens: [String] { Set(routes.flatMap { missingTokens(of: $0) }).sorted() }
}
