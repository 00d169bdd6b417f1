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
}
