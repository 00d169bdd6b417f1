import Foundation
import GatehouseAudit
import GatehouseBenchmarkSamples
import GatehouseCore

/// The events of calls as they come.
enum Work {
    static let start = SystemClock().now()
    static let calls = try! SampleCalls(from: start, arguments: String(repeating: "x", count: 300))

    static func settings(_ spool: String) -> AuditSystem.Settings {
        var settings = AuditSystem.Settings(spool: spool)
        settings.keys = SampleCalls.keys
        settings.maxSpool = 4 << 30
        return settings
    }

    /// Records so many events, and waits where the writer has not made room yet.
    static func record(_ events: Int, to lane: SpoolLane) {
        for number in 0..<events / 2 {
            while calls.decision(number, to: lane) != .recorded { usleep(500) }
            while calls.outcome(number, to: lane) != .recorded { usleep(500) }
        }
    }
}
