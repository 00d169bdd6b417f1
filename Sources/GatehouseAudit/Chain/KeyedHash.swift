internal import Crypto
internal import GatehouseCore
internal import Glibc

/// HMAC-SHA256 (RFC 2104) under a key that was taken in once: a code costs a copy of two states, not the schedule of the key.
///
/// Gives the bytes that `HMAC<SHA256>` gives. That one is generic across modules, so every call of it looks metadata up, which
/// costs more instructions than the hash itself. swift-crypto zeroes the states when the last copy is gone.
struct KeyedHash: Sendable {
    static let length = 32
    private static let blockLength = 64

    /// What has taken in the key with each of the two paddings.
    private let inner: SHA256
    private let outer: SHA256

    init(_ key: Secret) {
        var inner = SHA256()
        var outer = SHA256()
        withUnsafeTemporaryAllocation(byteCount: Self.blockLength, alignment: 8) { block in
            block.initializeMemory(as: UInt8.self, repeating: 0)
            key.withUnsafeBytes { bytes in
                guard bytes.count > Self.blockLength else { return block.copyMemory(from: bytes) }
                var hash = SHA256()
                hash.update(bufferPointer: bytes)
                hash.finalize().withUnsafeBytes { block.copyMemory(from: $0) }
            }
            for index in block.indices { block[index] ^= 0x36 }
            inner.update(bufferPointer: UnsafeRawBufferPointer(block))
            for index in block.indices { block[index] ^= 0x36 ^ 0x5C }
            outer.update(bufferPointer: UnsafeRawBufferPointer(block))
            if let start = block.baseAddress { explicit_bzero(start, block.count) }
        }
        self.inner = inner
        self.outer = outer
    }

    /// Writes the code over two runs of bytes, one behind the other, to ``length`` bytes at `place`.
    func code(
        over bytes: UnsafeRawBufferPointer,
        _ more: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        to place: UnsafeMutableRawPointer
    ) {
        var hash = inner
        hash.update(bufferPointer: bytes)
        if more.count > 0 { hash.update(bufferPointer: more) }
        Self.store(hash.finalize(), to: place)
        hash = outer
        hash.update(bufferPointer: UnsafeRawBufferPointer(start: place, count: Self.length))
        Self.store(hash.finalize(), to: place)
    }

    @inline(__always)
    private static func store(_ digest: SHA256.Digest, to place: UnsafeMutableRawPointer) {
        digest.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: place, count: length).copyMemory(from: $0) }
    }
}
