/// A grant as the store has it, and the last thing that was tried.
package struct GrantRecord: Sendable {
    package let kept: KeptGrant
    /// Counts from 1.
    package let version: Int
    /// Why the last renewal came to nothing; nil when none has failed since this version.
    package let failure: String?
}

/// Every grant of a store.
package struct GrantLoad: Sendable {
    package var grants: [GrantKey: GrantRecord] = [:]
    /// The reasons why grants cannot be trusted or opened.
    package var problems: [GrantKey: TokenError] = [:]
    /// The revisions of all that was read well, now or before; where no grant is among them, it was deleted or its revision is known.
    package var revisions: [GrantKey: Int64] = [:]

    package init() {}
}
