package import GatehouseCore

/// The keys of an audit, each of a purpose of its own.
package struct AuditKeys: Sendable {
    package let chain: ChainKeys
    let digest: PurposeKeys
    let sealing: PurposeKeys
    let ring: RingKeys

    package init(chain: PurposeKeys, digest: PurposeKeys, sealing: PurposeKeys, ring: PurposeKeys) {
        self.chain = ChainKeys(chain)
        self.digest = digest
        self.sealing = sealing
        self.ring = RingKeys(ring)
    }
}
