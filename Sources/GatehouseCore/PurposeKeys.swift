/// The secret keys of one purpose: the first one makes, all of them check, so that a change of the key they come from
/// breaks nothing that was made before.
package struct PurposeKeys: Sendable {
    /// A key that was retired: it opens what is older than its end and nothing newer.
    package struct Ended: Sendable {
        package let key: Secret
        package let at: Timestamp

        package init(key: Secret, at: Timestamp) {
            self.key = key
            self.at = at
        }
    }

    package let current: Secret
    package let older: [Secret]
    /// Used only for data that carries a time which a holder of the key cannot choose alone, as the events of a chain do.
    package let ended: [Ended]

    /// The keys that have no end: the current one and the older ones.
    package var all: [Secret] { [current] + older }

    package init(current: Secret, older: [Secret] = [], ended: [Ended] = []) {
        self.current = current
        self.older = older
        self.ended = ended
    }
}
