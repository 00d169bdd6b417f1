/// A secret that is put together: it stands in ``SecretPages`` from its first byte on, so that neither what it outgrows nor what is left of it at the
/// end is found anywhere. An array would leave a copy whenever it grows, and be copied again where somebody else has hold of it while it is zeroed.
package struct SecretBuilder: ~Copyable {
    private var storage: UnsafeMutableRawBufferPointer
    package private(set) var count = 0

    package init() { storage = SecretPages.allocate(64) }

    deinit { SecretPages.deallocate(storage) }

    package mutating func append(_ byte: UInt8) {
        makeRoom(for: 1)
        storage[count] = byte
        count += 1
    }

    package mutating func append(contentsOf bytes: some Collection<UInt8>) {
        makeRoom(for: bytes.count)
        UnsafeMutableRawBufferPointer(rebasing: storage[count...]).copyBytes(from: bytes)
        count += bytes.count
    }

    package mutating func append(_ secret: Secret) { secret.withUnsafeBytes { append(contentsOf: $0) } }

    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(rebasing: storage[..<count]))
    }

    /// All that was put together so far.
    package var secret: Secret { withUnsafeBytes { Secret($0) } }

    private mutating func makeRoom(for more: Int) {
        guard storage.count - count < more else { return }
        let larger = SecretPages.allocate(max(2 * storage.count, count + more))
        withUnsafeBytes { larger.copyMemory(from: $0) }
        SecretPages.deallocate(storage)
        storage = larger
    }
}
