import Foundation
import GatehouseAudit
import GatehouseCore
import Synchronization

/// What a request waits for its decision: nothing without an audit, so every time here is added.
struct Recording {
    private static let requests = 20_000
    private static let waiting = 64
    private let place: String

    init(_ place: String) { self.place = place }

    func run() throws {
        print("added to a request by recording its decision (\(Self.waiting) at a time for disk)")
        for arguments in [AuditSettings.Arguments.omit, .digest, .record] {
            let times = try process(arguments)
            print(line("durability process, 300 B of arguments: \(arguments.rawValue)", times))
        }
        let times = try disk()
        print(line("durability disk", times))
        print("  one fsync here: p50 \(Times.text(try fsyncs().quantile(0.5)))")
    }

    private func line(_ name: String, _ times: Times) -> String {
        "  \(name): p50 \(Times.text(times.quantile(0.5)))  p99 \(Times.text(times.quantile(0.99)))"
    }

    private func process(_ arguments: AuditSettings.Arguments) throws -> Times {
        var settings = Work.settings("\(place)/process-\(arguments.rawValue)")
        settings.arguments = arguments
        let system = try AuditSystem(settings, sink: DiscardingSink())
        let lane = try system.lane(for: 0)
        try system.start()
        var times = Times()
        for number in 0..<Self.requests * 5 {
            let start = ContinuousClock.now
            let receipt = Work.decision(number, to: lane)
            let time = ContinuousClock.now - start
            // The writer needs the processor as well; a proxy has its sockets to wait for.
            if receipt == .unavailable { usleep(1000) } else { times.add(time) }
        }
        system.shutdown(within: .seconds(60))
        return times
    }

    /// So many requests that wait at once, as on one event loop; each one that is told begins the next.
    private func disk() throws -> Times {
        var settings = Work.settings("\(place)/disk")
        settings.durability = .disk
        let loop = SmallLoop()
        let system = try AuditSystem(settings, sink: DiscardingSink())
        let lane = try system.lane(for: 0, loop: loop.hooks)
        try system.start()
        var times = Times()
        var sent = 0
        func send() {
            guard sent < Self.requests else { return }
            sent += 1
            let start = ContinuousClock.now
            guard case .pending(let ticket) = Work.decision(sent, to: lane) else { return }
            lane.whenDurable(ticket) { _ in
                times.add(ContinuousClock.now - start)
                send()
            }
        }
        for _ in 0..<Self.waiting { send() }
        while times.count < Self.requests { loop.runOnce() }
        system.shutdown(within: .seconds(60))
        return times
    }

    private func fsyncs() throws -> Times {
        let file = open("\(place)/fsync", O_WRONLY | O_CREAT, 0o600)
        defer { close(file) }
        var times = Times()
        let block = [UInt8](repeating: 7, count: 24_000)
        for _ in 0..<300 {
            let start = ContinuousClock.now
            write(file, block, block.count)
            fdatasync(file)
            times.add(ContinuousClock.now - start)
        }
        return times
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
