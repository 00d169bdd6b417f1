/// Settings of automatic reloads.
package struct ReloadSettings: Hashable, Sendable {
    /// The treatment of a file that grants somebody more than the one in force.
    package enum Widening: String, Sendable, CaseIterable {
        /// It is taken; when it may be half a file, once it has been the same for a while.
        case apply
        /// It waits for `gatehouse reload --yes`.
        case confirm
    }

    package let widening: Widening

    package init(widening: Widening = .apply) { self.widening = widening }
}
