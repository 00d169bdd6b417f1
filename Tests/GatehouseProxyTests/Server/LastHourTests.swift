import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct TheLastHour {
    private func minute(_ requests: Int, refused: Int = 0, failed: Int = 0) -> LastHour.Minute {
        var minute = LastHour.Minute()
        (minute.requests, minute.refused, minute.failed) = (requests, refused, failed)
        return minute
    }

    @Test func `is sixty empty minutes at first`() {
        #expect(LastHour().ending(at: 1000) == Array(repeating: minute(0), count: 60))
    }

    @Test func `tells who was refused from what failed`() {
        var hour = LastHour()
        for reason in [nil, nil, .assertionExpired, .upstreamTimeout, .keysUnavailable] as [Reason?] {
            hour.count(reason, minute: 1000)
        }
        #expect(hour.ending(at: 1000).last == minute(5, refused: 1, failed: 2))
        #expect(hour.ending(at: 1003).suffix(4).map(\.requests) == [5, 0, 0, 0])
    }

    @Test func `forgets what is older, also where nothing came in between`() {
        var hour = LastHour()
        hour.count(nil, minute: 1000)
        #expect(hour.ending(at: 1059).first == minute(1))
        #expect(hour.ending(at: 1060).allSatisfy { $0 == minute(0) })
        hour.count(nil, minute: 1060)
        #expect(hour.ending(at: 1060).map(\.requests).reduce(0, +) == 1)
    }

    @Test func `of two loops adds up, and a newer minute takes an older one's slot`() {
        var one = LastHour()
        var other = LastHour()
        one.count(nil, minute: 1000)
        one.count(nil, minute: 1001)
        other.count(.rateLimited, minute: 1001)
        other.count(nil, minute: 1060)
        one.add(other)
        let minutes = one.ending(at: 1060)
        #expect(minutes.first == minute(2, refused: 1))
        #expect(minutes.last == minute(1))
    }
}

@Suite struct TheLastRefusals {
    private func entry(_ second: Int64) -> LastRefusals.Entry {
        LastRefusals.Entry(
            at: Timestamp(seconds: second),
            requestID: RequestID(high: 0, low: UInt64(second)),
            route: nil,
            reason: .routeUnknown,
            status: 404
        )
    }

    @Test func `are bounded, the newest first`() {
        var refusals = LastRefusals()
        for second in 1...50 { refusals.record(entry(Int64(second))) }
        #expect(refusals.newestFirst.map(\.at.seconds) == Array((31...50).reversed()))
    }

    @Test func `of two loops are one list`() {
        var one = LastRefusals()
        var other = LastRefusals()
        for second in 1...15 { one.record(entry(Int64(second * 2))) }
        for second in 1...15 { other.record(entry(Int64(second * 2 + 1))) }
        one.add(other)
        #expect(one.newestFirst.map(\.at.seconds) == Array((12...31).reversed()))
    }
}

@Suite struct TheHealthOfARoute {
    private let early = Timestamp(seconds: 1)
    private let late = Timestamp(seconds: 2)

    @Test func `is what the last request that reached for the upstream found`() {
        #expect(RouteHealth().isGood == nil)
        #expect(RouteHealth(lastAnswer: early, lastFailure: nil).isGood == true)
        #expect(RouteHealth(lastAnswer: early, lastFailure: (late, .upstreamReset, "")).isGood == false)
        #expect(RouteHealth(lastAnswer: late, lastFailure: (early, .upstreamReset, "")).isGood == true)
    }

    @Test func `of two loops is that of the newer one`() {
        let good = RouteHealth(lastAnswer: late, lastFailure: nil)
        let bad = RouteHealth(lastAnswer: nil, lastFailure: (early, .upstreamReset, ""))
        #expect(good.merged(with: bad).isGood == true)
        #expect(bad.merged(with: good).isGood == true)
        #expect(bad.merged(with: bad).isGood == false)
    }
}
