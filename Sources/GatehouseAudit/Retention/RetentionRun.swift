internal import GatehouseCore
internal import Glibc
internal import PostgresClient

/// One run of the retention: verify, and delete what is older than it is to be kept.
struct RetentionRun {
    let database: EventDatabase
    let keep: Duration
    let keys: AuditKeys
    /// The spool beside the database, whose chain is followed on into it.
    let spool: String
    /// As ``AuditSystem.Settings/clockLead``.
    let clockLead: @Sendable () -> Duration?

    /// - Parameter moved: called with the number of events that were moved from a second schema.
    func run(at now: Timestamp, moved: (Int) -> Void) -> RetentionState.Outcome {
        // The sink makes the file with the first event.
        if case .sqlite(let path) = database, access(path, F_OK) != 0, errno == ENOENT { return .notDue }
        do throws(AuditError) {
            let pruning = try database.pruning()
            guard try pruning.mayDelete() else { return .notAllowed }
            guard try pruning.lock() else { return .elsewhere }
            moved(try pruning.joinSchemas())
            return try prune(pruning, at: now)
        } catch {
            switch error.code {
            case .empty: return .notDue
            case _: return error.isLackOfPrivilege ? .notAllowed : .failed(error)
            }
        }
    }

    private func prune(_ pruning: any AuditPruning, at now: Timestamp) throws(AuditError) -> RetentionState.Outcome {
        let cutoff = now + (.zero - keep)
        // Read beside `now`: a verification may take longer than clocks may be apart.
        let databaseClock = try pruning.clock()
        // Before the sink is opened: what it takes meanwhile is then in the one or the other.
        let walks = SharedSpool.walks(of: spool)
        let archive = try database.archive()
        guard try archive.holdsEvents(before: cutoff) else { return .notDue }
        let report = try AuditVerification.verify(
            archive,
            spools: walks,
            keys: keys.chain,
            heads: [],
            now: now,
            prunableBefore: cutoff
        )
        let plan = PrunePlan(report, before: cutoff)
        let objection = plan.objection(at: now, databaseClock: databaseClock, certsLead: clockLead())
        if let objection { return .refused(objection) }
        let checkpoints = plan.chains.map { $0.checkpoint(at: now, keys: keys) }
        return checkpoints.isEmpty ? .notDue : .pruned(try pruning.prune(checkpoints, before: cutoff) { _ in })
    }
}

extension AuditArchive {
    /// Whether anything is older, by the index of times.
    func holdsEvents(before time: Timestamp) throws(AuditError) -> Bool {
        var query = AuditQuery()
        query.until = time
        query.limit = 1
        var isThere = false
        try events(query) { _ in
            isThere = true
            return false
        }
        return isThere
    }
}

extension AuditError {
    /// Whether the database user may not do it.
    var isLackOfPrivilege: Bool { (underlying as? PostgresError)?.sqlState == "42501" }
}
