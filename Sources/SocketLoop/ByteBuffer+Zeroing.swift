internal import Glibc
package import NIOCore

extension ByteBuffer {
    /// Overwrites everything that was written into the buffer with zeros, also for other holders of its memory: for secrets that are needed no more.
    package func zero() {
        var all = self
        all.moveReaderIndex(to: 0)
        all.withUnsafeReadableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            explicit_bzero(UnsafeMutableRawPointer(mutating: base), bytes.count)
        }
    }

    /// Puts bytes behind these. Memory that they outgrow is zeroed: the allocator would leave a copy behind.
    package mutating func appendZeroing(_ more: ByteBuffer) {
        if writableBytes < more.readableBytes {
            let old = self
            self = ByteBuffer()
            reserveCapacity(max(2 * old.readableBytes, old.readableBytes + more.readableBytes))
            writeImmutableBuffer(old)
            old.zero()
        }
        writeImmutableBuffer(more)
    }
}
