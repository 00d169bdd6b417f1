import GatehouseAudit
import GatehouseBenchmarkSamples
import GatehouseCore
import Glibc

let auditCases = [
    // A decision and an outcome, from the facts to the ring and from there to the spool, with the chain's hash of each.
    MicroCase("spool") { count in
        try AuditCase(DiscardingSink()).record(count, within: .zero) { $0.writtenThrough >= Int64(2 * count) }
    },
    // The same, and on into a database of SQLite.
    MicroCase("drain") { count in
        let place = try AuditCase.folder()
        let sink = SQLiteSink(path: "\(place)/audit.db")
        try AuditCase(sink).record(count, within: .seconds(600)) { $0.deliveredThrough >= Int64(2 * count) }
    },
]

/// The audit of some requests, whose threads are never started: at its end it does all the work that is left.
private struct AuditCase {
    private let audit: AuditSystem

    init(_ sink: sending any AuditSink) throws {
        var settings = AuditSystem.Settings(spool: "\(try Self.folder())/spool")
        settings.keys = SampleCalls.keys
        // All of them, for nothing empties the ring before the end.
        settings.laneSize = 1 << 24
        audit = try AuditSystem(settings, sink: sink)
    }

    /// A new folder. Whoever gave the one that it is in removes it.
    static func folder() throws -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var place = Array("\(parent)/gatehouse-micro.XXXXXX".utf8CString)
        guard let made = mkdtemp(&place) else { throw Failure() }
        return String(cString: made)
    }

    func record(_ count: Int, within bound: Duration, _ holds: (AuditState) -> Bool) throws {
        let lane = try audit.lane(for: 0)
        let start = Timestamp(seconds: Samples.now)
        let calls = try SampleCalls(from: start, arguments: #"{"docId":"AbCDeFGH","limit":25}"#)
        for turn in 0..<count {
            try check(calls.decision(turn, to: lane) == .recorded)
            try check(calls.outcome(turn, to: lane) == .recorded)
        }
        audit.shutdown(within: bound)
        try check(holds(audit.state(at: start)))
    }
}
