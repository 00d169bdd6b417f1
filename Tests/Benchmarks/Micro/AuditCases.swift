import GatehouseAudit
import GatehouseBenchmarkSamples
import GatehouseCore
import Glibc

let auditCases = [
    // A decision and an outcome, from the facts to the ring and from there to the spool, with the chain's hash of each.
    MicroCase("spool") { count in
        // Whoever gave the folder removes it.
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var place = Array("\(parent)/gatehouse-micro.XXXXXX".utf8CString)
        guard let made = mkdtemp(&place) else { throw Failure() }
        var settings = AuditSystem.Settings(spool: "\(String(cString: made))/spool")
        settings.keys = SampleCalls.keys
        // All of them, for nothing empties the ring before the end.
        settings.laneSize = 1 << 24
        let audit = try AuditSystem(settings, sink: DiscardingSink())
        let lane = try audit.lane(for: 0)
        let start = Timestamp(seconds: Samples.now)
        let calls = try SampleCalls(from: start, arguments: #"{"docId":"AbCDeFGH","limit":25}"#)
        for turn in 0..<count {
            try check(calls.decision(turn, to: lane) == .recorded)
            try check(calls.outcome(turn, to: lane) == .recorded)
        }
        // Never started, it writes here what the ring holds, on this thread.
        audit.shutdown(within: .zero)
        try check(audit.state(at: start).writtenThrough >= Int64(2 * count))
    }
]
