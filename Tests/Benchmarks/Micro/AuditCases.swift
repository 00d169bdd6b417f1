import GatehouseAudit
import GatehouseCore
import Glibc

let auditCases = [
    // A decision and an outcome, from the facts to the ring and from there to the spool, with the chain's hash of each.
    MicroCase("spool") { count in
        // Whoever gave the folder removes it.
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var place = Array("\(parent)/gatehouse-micro.XXXXXX".utf8CString)
        guard let made = mkdtemp(&place) else { throw Failure() }
        var settings = AuditSettings(spool: "\(String(cString: made))/spool")
        settings.keys = AuditKeys(chain: key(1), digest: key(2), sealing: key(3))
        // All of them, for nothing empties the ring before the end.
        settings.laneSize = 1 << 24
        let audit = try AuditSystem(settings, sink: DiscardingSink())
        let lane = try audit.lane(for: 0)
        let work = AuditWork(route: try AuditWork.route())
        for turn in 0..<count {
            try check(work.decision(turn, to: lane) == .recorded)
            try check(work.outcome(turn, to: lane) == .recorded)
        }
        // Never started, it writes here what the ring holds, on this thread.
        audit.shutdown(within: .zero)
        try check(audit.state(at: AuditWork.start).writtenThrough >= Int64(2 * count))
    }
]

private func key(_ byte: UInt8) -> PurposeKeys { PurposeKeys(current: Secret([UInt8](repeating: byte, count: 32))) }

private struct AuditWork {
    static let start = Timestamp(seconds: Samples.now)
    let route: Route
    private let caller = Caller(
        principal: Principal(kind: .user, name: "ops@example.com", subject: "7335d417-61da-459d-899c-0a01c76a2f94"),
        expiresAt: Timestamp(seconds: Samples.now + 3600),
        keyID: "8ef1c2"
    )
    /// Method, path, called method and tool, address, ray and arguments of a call: one text, and where each ends.
    private let text = Array(
        #"POST/mcptools/call17list_rows203.0.113.98f2b1c3d4e5f6071-FRA{"docId":"AbCDeFGH","limit":25}"#.utf8
    )

    static func route() throws -> Route {
        try Route(
            name: TokenName(parsing: "coda"),
            host: .any,
            audiences: [Samples.audience],
            upstream: Upstream(parsing: "http://127.0.0.1:8080")
        )
    }

    func decision(_ turn: Int, to lane: SpoolLane) -> AuditReceipt {
        text.withUnsafeBytes { text in
            func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: text[range]) }
            var facts = AuditFacts(.decision, of: RequestID(high: 1, low: UInt64(turn)), at: Self.start)
            facts.route = route
            facts.caller = caller
            facts.token = (route.name, 3)
            facts.httpMethod = part(0..<4)
            facts.path = part(4..<8)
            facts.rpcMethod = part(8..<18)
            facts.rpcID = part(18..<20)
            facts.target = part(20..<29)
            facts.clientIP = part(29..<40)
            facts.cfRay = part(40..<60)
            facts.arguments = part(60..<text.count)
            return lane.record(facts)
        }
    }

    func outcome(_ turn: Int, to lane: SpoolLane) -> AuditReceipt {
        var facts = AuditFacts(.outcome, of: RequestID(high: 1, low: UInt64(turn)), at: Self.start)
        facts.status = 200
        facts.upstreamStatus = 200
        facts.bytesIn = 250
        facts.bytesOut = 300
        facts.durationMicroseconds = 1234
        facts.upstreamMicroseconds = 1100
        facts.ending = .complete
        return lane.record(facts)
    }
}
