import Foundation
import GatehouseCore
@testable import GatehouseServer
@testable import GatehouseTokens
import Testing

/// An instance's findings about tokens that renew themselves.
@Suite struct FindingsOfRenewals {
    private static let now = Timestamp(seconds: 1_795_424_400)
    private let name: TokenName
    private let route: Route

    init() throws {
        name = try TokenName(parsing: "drive")
        let route = try RouteName(parsing: "drive")
        self.route = Route(
            name: route,
            host: try HostPattern(parsing: "drive.example"),
            audiences: ["aud"],
            upstream: try Upstream(parsing: "http://drive:8080"),
            injections: [
                Injection(
                    name: try HeaderName(parsing: "X-Key"),
                    value: try .init(parsing: "{token}", ownToken: route.ownToken)
                )
            ]
        )
    }

    private func facts(_ state: RenewalState, served: Bool = false, uptime: Duration = .seconds(60)) throws
        -> InstanceFacts
    {
        let token = try #require(route.tokens.first)
        var facts = InstanceFacts(now: Self.now, reload: ReloadState(startedAt: Self.now))
        facts.uptime = uptime
        facts.routes = [route]
        facts.store.lastSuccess = Self.now
        facts.renewals = [token: state]
        facts.seeded = [token]
        if served { facts.served = [token: 1] }
        return facts
    }

    private func state(_ change: (inout RenewalState) -> Void) -> RenewalState {
        var state = RenewalState()
        change(&state)
        return state
    }

    private func finding(_ facts: InstanceFacts) throws -> Finding? { facts.findings.first { $0.probe == .renewal } }

    @Test func `there are no findings where every renewal is well`() throws {
        let good = state { ($0.word, $0.isServed, $0.version) = (.good, true, 3) }
        #expect(try facts(good, served: true).findings.filter { [.renewal, .token].contains($0.probe) }.isEmpty)
    }

    @Test func `findings of renewals name the token that has to be connected`() throws {
        let ended = state { ($0.word, $0.problem) = (.needsConnecting, "the server answers 400 invalid_grant") }
        let finding = try #require(try finding(facts(ended)))
        #expect(finding.verdict == .fail)
        #expect(finding.detail.hasPrefix("needs connecting anew: the server answers 400 invalid_grant; needed by "))
        #expect(finding.advice?.hasPrefix("gatehouse token set ") == true)
        // One finding: that the store lacks it is no second fault.
        #expect(try !facts(ended).findings.contains { $0.probe == .token })
        #expect(try Readiness(facts(ended)).isReady == false)
    }

    @Test func `findings of renewals warn while the present token serves`() throws {
        let failing = state {
            ($0.word, $0.isServed, $0.version, $0.problem) = (.failing, true, 3, "the server answers 503")
            $0.expiresAt = Self.now + .seconds(60)
        }
        let finding = try #require(try finding(facts(failing, served: true)))
        #expect(finding.verdict == .warn)
        #expect(finding.detail.hasPrefix("cannot be renewed: the server answers 503; version 3 serves until 20"))
        let gone = state { ($0.word, $0.problem) = (.failing, "the server answers 503") }
        #expect(try self.finding(facts(gone))?.verdict == .fail)
    }

    @Test func `findings of renewals give the start its time`() throws {
        let starting = state { $0.word = .obtaining }
        #expect(try finding(facts(starting, uptime: .seconds(1))) == nil)
        #expect(try finding(facts(starting))?.verdict == .fail)
        let waiting = state { $0.word = .waitsForSeed }
        #expect(try finding(facts(waiting))?.detail.hasPrefix("has no refresh token to begin with") == true)
    }

    @Test func `findings of renewals stand on the status page, and in its other forms`() throws {
        var facts = StatusFacts.sample(routes: [route])
        let before = StatusPage(facts: facts).html
        #expect(!before.contains("renew"))
        facts.instance.renewals[name] = state {
            ($0.word, $0.version, $0.problem) = (.needsConnecting, 3, "the server says <b>no</b>")
        }
        let page = StatusPage(facts: facts).html
        #expect(page.contains("Tokens that renew themselves"))
        #expect(
            page.contains(
                "<span class=\"pill bad\" title=\"the server says &lt;b&gt;no&lt;/b&gt;\">needs connecting</span>"
            )
        )
        #expect(StatusReport(facts).text.contains("renews itself: needs connecting, the server says <b>no</b>"))
        #expect(facts.json.text.contains(#""renewals":[{"name":"drive","state":"needs_connecting","version":3"#))
    }

    @Test func `renewals stand in the metrics`() throws {
        var text = MetricsText()
        text.addRenewals([:])
        #expect(text.text.isEmpty)
        text.addRenewals([name: state { ($0.word, $0.renewals, $0.failures) = (.failing, 4, 2) }])
        let families = try PrometheusText(text.text).families
        #expect(families["gatehouse_token_renewals_total"]?.samples.map(\.value) == [4, 2])
        let states = try #require(families["gatehouse_token_renewal_state"]?.samples)
        #expect(states.filter { $0.value == 1 }.map(\.labels) == [["token": "drive", "state": "failing"]])
        #expect(states.count == RenewalSchedule.State.allCases.count)
    }
}
