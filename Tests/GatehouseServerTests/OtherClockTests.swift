@testable import CurlClient
import GatehouseCore
@testable import GatehouseServer
import Testing

@Suite struct OtherClockTests {
    /// `access.clock_skew` and how far the clock is: half of it warns, and by the certs server's clock more of it fails.
    @Test(arguments: [
        (30, 0, Finding.Verdict.ok), (30, 15, .ok), (30, 16, .warn), (30, -16, .warn), (30, 31, .fail),
        (30, -31, .fail),
        (0, 2, .ok), (0, 3, .fail), (600, 299, .ok), (600, 301, .warn), (600, 601, .fail),
    ])
    func `judges the certs server's clock by what assertions bear`(skew: Int, lead: Int, verdict: Finding.Verdict) {
        let finding = Finding.clock(.certs, lead: .seconds(lead), tolerance: .seconds(skew))
        #expect(finding.verdict == verdict)
        #expect((finding.advice == nil) == (verdict == .ok))
        #expect(finding.detail == "\(abs(lead)) s \(lead < 0 ? "behind" : "ahead of") the certs server")
    }

    @Test(arguments: [OtherClock.audit, .store])
    func `a database's clock warns`(_ other: OtherClock) {
        let finding = Finding.clock(other, lead: .seconds(4000), tolerance: .seconds(30))
        #expect(finding.verdict == .warn && finding.detail == "4000 s ahead of \(other.words)")
    }

    @Test func `is named by the instance while it lasts, and degrades it`() throws {
        let now = Timestamp(seconds: 1_795_424_400)
        var facts = InstanceFacts(now: now, reload: ReloadState(startedAt: now))
        facts.clockSkew = .seconds(30)
        facts.leads = [.certs: .seconds(-600), .store: .seconds(1)]
        #expect(facts.findings.map(\.subject) == ["certs"])
        let check = try #require(Readiness(facts).checks.first { $0.name == "clock" })
        #expect(check.isReady && check.detail.hasPrefix("600 s behind the certs server"))
        facts.leads = [:]
        #expect(!Readiness(facts).checks.contains { $0.name == "clock" })
    }

    /// A cache passes on the date of when the answer was made, and says how long ago that was.
    @Test func `a date counts from when its answer was made`() throws {
        let asked = ContinuousClock.now
        func lead(_ headers: [(String, String)]) -> Duration? {
            let response = CurlResponse(
                status: 200,
                headers: headers.map { (name: $0.0, value: $0.1) },
                body: CurlBody("")
            )
            let ours = Timestamp(parsing: "1994-11-06T08:49:37Z")
            return ours.flatMap { ClockReading(response, asked: asked)?.lead(of: $0, at: asked) }
        }
        let date = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
        let fresh = try #require(lead([date]))
        #expect(abs(fresh.microseconds) < 10_000_000)
        let cached = try #require(lead([date, ("Age", "3600")]))
        #expect(abs(cached.microseconds + 3_600_000_000) < 10_000_000)
        #expect(lead([]) == nil && lead([("Date", "yesterday")]) == nil)
    }
}
