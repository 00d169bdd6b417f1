/// Recognises moduli that are known to be factorable.
enum WeakKeys {
    /// Primes p for which the moduli of CVE-2017-15361 ("ROCA", Nemec et al., CCS 2017) are powers of 65537 modulo p,
    /// while of other moduli only a part is. Primes for which 65537 generates everything say nothing and are left out.
    private static let primes: [UInt64] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ]

    /// Whether the big-endian modulus is a power of 65537 modulo all the primes: by chance one in about 2^28.
    static func hasROCAFingerprint(_ modulus: [UInt8]) -> Bool {
        primes.allSatisfy { prime in
            let residue = modulus.reduce(UInt64(0)) { ($0 << 8 | UInt64($1)) % prime }
            var power: UInt64 = 1
            repeat {
                if power == residue { return true }
                power = power * 65537 % prime
            } while power != 1
            return false
        }
    }
}
