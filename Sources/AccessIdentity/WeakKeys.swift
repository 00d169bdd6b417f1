/// Recognises moduli that are known to be factorable.
enum WeakKeys {
    /// Primes p for which the moduli of CVE-2017-15361 ("ROCA", Nemec et al., CCS 2017) are powers of 65537 modulo p,
    /// while of other moduli only a part is. Primes for which 65537 generates everything say nothing and are left out.
    private static let primes: [UInt64] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ]

    /// Primes below 2^14. A modulus of two large primes has none of them; one that has was made by no generator of keys, and an attacker who divides
    /// it out may have the rest (NIST SP 800-89 section 5.3.3 asks for this check).
    private static let smallPrimes: [UInt64] = {
        let limit = 1 << 14
        var isComposite = [Bool](repeating: false, count: limit)
        return (2..<limit).compactMap { number in
            guard !isComposite[number] else { return nil }
            for multiple in stride(from: number * number, to: limit, by: number) { isComposite[multiple] = true }
            return UInt64(number)
        }
    }()

    /// Whether a small prime divides the big-endian modulus.
    static func hasSmallFactor(_ modulus: [UInt8]) -> Bool {
        // Words of 32 bits, so that a remainder below 2^14 and the next word fit 64.
        let lead = modulus.count % 4
        var words = [modulus.prefix(lead).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }]
        for start in stride(from: lead, to: modulus.count, by: 4) {
            words.append(modulus[start..<start + 4].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        }
        return smallPrimes.contains { prime in words.reduce(UInt64(0)) { ($0 << 32 | $1) % prime } == 0 }
    }

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
