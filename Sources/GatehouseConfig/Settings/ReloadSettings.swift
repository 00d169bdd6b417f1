/// Settings of automatic reloads.
package struct ReloadSettings: Hashable, Sendable {
    /// The treatment of a file that grants somebody more than the one in force.
    package enum Widening: String, Sendable, CaseIterable {
        /// The file is taken; one that may be half written is taken once it has been unchanged for a while.
        case apply
        /// The file is held until `gatehouse reload --yes`.
        case confirm
    }

    package let widening: Widening

    package init(widening: Widening = .apply) { self.widening = widening }
}
