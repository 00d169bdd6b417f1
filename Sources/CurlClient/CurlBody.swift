internal import Glibc

/// The bytes of a request or response, which may hold a secret: prints as its length alone, and its memory is zeroed
/// when released. What libcurl itself copies into its buffers is out of reach.
package final class CurlBody: Sendable {
    // Written once before init returns and never again, freed in deinit: no access can race.
    private nonisolated(unsafe) let storage: UnsafeMutableRawBufferPointer
    package let count: Int

    package init(_ bytes: some Collection<UInt8>) {
        storage = .allocate(byteCount: bytes.count, alignment: 1)
        storage.copyBytes(from: bytes)
        count = bytes.count
    }

    package convenience init(_ text: String) { self.init(text.utf8) }

    /// Takes over memory allocated with alignment 1, of which the first `count` bytes are the body.
    init(adopting storage: UnsafeMutableRawBufferPointer, count: Int) {
        self.storage = storage
        self.count = count
    }

    deinit {
        if let base = storage.baseAddress { explicit_bzero(base, storage.count) }
        storage.deallocate()
    }

    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(rebasing: storage[..<count]))
    }

    /// A copy, which is not zeroed: for bodies without secrets.
    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// A copy as text, invalid UTF-8 replaced: for bodies without secrets.
    package var text: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}

extension CurlBody: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<\(count) bytes>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// A body that grows up to a bound; memory it outgrows is zeroed.
struct CurlBodyBuilder: ~Copyable {
    private var storage = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 << 10, alignment: 1)
    private(set) var count = 0
    let maximum: Int

    init(maximum: Int) { self.maximum = maximum }

    deinit {
        if let base = storage.baseAddress { explicit_bzero(base, storage.count) }
        storage.deallocate()
    }

    /// Returns false, and takes nothing, when the bytes would exceed the maximum.
    mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= maximum - count else { return false }
        if storage.count - count < bytes.count {
            var capacity = storage.count
            while capacity - count < bytes.count { capacity *= 2 }
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 1)
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[..<count]))
            if let base = storage.baseAddress { explicit_bzero(base, storage.count) }
            storage.deallocate()
            storage = larger
        }
        UnsafeMutableRawBufferPointer(rebasing: storage[count...]).copyMemory(from: bytes)
        count += bytes.count
        return true
    }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(rebasing: storage[..<count]))
    }

    /// Hands the memory over and starts again, empty.
    mutating func take() -> CurlBody {
        let body = CurlBody(adopting: storage, count: count)
        storage = .allocate(byteCount: 1, alignment: 1)
        count = 0
        return body
    }
}
