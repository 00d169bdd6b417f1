internal import GatehouseCore

/// The deny entries of the store as operators see them.
struct DenyStatus: Sendable, Equatable {
    /// The store that keeps them.
    let store: String
    /// The entries in force; nil while they were never read.
    var entries: [DenyEntry]?
    /// When they were last found to be those of the store.
    var readAt: Timestamp?
    /// Why they could not be read when that was last tried.
    var problem: String?
    var hint: String?

    init(store: String) { self.store = store }
}
