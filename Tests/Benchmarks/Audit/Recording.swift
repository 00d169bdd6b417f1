import Foundation
import GatehouseAudit
import GatehouseBenchmarkSamples
import GatehouseCore
import Synchronization

/// The time that a request waits for its decision to be recorded. Without an audit there is no wait, so every time here is added.
struct Recording {
    private static let requests = 20_000
    private let place: String

    init(_ place: String) { self.place = place }

    func run() throws {
        print("added to a request by recording its decision")
        for arguments in [AuditArguments.omit, .digest, .record] {
            let times = try process(arguments)
            print(line("durability process, 300 B of arguments: \(arguments.rawValue)", times))
        }
        // The disk may change its mind from one second to the next: what a sync takes is asked before and behind.
        for (waiting, requests) in [(1, 500), (64, Self.requests)] {
            let before = try fsyncs()
            let times = try disk(waiting: waiting, requests: requests)
            print(line("durability disk, \(waiting) at a time", times))
            print("    one fsync: p50 \(before) before, \(try fsyncs()) behind")
        }
    }

    private func line(_ name: String, _ times: Times) -> String {
        "  \(name): p50 \(Times.text(times.quantile(0.5)))  p99 \(Times.text(times.quantile(0.99)))"
    }

    private func process(_ arguments: AuditArguments) throws -> Times {
        var settings = Work.settings("\(place)/process-\(arguments.rawValue)")
        settings.arguments = arguments
        let system = try AuditSystem(settings, sink: DiscardingSink())
        let lane = try system.lane(for: 0)
        try system.start()
        var times = Times()
        for number in 0..<Self.requests * 5 {
            let start = ContinuousClock.now
            let receipt = Work.calls.decision(number, to: lane)
            let time = ContinuousClock.now - start
            // The writer needs the processor as well; a proxy has its sockets to wait for.
            if receipt == .unavailable { usleep(1000) } else { times.add(time) }
        }
        system.shutdown(within: .seconds(60))
        return times
    }

    /// Keeps so many requests waiting at once, as on one event loop; each one that is called back begins the next.
    private func disk(waiting: Int, requests: Int) throws -> Times {
        var settings = Work.settings("\(place)/disk-\(waiting)")
        settings.durability = .disk
        let loop = SmallLoop()
        let system = try AuditSystem(settings, sink: DiscardingSink())
        let lane = try system.lane(for: 0, loop: loop.hooks)
        try system.start()
        var times = Times()
        var sent = 0
        func send() {
            guard sent < requests else { return }
            sent += 1
            let number = sent
            let start = ContinuousClock.now
            guard case .pending(let ticket) = Work.calls.decision(sent, to: lane) else { return }
            lane.whenDurable(ticket) { _ in
                times.add(ContinuousClock.now - start)
                _ = Work.calls.outcome(number, to: lane)
                send()
            }
        }
        for _ in 0..<waiting { send() }
        while times.count < requests { loop.runOnce() }
        system.shutdown(within: .seconds(60))
        return times
    }

    private func fsyncs() throws -> String {
        let file = open("\(place)/fsync", O_WRONLY | O_CREAT, 0o600)
        defer { close(file) }
        var times = Times()
        let block = [UInt8](repeating: 7, count: 24_000)
        for _ in 0..<100 {
            let start = ContinuousClock.now
            write(file, block, block.count)
            fdatasync(file)
            times.add(ContinuousClock.now - start)
        }
        return Times.text(times.quantile(0.5))
    }
}

/// An event loop of the least kind: what the writer hands over is run by whoever turns it.
private final class SmallLoop: Sendable {
    private let work = Mutex<[@Sendable () -> Void]>([])

    var hooks: LaneLoop {
        LaneLoop(
            execute: { body in self.work.withLock { $0.append(body) } },
            schedule: { _, _ in },
            now: { ContinuousClock.now - Self.start }
        )
    }

    private static let start = ContinuousClock.now

    func runOnce() {
        let bodies = work.withLock { work in
            defer { work = [] }
            return work
        }
        if bodies.isEmpty { sched_yield() }
        for body in bodies { body() }
    }
}
