/// A fault of the place where events are kept, other than of a chain.
package struct StoreFault: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// `audit_requests` is not the view that Gatehouse made.
        case view
        /// A table is not the one that Gatehouse made.
        case table
        /// The database finds its own file, or an index, damaged.
        case damaged
        /// Events stand in tables of two schemas.
        case split
        /// There are rows that belong to no chain.
        case rows
        /// Something could not be looked at. No fault by itself.
        case unseen
    }

    package let kind: Kind
    /// For people.
    package let text: String
}
