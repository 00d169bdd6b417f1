internal import Crypto
package import GatehouseCore

/// The mark of the value that an operator set for a token that renews itself. It is a digest, because the value itself is in the live store only.
package struct SeedDigest: Hashable, Sendable {
    static let length = 32
    let bytes: [UInt8]

    package init(of seed: Secret) {
        bytes = seed.withUnsafeBytes { Array(SHA256.hash(data: Array("gatehouse seed v1".utf8) + Array($0))) }
    }

    /// - Returns: nil for what is no digest.
    init?(stored bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }
}
