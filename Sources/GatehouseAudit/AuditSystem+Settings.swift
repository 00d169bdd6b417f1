package import GatehouseCore

extension AuditSystem {
    /// How the audit is kept. The composition root fills it from the configuration.
    package struct Settings: Sendable {
        /// The directory of the spool; made when missing, mode 0700.
        package var spool: String
        /// Whether other instances of this machine may record beside this one, each in a folder of its own: see ``SharedSpool``.
        package var sharesSpool = false
        package static let defaultDurability = AuditDurability.process
        package var durability = Self.defaultDurability
        package static let defaultOnFailure = AuditFailurePolicy.deny
        package var onFailure = Self.defaultOnFailure
        package static let defaultArguments = AuditArguments.digest
        package var arguments = Self.defaultArguments

        /// Bytes of one event loop's ring, a power of two from 64 KiB to 1 GiB. Full: see ``AuditFailurePolicy``.
        package static let defaultLaneSize = 1 << 20
        package var laneSize = Self.defaultLaneSize
        /// Bytes after which the writer begins another segment.
        package static let defaultSegmentSize = 8 << 20
        package var segmentSize = Self.defaultSegmentSize
        /// Bytes of events in segments that the sink has not taken; the files may have one segment more, and
        /// those of ``keptSegments``. Beyond it nothing leaves the rings until the sink catches up, and when
        /// they are full ``AuditFailurePolicy`` says what happens.
        package static let defaultMaxSpool = 1 << 30
        package var maxSpool = Self.defaultMaxSpool

        /// Events without an established caller may fill an eighth of the spool and of each ring. Beyond it they are counted and not recorded, so that
        /// they never take the room of an established caller.
        static let nobodysShare = 8

        /// How long `durability: disk` may keep a request waiting; beyond it ``AuditFailurePolicy`` says what happens.
        package static let defaultDurabilityBudget: Duration = .milliseconds(250)
        package var durabilityBudget = Self.defaultDurabilityBudget
        /// How often the writer empties the rings while events come; keeps system calls off the event loops.
        package static let defaultTick: Duration = .milliseconds(5)
        package var tick = Self.defaultTick
        /// Quiet time after which the writer parks until an event loop wakes it, which costs that loop one system call.
        package static let defaultQuiet: Duration = .seconds(1)
        package var quiet = Self.defaultQuiet

        /// Segments that are kept after the sink has all of them, so that what it loses (its file is deleted, a standby takes over that lags behind)
        /// can be sent again. Beyond it the oldest goes.
        package static let defaultKeptSegments = 2
        package var keptSegments = Self.defaultKeptSegments

        /// Events handed to the sink at once, at most; see ``BatchSize``.
        package static let defaultBatch = 1000
        package var batch = Self.defaultBatch
        /// How long the drain gathers before it hands over a batch that is not full.
        package static let defaultGather: Duration = .milliseconds(50)
        package var gather = Self.defaultGather
        /// The wait after a failed batch, doubled up to the second bound.
        package static let defaultRetry: (first: Duration, last: Duration) = (.milliseconds(100), .seconds(10))
        package var retry = Self.defaultRetry

        /// The database whose events are deleted, and the age beyond which they are; nil for a sink that keeps nothing.
        package var retention: (database: EventDatabase, keep: Duration)?
        /// Called on the retention's thread with the outcome of each run. For the log.
        package var onRetention: @Sendable (RetentionState.Outcome) -> Void = { _ in }

        /// How far this machine's clock is ahead of one that is not the database's; nil when it is not known. The retention asks before it
        /// deletes.
        package var clockLead: @Sendable () -> Duration? = { nil }

        /// Without keys nothing is chained, and no arguments are kept.
        package var keys: AuditKeys?
        /// Called on the writer's thread with every head of the chain. For the log.
        package var onHead: @Sendable (AuditHead) -> Void = { _ in }
        /// Called on the writer's or the drain's thread when trouble begins, changes and ends. For the log.
        package var onChange: @Sendable (AuditState.Word, AuditError?) -> Void = { _, _ in }

        package init(spool: String) { self.spool = spool }

        /// Selects the part of a call's arguments that goes into its event; nil when nothing is kept.
        var keeper: ArgumentsKeeper? {
            keys.flatMap { arguments == .omit ? nil : ArgumentsKeeper($0, records: arguments == .record) }
        }

        package static let leastLaneSize = 1 << 16
        static let laneSizes = leastLaneSize...1 << 30

        /// - Throws: `.settings` naming the first value that is out of bounds.
        func validate() throws(AuditError) {
            func require(_ holds: Bool, _ message: String) throws(AuditError) {
                if !holds { throw AuditError(.settings, message) }
            }
            try require(!spool.isEmpty, "the spool has no path")
            try require(
                Self.laneSizes.contains(laneSize) && laneSize & (laneSize - 1) == 0,
                "the size of a lane is a power of two from 64 KiB to 1 GiB"
            )
            try require(segmentSize >= 1 << 16, "a segment has at least 64 KiB")
            try require(maxSpool >= segmentSize, "the spool holds at least one segment")
            try require(keptSegments >= 0, "the number of kept segments is not negative")
            try require(batch > 0, "a batch has at least one event")
            try require(
                tick >= .milliseconds(1) && retry.first >= .milliseconds(1),
                "a wait has at least a millisecond"
            )
        }
    }
}
