package import GatehouseCore

/// The beginning of a chain that is older than the retention, as its verification has seen it: rows that are read from the database again may have
/// been changed meanwhile.
package struct PrunableChain: Hashable, Sendable {
    package let writer: String
    /// The last event of it, and its hash; empty when that is not chained.
    package let sequence: Int64
    package let hash: [UInt8]
    /// How many events those are, without what an earlier prune has left.
    package var count = 0

    /// The checkpoint that stands for what is deleted.
    package func checkpoint(at now: Timestamp, keys: AuditKeys) -> AuditHead {
        AuditHead(signing: .checkpoint, of: writer, sequence, hash, at: now, keys: keys.chain)
    }
}

/// A store from which old events are deleted. Used by one thread at a time.
///
/// A chain is only ever shortened from its beginning, and through an event of its own: of a chain whose clock was set back some events
/// that are old enough may stay a while.
package protocol AuditPruning: AnyObject {
    /// Whether the database user may delete events.
    func mayDelete() throws(AuditError) -> Bool

    /// Keeps other instances from pruning until this is released.
    ///
    /// - Returns: false when another is at it.
    func lock() throws(AuditError) -> Bool

    /// The time by the database's own clock; nil when it has none.
    func clock() throws(AuditError) -> Timestamp?

    /// Moves events that stand in tables of a second schema to the others.
    ///
    /// - Returns: how many.
    func joinSchemas() throws(AuditError) -> Int

    /// Stores the checkpoints, then deletes the events that they cover, in steps that block no other client for long. Safe to run again after it was
    /// interrupted.
    ///
    /// - Returns: how many events were deleted.
    func prune(_ checkpoints: [AuditHead], before time: Timestamp, progress: (Int) -> Void) throws(AuditError) -> Int
}
