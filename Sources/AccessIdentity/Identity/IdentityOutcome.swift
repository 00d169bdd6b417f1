/// The state of the knowledge about a sign-in, and its times. All times in seconds since 1970.
package enum IdentityOutcome: Sendable {
    /// - Parameter until: when to ask again, and when the answer may not be used any more.
    case known(IdentityAnswer, until: (fresh: Int64, usable: Int64))
    case failed(IdentityFailure, askAgainAt: Int64)
}
