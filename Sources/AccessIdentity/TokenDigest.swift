internal import GatehouseCore

/// The name of a token's verdict: 128 bits of a keyed function of the whole token.
///
/// The function is ``SipHash`` with 128 bits, under a key that is drawn for each verifier and never leaves it. Without the key nobody can tell two
/// tokens that share a digest, so an attacker who hopes for the verdict of another token has one chance in 2^128 with each request. It costs an
/// eighth of SHA-256 where the processor has no instructions for that.
struct TokenDigest: Hashable {
    let low: UInt64
    let high: UInt64

    /// One word is spread well already; the hasher's seed keeps others from choosing collisions.
    func hash(into hasher: inout Hasher) { hasher.combine(low) }
}

/// Digests tokens under one key.
struct TokenDigester {
    private let key: SipHash.Key

    /// Draws a key from the system's generator.
    init() {
        var generator = SystemRandomNumberGenerator()
        self.init(key: (generator.next(), generator.next()))
    }

    init(key: SipHash.Key) { self.key = key }

    func digest(_ token: UnsafeRawBufferPointer) -> TokenDigest {
        var state = SipHash(key, isLong: true)
        let whole = token.count & ~7
        var offset = 0
        while offset < whole {
            state.compress(UInt64(littleEndian: token.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        var rest: UInt64 = 0
        for index in whole..<token.count { rest |= UInt64(token[index]) << UInt64(8 * (index - whole)) }
        state.compress(rest: rest, length: token.count)
        let code = state.longCode()
        return TokenDigest(low: code.low, high: code.high)
    }
}
