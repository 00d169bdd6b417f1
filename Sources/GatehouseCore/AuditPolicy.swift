/// The failures that a recorded event survives.
package enum AuditDurability: String, Sendable, CaseIterable {
    /// The death of the process: the event stands in memory that belongs to the kernel before anything is forwarded.
    case process
    /// The loss of power: the event is synced to the disk before anything is forwarded; one sync serves all that wait.
    case disk
}

/// The fate of a request whose event cannot be recorded.
package enum AuditFailurePolicy: String, Sendable, CaseIterable {
    /// The request is refused with `audit_unavailable`.
    case deny
    /// The request is served, and the missing event is counted.
    case allow
}

/// The part of a call's arguments that its event keeps.
package enum AuditArguments: String, Sendable, CaseIterable {
    case omit
    /// A keyed digest of the arguments.
    case digest
    case record
}
