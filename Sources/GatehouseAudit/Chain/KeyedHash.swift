internal import CDigest
internal import GatehouseCore
internal import Glibc

/// HMAC-SHA256 (RFC 2104) under a key that was taken in once: a code costs a copy of two states, not the schedule of the key.
///
/// Gives the bytes that swift-crypto's `HMAC<SHA256>` gives. That one is generic across modules, so every call of it looks metadata up,
/// and its `SHA256` allocates a state for each hash: together they cost as much again as hashing an event.
final class KeyedHash: Sendable {
    static let length = Int(SHA256_DIGEST_LENGTH)
    private static let blockLength = Int(SHA256_CBLOCK)

    /// Two states that have hashed the key, one with the inner and one with the outer padding. Written in init only; zeroed and freed in deinit.
    private nonisolated(unsafe) let states: UnsafeMutablePointer<SHA256_CTX>

    init(_ key: Secret) {
        states = .allocate(capacity: 2)
        states.initialize(repeating: SHA256_CTX(), count: 2)
        withUnsafeTemporaryAllocation(byteCount: Self.blockLength, alignment: 8) { block in
            guard let start = block.baseAddress else { return }
            block.initializeMemory(as: UInt8.self, repeating: 0)
            key.withUnsafeBytes { bytes in
                guard bytes.count > Self.blockLength else { return block.copyMemory(from: bytes) }
                gatehouse_sha256_begin(states)
                gatehouse_sha256_update(states, bytes.baseAddress, bytes.count)
                gatehouse_sha256_end(states, start)
            }
            for index in block.indices { block[index] ^= 0x36 }
            gatehouse_sha256_begin(states)
            gatehouse_sha256_update(states, start, block.count)
            for index in block.indices { block[index] ^= 0x36 ^ 0x5C }
            gatehouse_sha256_begin(states + 1)
            gatehouse_sha256_update(states + 1, start, block.count)
            explicit_bzero(start, block.count)
        }
    }

    deinit {
        explicit_bzero(states, 2 * MemoryLayout<SHA256_CTX>.stride)
        states.deallocate()
    }

    /// Writes the code over two runs of bytes, one behind the other, to ``length`` bytes at `place`.
    func code(
        over bytes: UnsafeRawBufferPointer,
        _ more: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        to place: UnsafeMutableRawPointer
    ) {
        var state = states[0]
        gatehouse_sha256_update(&state, bytes.baseAddress, bytes.count)
        gatehouse_sha256_update(&state, more.baseAddress, more.count)
        gatehouse_sha256_end(&state, place)
        state = states[1]
        gatehouse_sha256_update(&state, place, Self.length)
        gatehouse_sha256_end(&state, place)
        // The remaining state would reveal as much as the key's own bytes.
        explicit_bzero(&state, MemoryLayout<SHA256_CTX>.size)
    }
}
