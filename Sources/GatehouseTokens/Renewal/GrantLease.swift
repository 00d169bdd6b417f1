/// The right to renew one grant, until it ends or another process has taken it.
package struct GrantLease: Sendable {
    package let key: GrantKey
    /// The grant that was kept when the lease was taken.
    package let kept: KeptGrant?
    package let version: Int
    /// How many leases of others before it, one after the other, ended without a word: a holder may have renewed the grant and died before it
    /// wrote that down.
    package let unfinished: Int
    /// The change that took it.
    let revision: Int64
}

package enum LeaseOutcome: Sendable {
    case taken(GrantLease)
    /// Another process renews it.
    case held
}
