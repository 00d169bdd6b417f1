package import GatehouseCore

/// The giver of one token's grants.
package protocol TokenIssuer: Sendable {
    /// Whether an operator sets the first refresh token: then nothing is asked for before that.
    var needsSeed: Bool { get }

    /// Asks for a new grant, once.
    ///
    /// - Parameters:
    ///   - refresh: what the last grant or the operator gave; nil for an issuer that needs none.
    ///   - seed: kept in the grant.
    func renew(_ refresh: Secret?, seed: SeedDigest?) async throws(RenewalFailure) -> TokenGrant
}
