import AccessIdentity
import GatehouseCore
import Testing

@testable import GatehouseConfig
@testable import GatehouseServer

@Suite struct IdentityStateTests {
    private static let now = Timestamp(seconds: 1_795_424_400)

    private static func state(_ onFailure: IdentitySettings.OnFailure = .deny, failedAgo: Int64?, answeredAgo: Int64?)
        throws
        -> IdentityState
    {
        var status = IdentitySource.Status()
        status.kept = 2
        (status.fetched, status.failed, status.refused) = (3, 4, 1)
        status.lastFailure = failedAgo.map { (now.seconds - $0, .unavailable("the identity endpoint answers 500")) }
        status.lastSuccess = answeredAgo.map { now.seconds - $0 }
        let settings = IdentitySettings(
            url: try WebURL(trusted: "https://team.example/identity"),
            refresh: .seconds(300),
            maxStale: .seconds(3600),
            onFailure: onFailure
        )
        return IdentityState(settings: settings, status: status)
    }

    @Test(
        arguments: [
            (10, nil, true), (10, 20, true), (10, 10, true), (10, 5, false), (nil, 5, false), (nil, nil, false),
            (299, nil, true),
            // Nobody may have asked since.
            (300, nil, false),
        ] as [(Int64?, Int64?, Bool)]
    )
    func `a failure stands until an answer comes, or for five minutes`(failed: Int64?, answered: Int64?, stands: Bool)
        throws
    {
        let state = try Self.state(failedAgo: failed, answeredAgo: answered)
        #expect((state.finding(at: Self.now.seconds) != nil) == stands)
    }

    @Test func `it is a failure for readiness and metrics, and stops no request by itself`() throws {
        var facts = InstanceFacts(now: Self.now, reload: ReloadState(startedAt: Self.now))
        facts.identities = try Self.state(failedAgo: 1, answeredAgo: nil)
        let readiness = Readiness(facts)
        #expect(readiness.findings.contains { $0.probe == .identity && $0.verdict == .fail && $0.advice != nil })
        let check = try #require(readiness.checks.first { $0.name == "identities" })
        #expect(check.isReady && check.detail.contains("the identity endpoint answers 500"))
        facts.identities = try Self.state(.assertion, failedAgo: 1, answeredAgo: nil)
        #expect(Readiness(facts).findings.contains { $0.probe == .identity && $0.verdict == .warn })
        facts.identities = try Self.state(failedAgo: nil, answeredAgo: 1)
        #expect(Readiness(facts).checks.contains { $0.name == "identities" && $0.detail == "of 2 sign-ins" })
        facts.identities = nil
        #expect(!Readiness(facts).checks.contains { $0.name == "identities" })
    }

    @Test func `the metrics page counts what became of the questions`() throws {
        var text = MetricsText()
        text.addIdentities(nil)
        #expect(text.text.isEmpty)
        text.addIdentities(try Self.state(failedAgo: nil, answeredAgo: 1).status)
        let families = try PrometheusText(text.text).families
        #expect(families["gatehouse_identities"]?.samples.map(\.value) == [2])
        let samples = families["gatehouse_identity_fetches_total"]?.samples ?? []
        #expect(samples.map { $0.labels["result"] } == ["ok", "failed", "refused", "overloaded"])
        #expect(samples.map(\.value) == [3, 4, 1, 0])
    }
}
