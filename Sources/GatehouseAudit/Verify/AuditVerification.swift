package import GatehouseCore

/// The result of verifying everything that is kept.
package struct AuditReport: Sendable {
    package var chains: [ChainReport] = []
    package var faults: [StoreFault] = []

    package init() {}

    package var holds: Bool { faults.allSatisfy { $0.kind == .unseen } && chains.allSatisfy(\.holds) }
}

/// Verifies every chain in a sink or spool.
package enum AuditVerification {
    /// Verifies the chains that an archive has, all at one moment. Those of the spools beside it are followed on into them.
    ///
    /// - Parameters:
    ///   - heads: signed heads that were kept elsewhere. Heads of writers that the archive does not have are breaks.
    ///   - spools: made before this is called, so that no event is in neither of the two.
    ///   - now: events that are dated a day or more after it were made by a clock that was wrong.
    ///   - cutoff: makes each report say how much of its chain is from before this time.
    package static func verify(
        _ archive: any AuditArchive,
        spools: [SpoolWalk] = [],
        keys: ChainKeys,
        heads: [AuditHead],
        now: Timestamp = SystemClock().now(),
        prunableBefore cutoff: Timestamp? = nil,
        progress: (_ events: Int) -> Void = { _ in }
    ) throws(AuditError) -> AuditReport {
        var report = AuditReport()
        report.faults = try archive.faults()
        // A view in the place of a table can show every reader something else.
        guard report.faults.allSatisfy({ $0.kind != .table }) else { return report }
        try archive.snapshot { () throws(AuditError) in
            report.chains = try chains(archive, spools, keys, heads, now, cutoff, progress)
            let judged = report.chains.reduce(0) { $0 + $1.judged }
            let stored = try archive.count(AuditQuery())
            if judged != stored {
                let text = """
                    \(stored) events are stored and \(judged) belong to a chain: the others stand under names that no writer has, or \
                    an index does not lead to them
                    """
                report.faults.append(StoreFault(kind: .rows, text: text))
            }
        }
        return report
    }

    private static func chains(
        _ archive: any AuditArchive,
        _ spools: [SpoolWalk],
        _ keys: ChainKeys,
        _ heads: [AuditHead],
        _ now: Timestamp,
        _ cutoff: Timestamp?,
        _ progress: (_ events: Int) -> Void
    ) throws(AuditError) -> [ChainReport] {
        var writers = try archive.writers()
        for writer in try archive.headWriters() + heads.map(\.writer) + spools.map(\.writer)
        where !writers.contains(writer) {
            writers.append(writer)
        }
        var reports: [ChainReport] = []
        var count = 0
        for writer in writers {
            let beside = spools.first { $0.writer == writer }
            var verifier = ChainVerifier(
                writer,
                keys: keys,
                heads: heads.filter { $0.writer == writer } + (try archive.heads(of: writer)),
                expected: beside?.delivered,
                now: now,
                prunableBefore: cutoff
            )
            var judged = 0
            try archive.chain(of: writer) { row in
                verifier.take(row)
                judged += 1
                count += 1
                if count % 10_000 == 0 { progress(count) }
                return true
            }
            let delivered = beside?.delivered.sequence ?? 0
            // Events that the sink should have and has not are missing there, although the spool may still have them.
            let stored = max(verifier.report.last ?? verifier.report.prunedThrough ?? 0, delivered)
            verifier.enterSpool()
            let damage = try beside?.rows(behind: stored) { verifier.take($0) } ?? nil
            var report = finished(&verifier, damage)
            report.judged = judged
            reports.append(report)
        }
        return reports
    }

    /// Verifies what a spool has.
    package static func verify(
        spool: SpoolWalk,
        keys: ChainKeys,
        heads: [AuditHead]
    ) throws(AuditError) -> ChainReport {
        var verifier = ChainVerifier(
            spool.writer,
            keys: keys,
            heads: heads.filter { $0.writer == spool.writer },
            mayBeginAnywhere: true
        )
        let damage = try spool.rows(behind: 0) { verifier.take($0) }
        return finished(&verifier, damage)
    }

    private static func finished(
        _ verifier: inout ChainVerifier,
        _ damage: (sequence: Int64, file: String)?
    ) -> ChainReport {
        var report = verifier.finish()
        if let damage { report.add(ChainBreak(.damaged, damage.sequence, detail: damage.file)) }
        return report
    }
}
