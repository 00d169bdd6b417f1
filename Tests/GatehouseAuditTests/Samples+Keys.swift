import GatehouseCore

@testable import GatehouseAudit

extension Sample {
    /// Keys of an audit, the same for the same numbers: the first makes, all of them check.
    static func keys(_ numbers: UInt8...) -> AuditKeys {
        func purpose(_ mark: UInt8) -> PurposeKeys {
            let secrets = numbers.map { Secret([UInt8](repeating: $0 &* 16 &+ mark, count: 32)) }
            return PurposeKeys(current: secrets[0], older: Array(secrets.dropFirst()))
        }
        return AuditKeys(chain: purpose(1), digest: purpose(2), sealing: purpose(3), ring: purpose(4))
    }

    /// A decision about a call with these arguments.
    static func call(_ number: UInt64, _ arguments: String, _ body: (borrowing AuditFacts) -> AuditReceipt)
        -> AuditReceipt
    {
        var facts = AuditFacts(
            .decision,
            of: requestID(number),
            at: Timestamp(microseconds: start.microseconds + Int64(number) * 1000)
        )
        facts.route = route
        facts.caller = caller
        return bytes("tools/call", arguments) { texts in
            facts.rpcMethod = texts[0]
            facts.arguments = texts[1]
            return body(facts)
        }
    }
}

extension Sample {
    /// One moment a day, the last of them a day ago.
    static func days(_ range: Range<Int64>) -> [Timestamp] {
        let now = SystemClock().now()
        return range.map { now + .seconds(-86_400 * (range.upperBound - $0)) }
    }
}

extension Scratch {
    /// A run of the retention over a PostgreSQL database, which keeps 90 days.
    func prune(_ url: String) -> RetentionState.Outcome {
        RetentionRun(
            database: .postgres(url: url),
            keep: .seconds(90 * 86_400),
            keys: Sample.keys(1),
            spool: spool,
            clockLead: { nil }
        ).run(at: SystemClock().now()) { _ in }
    }

    /// Settings with keys: what is recorded is chained.
    func chained(_ keys: AuditKeys = Sample.keys(1)) -> AuditSystem.Settings {
        var settings = settings
        settings.keys = keys
        return settings
    }

    /// Records decisions in a spool of their own process and stores them.
    func store(_ numbers: Range<UInt64>, _ settings: AuditSystem.Settings, path: String = "/mcp") throws {
        let system = try AuditSystem(settings, sink: SQLiteSink(path: database))
        let lane = try system.lane(for: 0)
        for number in numbers {
            if Sample.decision(number, path: path, { lane.record($0) }) != .recorded {
                system.settleAll()
                _ = Sample.decision(number, path: path) { lane.record($0) }
            }
        }
        system.settleAll()
    }

    /// The chains as verifying the database finds them.
    func verify(
        _ keys: AuditKeys = Sample.keys(1),
        heads: [AuditHead] = [],
        besideSpool: Bool = false
    ) throws -> [ChainReport] {
        try report(keys, heads: heads, besideSpool: besideSpool).chains
    }

    /// The report of verifying the database.
    func report(
        _ keys: AuditKeys = Sample.keys(1),
        heads: [AuditHead] = [],
        besideSpool: Bool = false,
        prunableBefore cutoff: Timestamp? = nil
    ) throws -> AuditReport {
        try AuditVerification.verify(
            EventDatabase.sqlite(path: database).archive(),
            spools: besideSpool ? [SpoolWalk(spool)] : [],
            keys: keys.chain,
            heads: heads,
            prunableBefore: cutoff
        )
    }

    /// The chains that may be pruned, as verifying finds them.
    func prunable(before cutoff: Timestamp) throws -> [PrunableChain] {
        try report(prunableBefore: cutoff).chains.compactMap(\.prunable)
    }
}

extension Scratch {
    /// The events that recovery would read in the bytes of the first lane's ring.
    func ring(_ bytes: [UInt8], _ keys: AuditKeys? = nil) -> RingImage {
        let writer = String(decoding: self.bytes(of: "writer").dropLast(), as: UTF8.self)
        return RingImage(bytes, writer: writer, lane: 0, keys: keys?.ring ?? .known)
    }
}
