package import GatehouseCore

/// The state of the audit's retention.
package struct RetentionState: Sendable {
    /// The result of one run.
    package enum Outcome: Sendable {
        /// Nothing is older than it is to be kept.
        case notDue
        case pruned(Int)
        /// An objection to deleting, see ``PrunePlan/Objection``.
        case refused(PrunePlan.Objection)
        /// The database user may not delete: it is left to the owner of the tables.
        case notAllowed
        /// Another instance runs the retention now.
        case elsewhere
        case failed(AuditError)
    }

    /// When the last run ended, and how; nil before the first.
    package var last: (at: Timestamp, outcome: Outcome)?
    /// Events deleted since the start.
    package var deleted = 0
    /// Events found in a second schema and moved to the others since the start.
    package var moved = 0

    package init() {}

    /// Why events are kept for longer than they should be; nil when they are not.
    package var problem: String? {
        switch last?.outcome {
        case .refused(let objection): "nothing is pruned: \(objection); see `gatehouse audit prune --dry-run`"
        case .failed(let error): "nothing is pruned: \(error)"
        case nil, .notDue, .pruned, .notAllowed, .elsewhere: nil
        }
    }
}
