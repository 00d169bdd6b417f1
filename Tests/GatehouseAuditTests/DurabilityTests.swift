import GatehouseCore
import Synchronization
import Testing

@testable import GatehouseAudit

/// An event loop that a test turns by hand.
private final class ScriptedLoop: Sendable {
    private struct State {
        var now: Duration = .zero
        var soon: [@Sendable () -> Void] = []
        var later: [(at: Duration, run: @Sendable () -> Void)] = []
    }

    private let state = Mutex(State())

    var hooks: LaneLoop {
        LaneLoop(
            execute: { closure in self.state.withLock { $0.soon.append(closure) } },
            schedule: { duration, closure in self.state.withLock { $0.later.append(($0.now + duration, closure)) } },
            now: { self.state.withLock { $0.now } }
        )
    }

    func run() {
        while true {
            let closures = state.withLock { state in
                defer { state.soon = [] }
                return state.soon
            }
            if closures.isEmpty { return }
            closures.forEach { $0() }
        }
    }

    func advance(_ duration: Duration) {
        let due = state.withLock { state in
            state.now += duration
            defer { state.later.removeAll { $0.at <= state.now } }
            return state.later.filter { $0.at <= state.now }
        }
        due.forEach { $0.run() }
    }
}

struct DurabilityTests {
    @Test func `one sync serves all who wait`() throws {
        let (system, lane, loop, scratch) = try disk()
        defer { _ = scratch }
        var told: [Bool] = []
        for number in 0..<5 as Range<UInt64> {
            guard case .pending(let ticket) = Sample.decision(number, { lane.record($0) }) else {
                Issue.record("a decision is pending")
                return
            }
            lane.whenDurable(ticket) { told.append($0) }
        }
        #expect(Sample.outcome(1) { lane.record($0) } == .recorded)
        loop.run()
        #expect(told.isEmpty)
        #expect(system.writer.step() == .wrote(6))
        #expect(told.isEmpty)
        loop.run()
        #expect(told == [true, true, true, true, true])
        loop.advance(.seconds(1))
        #expect(told.count == 5)
    }

    @Test func `what is durable already is said at once`() throws {
        let (system, lane, _, scratch) = try disk()
        defer { _ = scratch }
        guard case .pending(let ticket) = Sample.decision(1, { lane.record($0) }) else {
            Issue.record("a decision is pending")
            return
        }
        #expect(system.writer.step() == .wrote(1))
        var told: Bool?
        lane.whenDurable(ticket) { told = $0 }
        #expect(told == true)
    }

    @Test(arguments: AuditFailurePolicy.allCases)
    func `a disk that is too slow denies or allows`(_ policy: AuditFailurePolicy) throws {
        let (system, lane, loop, scratch) = try disk(policy)
        defer { _ = scratch }
        var told: [Bool] = []
        guard case .pending(let first) = Sample.decision(1, { lane.record($0) }) else {
            Issue.record("a decision is pending")
            return
        }
        lane.whenDurable(first) { told.append($0) }
        loop.advance(.milliseconds(100))
        guard case .pending(let second) = Sample.decision(2, { lane.record($0) }) else {
            Issue.record("a decision is pending")
            return
        }
        lane.whenDurable(second) { told.append($0) }
        loop.advance(.milliseconds(149))
        #expect(told.isEmpty)
        loop.advance(.milliseconds(1))
        #expect(told == [policy == .allow])
        #expect(system.state(at: Sample.start).late == 1)
        // The second has its own time, and the timer was set again for it.
        _ = system.writer.step()
        loop.run()
        #expect(told == [policy == .allow, true])
        loop.advance(.seconds(1))
        #expect(told.count == 2)
    }

    @Test func `the timer is set again for those who still wait`() throws {
        let (system, lane, loop, scratch) = try disk()
        defer { _ = (system, scratch) }
        var told: [Bool] = []
        for number in 0..<3 as Range<UInt64> {
            guard case .pending(let ticket) = Sample.decision(number, { lane.record($0) }) else { return }
            lane.whenDurable(ticket) { told.append($0) }
            loop.advance(.milliseconds(100))
        }
        loop.advance(.milliseconds(50))
        #expect(told == [false, false])
        loop.advance(.milliseconds(100))
        #expect(told == [false, false, false])
    }

    private func disk(
        _ policy: AuditFailurePolicy = .deny
    ) throws -> (AuditSystem, SpoolLane, ScriptedLoop, Scratch) {
        let scratch = Scratch()
        var settings = scratch.settings
        settings.durability = .disk
        settings.onFailure = policy
        let loop = ScriptedLoop()
        let system = try AuditSystem(settings, sink: DiscardingSink())
        return (system, try system.lane(for: 0, loop: loop.hooks), loop, scratch)
    }
}
