/// The name of a token's verdict: 128 bits of a keyed function of the whole token.
///
/// The function is SipHash-2-4-128 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", with the authors' 128-bit
/// finalization), under a key that is drawn for each verifier and never leaves it. Without the key nobody can tell two tokens that
/// share a digest, so whoever hopes for the verdict of another token has one chance in 2^128 with each request. It costs an eighth
/// of SHA-256 where the processor has no instructions for that.
struct TokenDigest: Hashable {
    let low: UInt64
    let high: UInt64

    /// One word is spread well already; the hasher's seed keeps others from choosing collisions.
    func hash(into hasher: inout Hasher) { hasher.combine(low) }
}

/// Digests tokens under one key.
struct TokenDigester {
    private let key: (low: UInt64, high: UInt64)

    /// Draws a key from the system's generator.
    init() {
        var generator = SystemRandomNumberGenerator()
        self.init(key: (generator.next(), generator.next()))
    }

    init(key: (low: UInt64, high: UInt64)) { self.key = key }

    func digest(_ token: UnsafeRawBufferPointer) -> TokenDigest {
        var state = State(key)
        let whole = token.count & ~7
        var offset = 0
        while offset < whole {
            state.compress(UInt64(littleEndian: token.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        var last = UInt64(truncatingIfNeeded: token.count) << 56
        for index in whole..<token.count { last |= UInt64(token[index]) << UInt64(8 * (index - whole)) }
        state.compress(last)
        return state.finish()
    }

    private struct State {
        private var v0: UInt64
        private var v1: UInt64
        private var v2: UInt64
        private var v3: UInt64

        init(_ key: (low: UInt64, high: UInt64)) {
            v0 = key.low ^ 0x736F_6D65_7073_6575
            v1 = key.high ^ 0x646F_7261_6E64_6F6D ^ 0xEE
            v2 = key.low ^ 0x6C79_6765_6E65_7261
            v3 = key.high ^ 0x7465_6462_7974_6573
        }

        @inline(__always) mutating func compress(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func finish() -> TokenDigest {
            v2 ^= 0xEE
            for _ in 0..<4 { round() }
            let low = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xDD
            for _ in 0..<4 { round() }
            return TokenDigest(low: low, high: v0 ^ v1 ^ v2 ^ v3)
        }

        @inline(__always) private mutating func round() {
            v0 &+= v1
            v1 = Self.rotate(v1, 13) ^ v0
            v0 = Self.rotate(v0, 32)
            v2 &+= v3
            v3 = Self.rotate(v3, 16) ^ v2
            v0 &+= v3
            v3 = Self.rotate(v3, 21) ^ v0
            v2 &+= v1
            v1 = Self.rotate(v1, 17) ^ v2
            v2 = Self.rotate(v2, 32)
        }

        @inline(__always) private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 {
            word &<< count | word &>> (64 - count)
        }
    }
}
