/// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), word by word: a keyed function that nobody without its key can
/// compute, for an eighth of what SHA-256 costs where the processor has no instructions for that.
///
/// The caller gives the message's whole words to ``compress(_:)``, and at the end what is left of it under its length.
@frozen package struct SipHash {
    package typealias Key = (low: UInt64, high: UInt64)

    @usableFromInline var v0: UInt64
    @usableFromInline var v1: UInt64
    @usableFromInline var v2: UInt64
    @usableFromInline var v3: UInt64

    /// - Parameter isLong: for a code of 128 bits, with the authors' finalization for that.
    @inlinable package init(_ key: Key, isLong: Bool = false) {
        v0 = key.low ^ 0x736F_6D65_7073_6575
        v1 = key.high ^ 0x646F_7261_6E64_6F6D ^ (isLong ? 0xEE : 0)
        v2 = key.low ^ 0x6C79_6765_6E65_7261
        v3 = key.high ^ 0x7465_6462_7974_6573
    }

    @inlinable @inline(__always) package mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    /// - Parameters:
    ///   - rest: the bytes behind the last whole word, seven at most.
    ///   - length: of the whole message.
    @inlinable @inline(__always) package mutating func compress(rest: UInt64, length: Int) {
        compress(rest ^ UInt64(truncatingIfNeeded: length) &<< 56)
    }

    @inlinable package mutating func code() -> UInt64 {
        v2 ^= 0xFF
        for _ in 0..<4 { round() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    @inlinable package mutating func longCode() -> (low: UInt64, high: UInt64) {
        v2 ^= 0xEE
        for _ in 0..<4 { round() }
        let low = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xDD
        for _ in 0..<4 { round() }
        return (low, v0 ^ v1 ^ v2 ^ v3)
    }

    @inlinable @inline(__always) mutating func round() {
        v0 &+= v1
        v1 = (v1 &<< 13 | v1 &>> 51) ^ v0
        v0 = v0 &<< 32 | v0 &>> 32
        v2 &+= v3
        v3 = (v3 &<< 16 | v3 &>> 48) ^ v2
        v0 &+= v3
        v3 = (v3 &<< 21 | v3 &>> 43) ^ v0
        v2 &+= v1
        v1 = (v1 &<< 17 | v1 &>> 47) ^ v2
        v2 = v2 &<< 32 | v2 &>> 32
    }
}
