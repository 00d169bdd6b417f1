/// Bytes that must not be shown: a token, a key, a credential.
///
/// Prints as `<redacted>`, is not codable, compares in constant time, and has memory of its own (``SecretPages``), which is zeroed when it is released.
package final class Secret: Sendable {
    // Written once in init and never again, freed in deinit: no access can race.
    private nonisolated(unsafe) let storage: UnsafeMutableRawBufferPointer

    package var count: Int { storage.count }

    package init(_ bytes: some Collection<UInt8>) {
        storage = SecretPages.allocate(bytes.count)
        storage.copyBytes(from: bytes)
    }

    /// Makes a secret of `count` bytes that `fill` writes in place, so that no copy is left elsewhere.
    package init(count: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        storage = SecretPages.allocate(count)
        try fill(storage)
    }

    package convenience init(_ text: String) { self.init(text.utf8) }

    deinit { SecretPages.deallocate(storage) }

    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(storage))
    }
}

extension Secret: Equatable {
    /// Takes the same time wherever the bytes differ; only the lengths may show.
    package static func == (one: Secret, other: Secret) -> Bool {
        guard one.count == other.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<one.count { difference |= one.storage[index] ^ other.storage[index] }
        return difference == 0
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
