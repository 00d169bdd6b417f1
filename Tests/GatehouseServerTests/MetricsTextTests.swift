@testable import AccessIdentity
import Foundation
import GatehouseAudit
import GatehouseCore
@testable import GatehouseProxy
@testable import GatehouseServer
@testable import GatehouseTokens
import Testing

@Suite struct TheMetricsPage {
    private static let now = Timestamp(seconds: 1_795_424_400)

    private func page(
        _ traffic: LoopMetrics.Snapshot = LoopMetrics.Snapshot(),
        routes: [Route] = [],
        isFresh: Bool = false
    ) -> String {
        var keys = SigningKeySource.Status()
        var tokens = TokenRefreshState()
        if !isFresh {
            keys.keyIDs = ["one", "two"]
            keys.fetchedAt = Self.now.seconds - 90
            tokens.lastSuccess = Self.now + .milliseconds(-1500)
            tokens.served = 3
            for name in ["coda", "other"].compactMap({ try? TokenName(parsing: $0) }) {
                tokens.dates[name] = TokenDates(
                    createdAt: Self.now + .seconds(-60),
                    expiresAt: name.text == "coda" ? Self.now + .seconds(3600) : nil
                )
            }
        }
        var audit = AuditState()
        audit.recorded = 7
        audit.lag = .milliseconds(250)
        var text = MetricsText()
        text.addTraffic(traffic, routes: routes, openConnections: 2, openExchanges: 1)
        text.addKeys(keys, now: Self.now)
        text.addTokens(tokens, now: Self.now)
        if let name = try? TokenName(parsing: "drive") { text.addRenewals([name: RenewalState()]) }
        text.addBearers(BearerWatch.State(live: [("night", Self.now)]))
        text.addDenials(DenyStatus(store: "kept"))
        text.addFleet(FleetStatus(own: "one", store: "kept"))
        text.addAudit(audit)
        text.addIdentities(IdentitySource.Status())
        if let name = try? RouteName(parsing: "coda"), let tool = ToolName("list_rows") {
            var pins = PinStatus(.approved)
            pins.waiting = [PinStatus.Waiting(tool: tool, state: .changed)]
            text.addPins([name: pins])
        }
        var facts = InstanceFacts(now: Self.now, reload: ReloadState(startedAt: Self.now))
        facts.files = [Finding(.configuration, .fail, "/x", "was replaced")]
        text.addProblems(facts)
        text.addClocks([.certs: .milliseconds(-1500), .audit: .seconds(2)])
        text.addLog(lost: 0)
        text.addTelemetry(TelemetryStatus())
        text.addReload(ReloadState(startedAt: Self.now))
        text.addBuild(version: "1.2.3", startedAt: Self.now)
        return text.text
    }

    @Test func `the metrics page says how old tokens are, and when they end where that is known`() throws {
        let families = try PrometheusText(page()).families
        let ages = families["gatehouse_token_age_seconds"]?.samples
        #expect(ages?.map(\.value) == [60, 60])
        let ends = families["gatehouse_token_expiry_timestamp_seconds"]?.samples
        #expect(ends?.map(\.labels) == [["token": "coda"]])
        #expect(ends?.map(\.value) == [Double(Self.now.seconds + 3600)])
        #expect(families["gatehouse_build_info"]?.samples.map(\.labels) == [["version": "1.2.3"]])
        #expect(families["gatehouse_config_reloads_total"]?.samples.count == 2)
    }

