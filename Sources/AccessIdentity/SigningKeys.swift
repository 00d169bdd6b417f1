internal import CryptoExtras

/// The public keys an issuer signs with at one moment: an immutable snapshot, swapped whole.
public struct SigningKeys: Sendable {
    /// Keys read from one set, at most; further ones are skipped. Access publishes two or three.
    public static let maximumCount = 64
    /// The shortest modulus, in bits (RFC 7518 section 3.3).
    public static let minimumModulusBits = 2048
    /// The longest modulus, in bits. Verification slows with its square, and the server of the key set chooses it.
    public static let maximumModulusBits = 8192
    /// The longest `kid`, in bytes of UTF-8. A longer one is unusable in a set and unknown in an assertion.
    public static let maximumKeyIDBytes = 256

    /// A key of the set that is not used.
    public struct Skipped: Hashable, Sendable {
        /// The key's `kid`, nil when it has none that can be read.
        public let keyID: String?
        /// Plain words for an operator.
        public let reason: String
    }

    /// A public key and the numbers it was made from, by which keys are compared.
    struct Key: Sendable {
        let modulus: [UInt8]
        let exponent: [UInt8]
        let verification: _RSA.Signing.PublicKey

        func isSame(as other: Key) -> Bool { modulus == other.modulus && exponent == other.exponent }
    }

    let keys: [String: Key]
    /// Keys of the set that are not used, and why.
    public let skipped: [Skipped]
    /// The time until which the snapshot may be used, in seconds since 1970; nil without limit. ``SigningKeySource`` sets it, so that keys which can
    /// no longer be refreshed end even when no refresh runs.
    public let servesUntil: Int64?

    init(keys: [String: Key], skipped: [Skipped], servesUntil: Int64?) {
        self.keys = keys
        self.skipped = skipped
        self.servesUntil = servesUntil
    }

    /// How many keys can be used.
    public var count: Int { keys.count }

    /// The `kid` of every usable key, sorted.
    public var keyIDs: [String] { keys.keys.sorted() }

    /// Whether both verify the same assertions, whatever was skipped and however long they serve.
    public func verifiesSame(as other: SigningKeys) -> Bool {
        keys.count == other.keys.count
            && keys.allSatisfy { id, key in other.keys[id].map { key.isSame(as: $0) } ?? false }
    }

    /// The same keys with another ``servesUntil``.
    public func serving(until seconds: Int64?) -> SigningKeys {
        SigningKeys(keys: keys, skipped: skipped, servesUntil: seconds)
    }

    func areUsable(at now: Int64) -> Bool { servesUntil.map { now <= $0 } ?? true }
}
