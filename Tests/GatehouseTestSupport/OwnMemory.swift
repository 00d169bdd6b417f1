import Foundation
package import GatehouseCore

/// The memory of this process that it writes to, without the pages of secrets.
package enum OwnMemory {
    /// How often the bytes of `secret` stand in it.
    package static func count(of secret: Secret) throws -> Int {
        // What is read is looked at in pages of secrets too, which are not read.
        let place = SecretPages.allocate(1 << 20)
        defer { SecretPages.deallocate(place) }
        let memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC)
        guard memory >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EACCES) }
        defer { close(memory) }
        var found = 0
        for mapping in try MemoryMapping.all() where mapping.isWritable && !mapping.isExcluded {
            let range = mapping.range
            var start = range.lowerBound
            while start < range.upperBound {
                let wanted = min(place.count, Int(range.upperBound - start))
                let got = pread(memory, place.baseAddress, wanted, off_t(start))
                // It is gone since.
                guard got > 0 else { break }
                found += Self.count(of: secret, in: UnsafeRawBufferPointer(rebasing: place[..<got]))
                start += UInt(max(1, got == place.count ? got - secret.count + 1 : got))
            }
        }
        return found
    }

    private static func count(of secret: Secret, in bytes: UnsafeRawBufferPointer) -> Int {
        secret.withUnsafeBytes { secret in
            let (wanted, all) = (Self.data(secret), Self.data(bytes))
            var (found, start) = (0, 0)
            while let next = all.range(of: wanted, in: start..<all.count) {
                found += 1
                start = next.lowerBound + 1
            }
            return found
        }
    }

    /// Without a copy.
    private static func data(_ bytes: UnsafeRawBufferPointer) -> Data {
        Data(
            bytesNoCopy: UnsafeMutableRawPointer(mutating: bytes.baseAddress!),
            count: bytes.count,
            deallocator: .none
        )
    }
}