    /// Every metric that a rule or a panel asks for is one that there is.
    @Test(arguments: ["alerts.yml", "dashboard.json"])
    func `the metrics page gives the series of alerts and panels`(_ name: String) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../deploy/monitoring"
        )
        let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
        let families = try PrometheusText(page(try traffic())).families
        let names = Set(text.matches(of: #/gatehouse_[a-z_]+/#).map { String($0.output) })
        #expect(names.count > 8)
        for name in names {
            let family = ["_bucket", "_sum", "_count"].reduce(name) {
                $0.hasSuffix($1) ? String($0.dropLast($1.count)) : $0
            }
            #expect(families[family] != nil, "\(name)")
        }
    }

    @Test func `the metrics page counts the tools of a route by what became of them`() throws {
        let tools = try #require(try PrometheusText(page()).families["gatehouse_tools"]?.samples)
        #expect(tools.map { $0.labels["state"] } == ["approved", "rejected", "new", "changed"])
        #expect(tools.map(\.value) == [0, 0, 0, 1])
    }

    @Test func `the metrics page says how far the clock is from others`() throws {
        let clocks = try #require(try PrometheusText(page()).families["gatehouse_clock_skew_seconds"]?.samples)
        #expect(clocks.map(\.labels) == [["source": "certs"], ["source": "audit"]])
        #expect(clocks.map(\.value) == [-1.5, 2])
    }

    /// A counter that is born at 1 has not increased for Prometheus.
    @Test(arguments: [false, true])
    func `the metrics page has the counters of alerts from the start`(as200: Bool) throws {
        let route = Route(
            name: try RouteName(parsing: "coda"),
            host: try HostPattern(parsing: "coda.example"),
            audiences: ["aud"],
            upstream: try Upstream(parsing: "http://coda:8080"),
            answersErrorsAs200: as200
        )
        let families = try PrometheusText(page(routes: [route])).families
        let requests = try #require(families["gatehouse_requests_total"]?.samples)
        #expect(requests.allSatisfy { $0.value == 0 && $0.labels["route"] == "coda" })
        for (reason, status) in [
            ("upstream_credential_rejected", "502"), ("upstream_unreachable", "502"), ("upstream_timeout", "504"),
            ("upstream_error", "500"), ("upstream_error", "503"), ("token_unavailable", "503"), ("", "200"),
        ] {
            #expect(requests.contains { $0.labels["reason"] == reason && $0.labels["status"] == status }, "\(reason)")
        }
        let rejected200 = requests.contains {
            $0.labels["reason"] == "upstream_credential_rejected" && $0.labels["status"] == "200"
        }
        #expect(rejected200 == as200)
        // Its counters go on from there.
        let both = try PrometheusText(page(try traffic(), routes: [route])).families["gatehouse_requests_total"]?
            .samples
        #expect(
            both?.first { $0.labels["route"] == "coda" && $0.labels["status"] == "200" && $0.labels["reason"] == "" }?
                .value == 5
        )
    }

    @Test func `the metrics page says what is wrong by probe`() throws {
        let problems = try PrometheusText(page()).families["gatehouse_problems"]?.samples ?? []
        #expect(problems.count == 2 * Finding.Probe.allCases.count)
        let replaced = problems.first { $0.labels == ["probe": "configuration", "verdict": "fail"] }
        #expect(replaced?.value == 1)
    }

    @Test func `the metrics page names a runbook entry in each rule`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let rules = try String(contentsOf: root.appendingPathComponent("deploy/monitoring/alerts.yml"), encoding: .utf8)
        let runbook = try String(
            contentsOf: root.appendingPathComponent("docs/OAUTH_TROUBLESHOOTING.md"),
            encoding: .utf8
        )
        let entries = rules.matches(of: #/runbook: (\S+)/#).map { String($0.output.1) }
        #expect(entries.count == rules.matches(of: #/- alert: /#).count && !entries.isEmpty)
        for entry in entries { #expect(runbook.contains("\n### \(entry)\n"), "\(entry)") }
    }

    private func traffic() throws -> LoopMetrics.Snapshot {
        let coda = try RouteName(parsing: "coda")
        let other = try RouteName(parsing: "other.route-2")
        var traffic = LoopMetrics.Snapshot()
        traffic.requests = [
            LoopMetrics.Series(route: coda, reason: nil, status: 200): 5,
            LoopMetrics.Series(route: coda, reason: .assertionExpired, status: 401): 2,
            LoopMetrics.Series(route: other, reason: nil, status: 200): 1,
            LoopMetrics.Series(route: nil, reason: .routeUnknown, status: 404): 3,
        ]
        for (route, times) in [(coda, [40, 60, 700, 90_000_000]), (other, [1_000_000])] as [(RouteName, [Int64])] {
            var histogram = LatencyHistogram()
            for time in times { histogram.record(time) }
            traffic.added[route] = histogram
            traffic.upstream[route] = histogram
        }
        return traffic
    }

    @Test func `the metrics page is valid before anything happened`() throws {
        let families = try PrometheusText(page(isFresh: true)).families
        #expect(families["gatehouse_signing_keys"]?.samples.map(\.value) == [0])
        // An age of nothing would be a number that says nothing.
        #expect(families["gatehouse_signing_keys_age_seconds"] == nil)
        #expect(families["gatehouse_store_age_seconds"] == nil)
    }

    @Test func `the metrics page is valid, and counts each series once`() throws {
        let families = try PrometheusText(page(try traffic())).families
        let requests = try #require(families["gatehouse_requests_total"])
        #expect(requests.type == "counter")
        #expect(requests.samples.count == 4)
        let expired = ["route": "coda", "decision": "deny", "reason": "assertion_expired", "status": "401"]
        #expect(requests.samples.first { $0.labels == expired }?.value == 2)
        let passed = ["route": "coda", "decision": "allow", "reason": "", "status": "200"]
        #expect(requests.samples.first { $0.labels == passed }?.value == 5)
        #expect(families["gatehouse_signing_keys_age_seconds"]?.samples.map(\.value) == [90])
        #expect(families["gatehouse_store_age_seconds"]?.samples.map(\.value) == [1.5])
        #expect(families["gatehouse_audit_sink_lag_seconds"]?.samples.map(\.value) == [0.25])
    }

    @Test(arguments: ["gatehouse_added_seconds", "gatehouse_upstream_seconds"])
    func `the metrics page has histograms that add up`(_ name: String) throws {
        let family = try #require(try PrometheusText(page(try traffic())).families[name])
        #expect(family.type == "histogram")
        for (route, count, sum) in [("coda", 4.0, 90.0008), ("other.route-2", 1.0, 1.0)] {
            let own = family.samples.filter { $0.labels["route"] == route }
            let buckets = own.filter { $0.name.hasSuffix("_bucket") }
            let bounds = buckets.compactMap { $0.labels["le"].flatMap(Double.init) }
            #expect(bounds.count == buckets.count)
            #expect(bounds == bounds.sorted() && Set(bounds).count == bounds.count)
            #expect(bounds.last == .infinity)
            #expect(buckets.map(\.value) == buckets.map(\.value).sorted())
            #expect(buckets.last?.value == count)
            #expect(own.first { $0.name.hasSuffix("_count") }?.value == count)
            #expect(own.first { $0.name.hasSuffix("_sum") }?.value == sum)
        }
    }

    @Test(arguments: [
        "a 1", "# TYPE a counter\na 1\n", "# HELP a b\n# TYPE a counter\nb 1\n", "# HELP a b\n# TYPE a counter\na x\n",
        "# HELP a b\n# TYPE a counter\na 1\na 1\n", "# HELP a b\n# TYPE a counter\na{b=\"c} 1\n",
        "# HELP a b\n# TYPE a gouge\na 1\n",
    ])
    func `an invalid metrics page would be found`(_ text: String) {
        #expect(throws: PrometheusText.Failure.self) { try PrometheusText(text) }
    }
}
