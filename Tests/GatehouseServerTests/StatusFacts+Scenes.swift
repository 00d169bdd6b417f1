@testable import AccessIdentity
import Crypto
import GatehouseAudit
import GatehouseCore
@testable import GatehouseProxy
@testable import GatehouseServer
@testable import GatehouseTokens

/// The scenes for the page: no route, some, many; no traffic, and much that fails.
struct StatusScene: CustomStringConvertible {
    let routes: Int
    let isFailing: Bool

    static let all = [0, 6, 30].flatMap { count in [false, true].map { StatusScene(routes: count, isFailing: $0) } }

    var description: String { "\(routes)-\(isFailing ? "failing" : "idle")" }

    func facts() throws -> StatusFacts {
        var facts = StatusFacts.sample(routes: try (0..<routes).map(route))
        facts.version = "0.1.0 (a1b2c3d4e5f6)"
        facts.storeKind = "sqlite"
        facts.minute = 1000
        try addTokens(to: &facts)
        if isFailing { try addFailures(to: &facts) }
        facts.judge()
        return facts
    }

    private func name(_ index: Int) throws -> RouteName {
        // Every sixth is as long as an operator may come to write it.
        try RouteName(parsing: index % 6 == 5 ? "the-knowledge-base-of-customer-success-\(index)" : "mcp-\(index)")
    }

    private func route(_ index: Int) throws -> Route {
        let name = try name(index)
        let upstream =
            switch index % 6 {
            case 5: "http://the-knowledge-base-of-customer-success.internal.services.example.com:8080"
            case 4: "unix:/run/gatehouse/upstreams/mcp-\(index).sock"
            case _: "http://mcp-\(index):8080"
            }
        return Route(
            name: name,
            host: try HostPattern(parsing: "\(name).example.com"),
            path: try PathPrefix(parsing: index % 3 == 2 ? "/teams/mcp" : "/"),
            audiences: ["aud"],
            upstream: try Upstream(parsing: upstream),
            injections: [
                Injection(
                    name: try HeaderName(parsing: "X-Key"),
                    value: try .init(parsing: "{token}", ownToken: name.ownToken)
                )
            ]
        )
    }

    /// All but the third has its token when much fails.
    private func addTokens(to facts: inout StatusFacts) throws {
        for (index, route) in facts.routes.enumerated() where !isFailing || index != 2 {
            facts.instance.served[route.name.ownToken] = index + 1
            let ends: Timestamp? =
                switch index % 4 {
                case 0: nil
                case 1: facts.now + .seconds(86_400 * 90)
                case 2: facts.now + .seconds(86_400 * (isFailing ? 3 : 30))
                case _: isFailing ? facts.now + .seconds(-60) : facts.now + .seconds(86_400 * 400)
                }
            facts.instance.store.dates[route.name.ownToken] = TokenDates(createdAt: nil, expiresAt: ends)
            facts.instance.store.served += 1
            facts.tokens.append(
                TokenSummary(
                    name: route.name.ownToken,
                    version: index + 1,
                    createdAt: index % 4 == 3 ? nil : facts.now + .seconds(Int64(-3600 * (index + 1))),
                    expiresAt: ends,
                    fingerprint: Fingerprint(of: Secret("value \(index)"), key: SymmetricKey(size: .bits256)),
                    actor: "",
                    note: "",
                    problem: isFailing && index == 4
                        ? TokenError(
                            .keyUnknown,
                            "version 5 was sealed under the master key 5f2c8d1e, which is not given"
                        )
                        : nil
                )
            )
        }
    }

    private func addFailures(to facts: inout StatusFacts) throws {
        facts.openExchanges = 1234
        facts.openConnections = 20_480
        facts.credentials = [
            StatusFacts.Credential(name: "night watch of the platform team", expiresAt: facts.now + .seconds(600))
        ]
        facts.instance.keys.lastFailure = SigningKeySource.Status.Failure(
            at: facts.now.seconds,
            message: "Could not resolve host: exmaple.cloudflareaccess.com"
        )
        facts.instance.certsURL = "https://exmaple.cloudflareaccess.com/cdn-cgi/access/certs"
        facts.instance.reload.refused(
            at: facts.now,
            [
                """
                /etc/gatehouse/gatehouse.yaml:31:5: error: 'upstraem' is no key of a route
                   |
                31 |     upstraem: http://the-knowledge-base-of-customer-success.internal.services.example.com:8080
                   |     ^^^^^^^^ did you mean 'upstream'?
                """
            ]
        )
        facts.instance.files = [
            Finding(
                .configuration,
                .fail,
                "/etc/gatehouse/gatehouse.yaml",
                "this file was replaced outside; the container still sees the old one: mount the folder",
                advice: "mount /etc/gatehouse and not the file alone, and start the container again"
            )
        ]
        var generator = Numbered()
        for (index, route) in facts.routes.enumerated() { count(index, route, &facts, &generator) }
    }

    /// The first fails for every request, the second for a quarter of them; the others do well with what each refuses.
    private func count(_ index: Int, _ route: Route, _ facts: inout StatusFacts, _ generator: inout Numbered) {
        var hour = LastHour()
        for minute in 0..<60 {
            for request in 0..<(10 + (minute * 7 + index * 3) % 23) {
                let reason: Reason? =
                    switch (index, request) {
                    case (0, _): .upstreamUnreachable
                    case (1, 0), (1, 4), (1, 8): .upstreamCredentialRejected
                    case (_, 1): .toolDenied
                    case _: nil
                    }
                hour.count(reason, minute: facts.minute - minute)
            }
        }
        facts.traffic.hours[route.name] = hour
        var histogram = LatencyHistogram()
        for step in 0..<100 { histogram.record(Int64(100 + step * step * (index + 1))) }
        facts.traffic.added[route.name] = histogram
        facts.traffic.upstream[route.name] = histogram
        let failure: (at: Timestamp, reason: Reason, detail: String)? =
            switch index {
            case 0: (facts.now + .seconds(-2), .upstreamUnreachable, "connect: Connection refused")
            case 1: (facts.now + .seconds(-40), .upstreamCredentialRejected, "it answered 401")
            case _: nil
            }
        facts.traffic.health[route.name] = RouteHealth(
            lastAnswer: index == 0 ? nil : facts.now + .seconds(-1),
            lastFailure: failure
        )
        facts.traffic.refusals.record(
            LastRefusals.Entry(
                at: facts.now + .seconds(Int64(-index)),
                requestID: RequestID(high: generator.next(), low: generator.next()),
                route: index % 7 == 6 ? nil : route.name,
                reason: index == 0 ? .upstreamUnreachable : .toolDenied,
                status: index == 0 ? 502 : 403
            )
        )
    }

    /// The same ids each time.
    private struct Numbered: RandomNumberGenerator {
        private var state: UInt64 = 7
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state
        }
    }
}

extension StatusFacts {
    /// As an instance does with what its loops have counted.
    mutating func judge() {
        let (traffic, minute) = (traffic, minute)
        instance.conditions = instance.routes.map { route in
            RouteCondition(
                route,
                missing: instance.missing(route),
                health: traffic.health[route.name] ?? RouteHealth(),
                hour: (traffic.hours[route.name] ?? LastHour()).ending(at: minute)
            )
        }
    }
}
