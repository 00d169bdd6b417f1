import GatehouseCore
import SocketLoop
import Testing

@testable import GatehouseProxy

/// The machine names a wait, and this is where it becomes a time.
@Suite struct DeadlineTests {
    static let now = MonotonicTime.now()

    static func deadline(_ wait: ExchangeWait, _ limits: ServerLimits = ServerLimits(), _ route: RouteWaits? = nil)
        -> Deadline
    {
        var deadline = Deadline()
        deadline.begin(wait, at: now, ServerWaits(limits), route)
        return deadline
    }

    @Test func `each wait has its limit`() {
        var limits = ServerLimits()
        (limits.headTimeout, limits.bodyTimeout, limits.keepAlive) = (.seconds(1), .seconds(2), .seconds(3))
        let route = RouteWaits(RouteTimeouts(connect: .seconds(4), response: .seconds(5), idle: .seconds(6)))
        let expected: [ExchangeWait: TimeSpan?] = [
            .head: .seconds(1), .keepAlive: .seconds(3), .decision: Deadline.decision, .gathering: .seconds(2),
            .connection: nil, .requestBody: .seconds(2), .responseHead: .seconds(5), .silence: .seconds(6),
            .output: .seconds(2), .linger: Deadline.linger, .token: Deadline.renewal,
        ]
        #expect(expected.count == ExchangeWait.allCases.count)
        for (wait, span) in expected {
            #expect(Self.deadline(wait, limits, route).time == span.map { Self.now + $0 }, "\(wait)")
        }
    }

    @Test func `zero is no limit`() {
        var limits = ServerLimits()
        limits.bodyTimeout = .zero
        #expect(Self.deadline(.gathering, limits).time == nil)
        #expect(Self.deadline(.output, limits).time == nil)
    }

    @Test func `a wait that is over is told once`() {
        var deadline = Self.deadline(.linger)
        #expect(deadline.passes(at: Self.now) == false)
        #expect(deadline.passes(at: Self.now + Deadline.linger) == true)
        #expect(deadline.passes(at: Self.now + Deadline.linger) == false)
        #expect(deadline.wait == nil)
    }

    @Test func `a drain shortens a wait and never lengthens it`() {
        var long = Self.deadline(.decision)
        long.hasten(.ends, at: Self.now)
        #expect(long.time == Self.now + Deadline.drain)
        long.hasten(.handsOver, at: Self.now)
        #expect(long.time == Self.now + Deadline.drain)
        var unlimited = Self.deadline(.connection)
        unlimited.hasten(.handsOver, at: Self.now)
        #expect(unlimited.time == Self.now + Deadline.handOver)
    }
}
