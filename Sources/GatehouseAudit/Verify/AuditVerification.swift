internal import GatehouseCore

/// Walks along every chain in a sink or spool.
package enum AuditVerification {
    /// Verifies the chains that an archive has. That of the spool beside it is followed on into the spool.
    ///
    /// - Parameters:
    ///   - heads: from elsewhere. Those of writers that the archive has not are breaks.
    ///   - spool: made before this is called, so that nothing falls between the two.
    package static func verify(
        _ archive: any AuditArchive,
        spool: SpoolWalk?,
        keys: ChainKeys,
        heads: [AuditHead],
        progress: (_ events: Int) -> Void = { _ in }
    ) throws(AuditError) -> [ChainReport] {
        var writers = try archive.writers()
        for head in heads where !writers.contains(head.writer) { writers.append(head.writer) }
        if let spool, !writers.contains(spool.writer) { writers.append(spool.writer) }
        var reports: [ChainReport] = []
        var count = 0
        for writer in writers {
            let beside = spool?.writer == writer ? spool : nil
            var verifier = ChainVerifier(
                writer,
                keys: keys,
                heads: heads.filter { $0.writer == writer } + (try archive.heads(of: writer)),
                expected: beside?.delivered
            )
            try archive.chain(of: writer) { row in
                verifier.take(row)
                count += 1
                if count % 10_000 == 0 { progress(count) }
                return true
            }
            let delivered = beside?.delivered.sequence ?? 0
            // What the sink should have and has not is missing there, although the spool may still have it.
            let stored = max(verifier.report.last ?? verifier.report.prunedThrough ?? 0, delivered)
            let damage = try beside?.rows(behind: stored) { verifier.take($0) } ?? nil
            reports.append(finished(&verifier, damage))
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
