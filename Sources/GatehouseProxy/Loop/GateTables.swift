internal import GatehouseCore
internal import GatehouseMCP
internal import Logging

/// The tables that the gate of one event loop asks about callers and their sessions.
struct GateTables: ~Copyable {
    var callers: CallerCaches
    /// This loop's copy of the paths in ``legacy``.
    var paths = LegacySessions.Directories()
    /// Shared by all loops.
    let legacy: LegacySessions
    /// Shared by all loops.
    let rates: RateTable
    /// The spending of this loop's callers, of rates that hold for the fleet.
    let spending = FleetSpending()
    let logger: Logger

    init(_ tags: SessionTags, legacy: LegacySessions, rates: RateTable, logger: Logger) {
        callers = CallerCaches(tags)
        self.legacy = legacy
        self.rates = rates
        self.logger = logger
    }
}
